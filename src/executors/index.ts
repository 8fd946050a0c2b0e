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
export { findRecorder } from './recorder.ts';
export { createRoutedExecutor } from './routed.ts';
export { createSlurmExecutor, type SlurmExecutor } from './slurm/index.ts';
export { type JobFile, readJob } from './slurm/job-file.ts';
export { jobsDir } from './slurm/open-jobs.ts';
export { type JobClaim, type Parcel, slotsOfClaim } from './slurm/parcel.ts';
export type { JobRequest } from './slurm/submitting.ts';
export type { TalkPort, TalkReply } from './slurm/talk.ts';
