/** Which hooks are to be told of a transition, and of runs that wait. */
import crypto from 'node:crypto';
import {
  finalStatuses,
  type Notify,
  type RunEvent,
  type Settings,
  type TrainRunConfig,
} from '../../contracts/index.ts';
import type { RunRow, RunStore } from '../../persistence/index.ts';
import type { Due, Ledger } from './ledger.ts';

export type Hook = Notify & { key: string };

const waitDefaultS = 3600;
const groupsKept = 100;

export function hooksOf({ notify }: Settings): Hook[] {
  return notify.map((hook) => ({
    ...hook,
    key: crypto.hash('sha256', JSON.stringify([hook.on, hook.command])).slice(0, 16),
  }));
}

/** What an event of a run gives cause to tell. */
export function owedFor(
  event: RunEvent,
  store: RunStore,
  hooks: readonly Hook[],
  ledger: Ledger,
): Due[] {
  if (!event.to.startsWith('done.')) return [];
  const row = store.run(event.run_id);
  // It was removed since.
  if (row === undefined) return [];
  const bad = ['failed', 'lost', 'rejected'].includes(row.status);
  const owed: Due[] = [];
  const owe = (hook: Hook, kind: string, id: string, group: string): void => {
    if (!concerns(hook, row)) return;
    const what = { id, event: kind, hook: hook.key, run: row.run_id, group, at: event.at };
    owed.push({ ...what, tries: 0, notBefore: 0 });
  };
  const group = row.grp === '' ? null : groupId(store, row.grp);
  const fresh = group !== null && !ledger.groups.includes(group);
  for (const hook of hooks) {
    // A hook for both is told once, of the worse.
    const kind = bad && hook.on.includes('failed') ? 'failed' : 'done';
    if (hook.on.includes(kind)) owe(hook, kind, `${event.run_id}:${event.seq}`, '');
    if (fresh && hook.on.includes('group')) owe(hook, 'group', group, row.grp);
  }
  if (fresh) ledger.groups = [...ledger.groups, group].slice(-groupsKept);
  return owed;
}

/** Runs that fell due as waiting since the last look. Moves the hook's mark. */
export function owedWaiting(store: RunStore, hook: Hook, ledger: Ledger, nowMs: number): Due[] {
  const afterMs = 1000 * (hook.after_s ?? waitDefaultS);
  const from = ledger.waited[hook.key] ?? nowMs - afterMs;
  const upto = nowMs - afterMs;
  ledger.waited[hook.key] = Math.max(from, upto);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return store.waitingSince(iso(from), iso(upto)).flatMap(({ run_id: run }) => {
    const row = store.run(run);
    if (row === undefined || !concerns(hook, row)) return [];
    const { start_after: later = '' } = JSON.parse(row.config) as { start_after?: string };
    if (Date.parse(later) > nowMs) return [];
    const what = { id: `${run}:waiting`, event: 'waiting', hook: hook.key, run, group: '' };
    return [{ ...what, at: iso(nowMs), tries: 0, notBefore: 0 }];
  });
}

function concerns({ name, users, projects }: Hook, row: RunRow): boolean {
  const { notify } = JSON.parse(row.config) as Pick<TrainRunConfig, 'notify'>;
  if (notify !== undefined && (name === undefined || !notify.includes(name))) return false;
  if (users !== undefined && !users.includes(row.user)) return false;
  return projects === undefined || projects.includes(row.project);
}

/** Of a group of which no run is left; null while one is. */
function groupId(store: RunStore, group: string): string | null {
  const counts = store.groupCounts(group);
  if (counts.some(({ status }) => !(finalStatuses as readonly string[]).includes(status)))
    return null;
  const runs = counts.reduce((sum, each) => sum + each.runs, 0);
  return `g:${group}:${runs}`;
}
