export {
  accountName,
  type Foreign,
  type ForeignPolicy,
  foreignOn,
  processUser,
} from './foreign.ts';
export type { Gpu, GpuProcess } from './gpu.ts';
export { createInventory, type Inventory, type InventoryOptions } from './inventory.ts';
