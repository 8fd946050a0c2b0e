export { type DaemonEvent, daemonMachine } from './daemon.machine.ts';
export { after, type Instant, msUntil } from './instant.ts';
export { quiet } from './quiet.ts';
export {
  type Divergence,
  type RecordedEvent,
  type Replay,
  type ReplayedStep,
  replay,
  replaying,
} from './replay.ts';
export { runMachine } from './run.machine.ts';
export { outcomeOf } from './run.outcomes.ts';
export { backoffOf, retryCausesOf } from './run.retry.ts';
export { stateOf } from './run.state.ts';
export {
  type Alarm,
  type AttemptEnd,
  type AttemptInput,
  type FinalStatus,
  type Outcome,
  type RetryCause,
  type RetryPolicy,
  type RunCommand,
  type RunContext,
  type RunEvent,
  type RunFact,
  type RunInput,
  runMachineVersion,
  type StopRequest,
  type TrainerExit,
} from './run.types.ts';
export { type WorkerEvent, workerMachine } from './worker.machine.ts';
