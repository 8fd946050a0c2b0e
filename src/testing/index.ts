/** For tests against the charts: the package's `runyard/testing`. */
export {
  type Divergence,
  quiet,
  type RecordedEvent,
  type Replay,
  type ReplayedStep,
  replay,
  replaying,
} from '../machines/index.ts';
export { runEventsIn, runInput, runPayloads, runRetry } from './payloads.ts';
export { runStateKey } from './state-key.ts';
