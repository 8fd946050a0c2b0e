/** What people ask of runs, one by one or of many at once. */

import { useStore } from 'zustand';
import { type Asked, ask, errorText, type Place } from '../data/api.ts';
import { sessionStore } from '../data/session.ts';
import type { RunSummary } from '../data/types.ts';
import { take } from '../data/yard.ts';
import { note } from '../ui/notes.tsx';

export type Verb = 'stop' | 'pause' | 'resume' | 'hold' | 'release' | 'retry';

const done: Readonly<Record<Verb, string>> = {
  stop: 'asked to stop',
  pause: 'asked to pause',
  resume: 'asked to go on',
  hold: 'held back',
  release: 'released',
  retry: 'submitted again',
};

/** Whether this session may change anything. */
export function useMayAct(): boolean {
  return useStore(sessionStore, ({ role }) => role === 'operator');
}

/** Which verbs a run can be asked now. */
export function verbsOf({ status, state, why }: RunSummary): Verb[] {
  if (status === 'queued') return [/runyard release/.test(why) ? 'release' : 'hold', 'stop'];
  if (status === 'allocating') return ['stop'];
  if (status === 'stopping') return ['stop'];
  if (status !== 'running') return ['retry'];
  const isPaused = state.startsWith('running.paused');
  const canPause = state === 'running.live' || state === 'running.silent';
  return [...(isPaused ? (['resume'] as const) : canPause ? (['pause'] as const) : []), 'stop'];
}

/** Asks each, a few at a time, and says how many took it. Resolves to the ids of new runs: those of retries. */
export async function askRuns(
  verb: Verb,
  runs: readonly RunSummary[],
  body: NonNullable<Asked['body']> = {},
): Promise<string[]> {
  const place: Place = `POST /api/runs/:run/${verb}`;
  const refused: string[] = [];
  const made: string[] = [];
  const waiting = [...runs];
  const one = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      try {
        const answer = await ask(place, { params: { run: run.run_id }, body });
        // Of a retry the new run's id; the run itself comes by the stream.
        if ('state' in answer) take([answer]);
        else made.push(answer.run_id);
      } catch (error) {
        refused.push(`${run.name || run.run_id}: ${errorText(error)}`);
      }
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  const count = runs.length - refused.length;
  const [only] = runs;
  const what = runs.length === 1 ? (only?.name ?? '') || (only?.run_id ?? '') : `${count} runs`;
  if (count > 0) note(`${what} ${done[verb]}`);
  const [first] = refused;
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
  if (first !== undefined) note(`${first}${more}`, true);
  return made;
}
