export { type DaemonAddress, discover } from './discover.ts';
export type { EventsOptions, LogsOptions, MetricsOptions, StreamOptions } from './streams.ts';
export type { ConnectOptions } from './target.ts';
export {
  connect,
  type ManyOptions,
  type ManySubmit,
  type PauseOptions,
  type ReaderOptions,
  type RetryOptions,
  type RotateOptions,
  type StopOptions,
  type SubmitOptions,
  type TrainerClient,
} from './trainer.client.ts';
