export { type AccessFiles, type BusAccess, readAccess } from './access.ts';
export type { AllCredentials, BusCredentials } from './accounts.ts';
export { findBinary, findNatsServer, natsModule } from './binary.ts';
export { type AnyBusFile, type BusFile, readBusFile, writeBusFile } from './bus-file.ts';
export {
  type BusToCheck,
  changeReplicas,
  checkBus,
  type Look,
  lookAtStreams,
  type StreamLook,
} from './checking.ts';
export { type BusPlace, connectDaemon, connectWorker, type NatsConnection } from './connection.ts';
export { type StreamOwner, shownUrl } from './external.ts';
export { isCurrent, mintWorker, readSigner, type Signer } from './minting.ts';
export { streamNames, subjects } from './names.ts';
export { type BusKeys, type BusPlan, makeKeys, planBus, workersAccount } from './operator.ts';
export {
  type PlannedFile,
  plannedFiles,
  type ServersPlan,
  serversUrl,
  unmadeKeys,
} from './operator-files.ts';
export { purgeRun } from './purge.ts';
export { type KeptReader, newPassword, unexpired } from './readers.ts';
export { createRelay, type OutboxRow, type OutboxSource, type Relay } from './relay.ts';
export { seenStreams, seenSubscribers } from './seen.ts';
export {
  type Address,
  type BusServer,
  createBusServer,
} from './server.ts';
export { reservedUsers } from './server-config.ts';
export { type Batch, createStoredReader, type Stored, type StoredReader } from './stored.ts';
export { type StreamState, streamStates } from './stream-state.ts';
export { ensureStreams, missingStreams, type StreamShape, type StreamsOptions } from './streams.ts';
export { createSubject } from './subject.ts';
export { answerTalk } from './talk.ts';
export { createStreamWatch, type StreamWatch } from './watch.ts';
