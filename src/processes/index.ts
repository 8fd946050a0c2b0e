export {
  findGroupBase,
  groupMembers,
  isPopulated,
  killGroup,
  removeGroup,
} from './cgroup.ts';
export { type Marked, markedProcesses, markerName } from './marked.ts';
export { createTree, type Tree, type TreeOptions } from './tree.ts';
