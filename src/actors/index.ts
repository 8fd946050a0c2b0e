export { durable } from './durable.ts';
export { type EffectDeps, provideRun } from './effects.ts';
export { envOf, envUnset, trainerEnv } from './environment.ts';
export { type KnownRunOptions, knownRun } from './known-run.ts';
export { createOrchestrator, type Orchestrator } from './orchestrator.ts';
export { preflight } from './preflight.ts';
export { upgraded } from './snapshots.ts';
export { createSupervisor, type Supervisor } from './supervisor.ts';
