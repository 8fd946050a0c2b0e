export { type AttemptStore, openAttemptStore, type StoreOptions } from './attempt-store.ts';
export { type Artifact, type Manifest, type Missing, readManifest } from './manifest.ts';
export type { VideoHeader } from './mp4.ts';
export { type Doomed, doomed, type KeptRun, type Limits } from './retention.ts';
export { createYardStore, type YardStore } from './yard-store.ts';
