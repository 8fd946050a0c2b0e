export type { TransitionSeen } from './events.ts';
export type { Span } from './span.ts';
export { createTrail, type EndReason, type RunSeen, type Trail } from './trail.ts';
