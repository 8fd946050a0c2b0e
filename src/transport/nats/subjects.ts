/** Names on the bus. The yard comes first in each, so that yards can be joined later. */
import { RunyardError } from '../../errors.ts';

/** What is stored; beats are not. */
export const streamKinds = ['events', 'facts', 'metrics', 'logs', 'artifacts'] as const;
export type StreamKind = (typeof streamKinds)[number];

export type Subjects = Readonly<Record<StreamKind | 'beat', (runId: string) => string>>;

/** Subjects of a run, e.g. `subjects('ws1').events(runId)`; `*` as the run matches all. */
export function subjects(yard: string): Subjects {
  checkYard(yard);
  const of = (kind: string) => (runId: string) => {
    if (runId !== '*' && !/^[A-Za-z0-9_-]+$/.test(runId)) {
      throw new RunyardError('internal', `run id ${JSON.stringify(runId)} is no subject token`);
    }
    return `${yard}.runs.${runId}.${kind}`;
  };
  return {
    events: of('events'),
    facts: of('facts'),
    metrics: of('metrics'),
    logs: of('logs'),
    artifacts: of('artifacts'),
    beat: of('beat'),
  };
}

/** Stream of each kind, e.g. `WS1_EVENTS`. Stable across restarts. */
export function streamNames(yard: string): Readonly<Record<StreamKind, string>> {
  checkYard(yard);
  const of = (kind: StreamKind): string => `${yard.toUpperCase()}_${kind.toUpperCase()}`;
  return {
    events: of('events'),
    facts: of('facts'),
    metrics: of('metrics'),
    logs: of('logs'),
    artifacts: of('artifacts'),
  };
}

/** The run of a subject, or null if it is none of ours. */
export function runOf(subject: string): string | null {
  const [, runs, runId, , rest] = subject.split('.');
  return runs === 'runs' && rest === undefined && runId !== undefined ? runId : null;
}

/**
 * Lower case only: two yards that differ by case alone would share streams. Throws settings_invalid.
 */
function checkYard(yard: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(yard)) return;
  throw new RunyardError(
    'settings_invalid',
    `the yard's name ${JSON.stringify(yard)} must be 1 to 32 of a-z, 0-9 and -, ` +
      'and begin with a letter or digit',
  );
}
