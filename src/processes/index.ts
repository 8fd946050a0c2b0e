export {
  findGroupBase,
  groupMembers,
  isPopulated,
  killGroup,
  removeGroup,
} from './cgroup.ts';
export { type Marked, markedProcesses } from './marked.ts';
export { createTree, type Tree } from './tree.ts';
