export { hostOf, isLoopback } from './addresses.ts';
export {
  type DaemonStatus,
  type ErrorDetail,
  finalStatuses,
  type HealthReason,
  type InputRef,
  type ListFilter,
  type LogBegun,
  type LogChunk,
  type LogGap,
  type LogLine,
  type LogsRequest,
  type OrchestratorPort,
  type Reason,
  type Recovery,
  type RetryRequest,
  type RunEvent,
  type RunHandle,
  type RunStatus,
  type RunSummary,
  runStatuses,
  type SubmitRequest,
} from './api.ts';
export { type Cause, type CauseCode, causeCodes, isCause } from './causes.ts';
export { canonicalJson, configDigest, type TrainRunConfig, validateConfig } from './config.ts';
export type {
  ArtifactRange,
  AttemptSeen,
  Chart,
  ConsoleLink,
  ConsolePort,
  RotatedToken,
  RunDetails,
  ShowingPort,
  TokenRotation,
  Transition,
} from './console.ts';
export type { ArtifactsMessage } from './gen/artifacts.v1.ts';
export type { MetricsMessage } from './gen/metrics.v1.ts';
export {
  type GroupFilter,
  type GroupState,
  type GroupStop,
  type GroupSummary,
  type GroupsPort,
  type GroupWatch,
  submitsMost,
} from './groups.ts';
export {
  controlMaxBytes,
  fromStatus,
  fromStruct,
  loadProto,
  orchestratorService,
  type Struct,
  serviceName,
  toStatus,
  toStruct,
} from './grpc.ts';
export { headlineOf } from './headline.ts';
export type {
  GapReason,
  MetricBatch,
  MetricGap,
  MetricKey,
  MetricKeysRequest,
  MetricPoint,
  MetricSnapshot,
  MetricsRequest,
  MetricThinning,
  MetricWireBatch,
} from './metrics.ts';
export { type CapturePlan, captureEnv, capturePlan } from './presets.ts';
export type {
  BusPort,
  BusStream,
  Reader,
  ReaderCredential,
  ReadersPort,
  Subscriber,
} from './readers.ts';
export type {
  ArtifactItem,
  ArtifactsRequest,
  GarbageRequest,
  Removal,
  RemovedRun,
  RetentionPort,
} from './retention.ts';
export { validatorOf, violationsOf } from './schemas.ts';
export {
  loadSettings,
  type Notify,
  type NotifyMessage,
  type Origins,
  resolveHome,
  type Settings,
  settingsFile,
} from './settings.ts';
export type {
  DrainReply,
  DrainRequest,
  GpuHolder,
  GpuItem,
  RunPlan,
  SupplyPort,
} from './supply.ts';
