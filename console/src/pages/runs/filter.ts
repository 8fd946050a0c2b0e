/** Which runs are shown and in which order; all of it is in the address. */
import { statuses } from '../../../../src/units.ts';
import { order } from '../../data/order.ts';
import type { RunSummary } from '../../data/types.ts';

export type Filter = {
  /** Empty: any. */
  status: readonly string[];
  /** A state of the chart and all within it; empty: any. */
  state: string;
  user: string;
  project: string;
  group: string;
  text: string;
};
export const columns = ['status', 'name', 'user', 'project', 'age', 'time'] as const;
export type Column = (typeof columns)[number];
export type Sort = { by: Column | 'life'; isDown: boolean };

export function readFilter(query: URLSearchParams): Filter {
  const word = (name: string): string => query.get(name) ?? '';
  return {
    status: word('status')
      .split(',')
      .filter((each) => each !== ''),
    state: word('state'),
    user: word('user'),
    project: word('project'),
    group: word('group'),
    text: word('q'),
  };
}

export function readSort(query: URLSearchParams): Sort {
  const text = query.get('sort') ?? '';
  const name = text.replace(/^-/, '');
  const by = columns.find((each) => each === name);
  return by === undefined ? { by: 'life', isDown: false } : { by, isDown: text.startsWith('-') };
}

/** Whether anything is asked for. */
export function isPlain(filter: Filter): boolean {
  return Object.values(filter).every((value) => value.length === 0);
}

export function isShown(run: RunSummary, filter: Filter): boolean {
  const { status, state, user, project, group, text } = filter;
  if (status.length > 0 && !status.includes(run.status)) return false;
  if (state !== '' && run.state !== state && !run.state.startsWith(`${state}.`)) return false;
  if (user !== '' && run.user !== user) return false;
  if (project !== '' && run.project !== project) return false;
  if (group !== '' && run.group !== group) return false;
  return text === '' || isFound(run, text.toLowerCase());
}

function isFound(run: RunSummary, text: string): boolean {
  const { run_id: id, name, command, why, tags, note, user, project, group } = run;
  return [id, name, command, why, note, user, project, group, ...tags].some((part) =>
    part.toLowerCase().includes(text),
  );
}

const rank = new Map<string, number>(statuses.map((status, index) => [status, index]));
export const liveStatuses: readonly string[] = statuses.slice(0, 4);

/** What runs comes first, then what waits, then what is over, the newest of each first; unless a column says otherwise. */
export function sorted(runs: RunSummary[], { by, isDown }: Sort): RunSummary[] {
  const newest = (a: RunSummary, b: RunSummary): number =>
    order(b.submitted_at, a.submitted_at) || order(b.run_id, a.run_id);
  const turn = ({ status }: RunSummary): number =>
    status === 'queued' ? 1 : liveStatuses.includes(status) ? 0 : 2;
  const key = (run: RunSummary): string | number => {
    if (by === 'status') return rank.get(run.status) ?? 99;
    if (by === 'age') return run.submitted_at;
    if (by === 'time') return lengthOf(run);
    return by === 'life' ? '' : run[by];
  };
  const way = isDown ? -1 : 1;
  return runs.sort((a, b) =>
    by === 'life' ? turn(a) - turn(b) || newest(a, b) : way * order(key(a), key(b)) || newest(a, b),
  );
}

function lengthOf(run: RunSummary): number {
  if (run.started_at === '') return -1;
  const end = run.finished_at === '' ? Date.now() : Date.parse(run.finished_at);
  return end - Date.parse(run.started_at);
}
