export {
  type AllocatorState,
  decide,
  type Grant,
  type Slot,
  type Waiting,
  whyWaiting,
} from './allocator.ts';
