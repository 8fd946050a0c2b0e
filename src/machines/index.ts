export { type DaemonEvent, daemonMachine } from './daemon.machine.ts';
export { after, type Instant, msUntil } from './instant.ts';
export { runMachine } from './run.machine.ts';
export { outcomeOf } from './run.outcomes.ts';
export {
  type Alarm,
  type AttemptInput,
  type FinalStatus,
  type Outcome,
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
