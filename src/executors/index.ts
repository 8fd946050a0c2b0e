export type {
  AttemptSpec,
  Beat,
  Executor,
  ExecutorEvents,
  Fact,
  Gone,
  Wish,
} from './executor.ts';
export { createLocalExecutor, type LocalExecutorOptions } from './local/index.ts';
export { foundTemps, pruneTemp } from './local/temp.ts';
export { prepare } from './prepare.ts';
export { findRecorder } from './recorder.ts';
export { createRoutedExecutor } from './routed.ts';
export { createSlurmExecutor, type SlurmExecutor } from './slurm/index.ts';
export { type JobFile, readJob } from './slurm/job-file.ts';
export {
  type JobClaim,
  type Parcel,
  parcelIn,
  slotsOfClaim,
  type VoidClaim,
} from './slurm/parcel.ts';
export type { JobRequest } from './slurm/submitting.ts';
export {
  decodeTalk,
  encodeTalk,
  type FileMessage,
  type TalkMessage,
  type TalkPort,
  type TalkReply,
  type TalkRequest,
} from './slurm/talk.ts';
