/** The part of the control API that is about what the yard has to give out. */

export type GpuHolder = {
  run_id: string;
  user: string;
  since: string;
  share: number;
  memory_mib: number;
};
export type GpuItem = {
  id: string;
  index: number;
  vendor: string;
  name: string;
  memory_mib: number;
  /** -1: not known, as of the use in percent. */
  used_mib: number;
  utilization: number;
  state: 'free' | 'held' | 'shared' | 'foreign' | 'drained' | 'aside' | 'sick';
  text: string;
  holders: GpuHolder[];
  foreign: string;
  part_of: string;
};
export type DrainRequest = { target: string; on: boolean; reason: string; user: string };
export type DrainReply = { target: string; on: boolean; live_runs: number };
export type RunPlan = { verdict: 'starts' | 'waits' | 'refused'; text: string; slots: string[] };

/** What the yard has to give out. */
export interface SupplyPort {
  gpus(): GpuItem[];
  /** Resolves after it is synced to disk. Throws `usage` for a GPU that is not there. */
  setDrain(request: DrainRequest): Promise<DrainReply>;
}
