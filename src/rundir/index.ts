export { decodeEnv, encodeEnv } from './environment.ts';
export {
  judge,
  makeDirectory,
  neverRan,
  type Records,
  type Verdict,
  voidStart,
  writeAtomic,
} from './files.ts';
export {
  bootId,
  type Identity,
  identityOf,
  isAlive,
  type Kernel,
  type ProcessStat,
  processStat,
} from './identity.ts';
export { lastOutput } from './last-output.ts';
export {
  createLineSplitter,
  firstState,
  type Gap,
  type Line,
  type LineSplitter,
  lineMaxBytes,
  missingAtEnd,
  type Piece,
  type SplitterState,
} from './lines.ts';
export {
  createOutputReader,
  type GapReason,
  type OutputReader,
  type OutputRecord,
  type Place,
  type StreamName,
} from './output.ts';
export { attemptDir, attemptFiles, runDir, runFiles } from './paths.ts';
export {
  type Claim,
  type Drained,
  type ExitRecord,
  type Launch,
  readClaim,
  readDrained,
  readExit,
  readLaunch,
  readStart,
  type Start,
} from './records.ts';
