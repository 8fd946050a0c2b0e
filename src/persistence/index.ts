export { type Checkpointer, createCheckpointer } from './checkpoints.ts';
export {
  createSyncer,
  type Db,
  openDatabase,
  refuseLostRegistry,
  registryError,
  type Syncer,
} from './database.ts';
export { createDurability, type Durability } from './durability.ts';
export type { GroupCount } from './groups.ts';
export { createGuard, type Fault, faultOf, type Guard } from './guard.ts';
export { type KnownRun, writeHistory } from './history.ts';
export { type Home, openHome, refuseNetwork, socketPath } from './home.ts';
export { createInputStore, type InputStore } from './inputs.ts';
export type { LeaseRow, ShutRow } from './leases.ts';
export { type DaemonLock, takeDaemonLock } from './lock.ts';
export {
  createMetricStore,
  type MetricCountRow,
  type MetricKeyRow,
  type MetricStore,
  type Position,
} from './metric.store.ts';
export { type RegistryCopy, readRegistry } from './reading.ts';
export { createRemovals, deletedEvent, type Removals, type Tombstone } from './removals.ts';
export { createReserve, freeBytes, fullPercent, type Reserve } from './reserve.ts';
export {
  type AttemptRow,
  createRunStore,
  type FactMark,
  type NewTransition,
  type RunPatch,
  type RunRow,
  type RunStore,
} from './run.store.ts';
export { openTraceReader, type TraceReader, type TraceRow, type TraceRun } from './trace.reader.ts';
