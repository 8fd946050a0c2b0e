export { decodeEnv, encodeEnv } from './environment.ts';
export {
  type ExitRecord,
  judge,
  type Launch,
  readClaim,
  readLaunch,
  type Verdict,
  voidStart,
  writeAtomic,
} from './files.ts';
export { bootId, type Identity, identityOf, isAlive, type ProcessStat, processStat } from './identity.ts';
export {
  createLineSplitter,
  firstState,
  type Gap,
  type Line,
  type LineSplitter,
  type Piece,
  type SplitterState,
} from './lines.ts';
export {
  createOutputReader,
  type OutputReader,
  type OutputRecord,
  type Place,
  type StreamName,
} from './output.ts';
export { attemptDir, attemptFiles, runDir, runFiles } from './paths.ts';
