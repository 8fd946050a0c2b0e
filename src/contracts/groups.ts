/** The part of the control API that is about groups of runs. */

/** Counted from its runs: field for field what the proto says. */
export type GroupSummary = {
  group: string;
  state: GroupState;
  runs: number;
  queued: number;
  held: number;
  allocating: number;
  running: number;
  stopping: number;
  completed: number;
  failed: number;
  cancelled: number;
  rejected: number;
  lost: number;
  superseded: number;
  at_once: number;
  user: string;
  project: string;
  submitted_at: string;
  started_at: string;
  finished_at: string;
};
export type GroupState = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
export type GroupFilter = { all: boolean; user: string; limit: number };
export type GroupWatch = { group: string; until_done: boolean; once: boolean };
export type GroupStop = { group: string; reason: string; user: string; now: boolean };

/** All throw `run_not_found` for a group without runs. */
export interface GroupsPort {
  groups(filter: GroupFilter): Iterable<GroupSummary>;
  watchGroup(request: GroupWatch, signal: AbortSignal): AsyncIterable<GroupSummary>;
  stopGroup(request: GroupStop): AsyncIterable<GroupSummary>;
}

/** Most runs of one `SubmitRuns`: all of them are looked at before the first is stored. */
export const submitsMost = 10_000;
