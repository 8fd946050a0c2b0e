export {
  findGroupBase,
  groupMembers,
  isPopulated,
  type KillScope,
  killGroup,
  killScope,
  removeGroup,
} from './cgroup.ts';
export { type Marked, markedProcesses, markerName, markerOf } from './marked.ts';
export { descendantsOf, heldToWrite, writtenByOthers, writtenFiles } from './open-files.ts';
export { createSegments, type Segments } from './shared-memory.ts';
export { createTree, processesOf, type Tree, type TreeOptions } from './tree.ts';
