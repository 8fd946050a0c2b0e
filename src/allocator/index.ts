export {
  type AllocatorState,
  type Decision,
  decide,
  explain,
  explainOne,
  type Grant,
} from './allocator.ts';
export { estimate, type Pace } from './estimate.ts';
export { type GpuState, type Holding, holdingOf, memoryOn, type Shut } from './gpu.ts';
export { createLine, type Line } from './line.ts';
export {
  type Backoff,
  type Claim,
  compare,
  type Dependency,
  type DependencyEnd,
  isShare,
  type Said,
  sharesPerGpu,
  thousandths,
  type Waiting,
  wholeGpu,
} from './request.ts';
export { type Limits, noLimits, type Supply } from './tally.ts';
export type { Ending, Fate, Lack, Short, Verdict } from './verdict.ts';
export { needText, shortGpu, spanText, words } from './words.ts';
