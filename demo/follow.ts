/** Follows a run: its states as they come, its progress and its curve. */
import type { TrainerClient } from '../src/client/index.ts';
import type { RunSummary } from '../src/contracts/index.ts';
import { drawCurve, type Point } from './curve.ts';
import type { Show } from './show.ts';

export type State = { readonly name: string; readonly at: string };
export type Followed = {
  readonly run: RunSummary;
  readonly states: readonly State[];
  readonly points: readonly Point[];
};

const redrawMs = 200;
const plainMs = 2000;
/** How long points may trail behind the run's final event. */
const trailMs = 5000;
const curveRows = 8;

/** Resolves with the finished run; earlier, with the run as it is, when `signal` is aborted. */
export async function follow(options: {
  client: TrainerClient;
  runId: string;
  steps: number;
  show: Show;
  signal: AbortSignal;
}): Promise<Followed> {
  const { client, runId, steps, show, signal } = options;
  const states: State[] = [];
  const points: Point[] = [];
  const done = new AbortController();
  const draw = (): void => {
    if (show.tty) show.draw(picture(points, steps, show.columns()));
    else if (points.length > 0) show.line(`  ${progressLine(points, steps)}`);
  };
  const timer = setInterval(draw, show.tty ? redrawMs : plainMs);
  const collectPoints = async (): Promise<void> => {
    const until = AbortSignal.any([signal, done.signal]);
    const key = 'charts/episodic_return';
    for await (const batch of client.metrics(runId, { follow: true, key, signal: until })) {
      // The event file has them too, but writes them out late.
      const isPrinted = ({ source }: { source: string }): boolean => source === 'stdout';
      for (const { step, value } of batch.points.filter(isPrinted))
        points.push({ step: Number(step), value });
    }
  };
  const collecting = collectPoints();
  collecting.catch(() => undefined);
  try {
    for await (const { to, at } of client.events(runId, { untilDone: true, signal })) {
      if (states.at(-1)?.name === to) continue;
      states.push({ name: to, at });
      show.line(`  ${glyph(to)} ${to}`);
      if (show.tty) draw();
    }
    const giveUp = setTimeout(() => done.abort(), trailMs);
    await collecting.finally(() => clearTimeout(giveUp));
  } finally {
    clearInterval(timer);
    done.abort();
  }
  show.line();
  const run = await client.get(runId);
  // The last episode ends somewhere before the last step.
  const reached = run.status === 'completed' ? steps : 0;
  for (const line of picture(points, steps, show.columns(), reached)) show.line(line);
  return { run, states, points };
}

function picture(points: readonly Point[], steps: number, columns: number, reached = 0): string[] {
  const label = `  episodic return of ${points.length} episodes`;
  const curve = drawCurve(points, { columns, rows: curveRows, lastStep: steps, label });
  return [...curve, `  ${progressLine(points, steps, reached)}`];
}

function progressLine(points: readonly Point[], steps: number, reached = 0): string {
  const step = Math.max(reached, points.at(-1)?.step ?? 0);
  const share = Math.min(1, step / steps);
  const filled = Math.round(share * 24);
  const bar = '█'.repeat(filled) + '░'.repeat(24 - filled);
  const mean = meanOfLast(points, 20);
  const shown = mean === null ? '–' : mean.toFixed(0);
  return `${bar} ${(share * 100).toFixed(0).padStart(3)} %  step ${step.toLocaleString('en')}  return ${shown}`;
}

/** Mean value of the last `count` points; null without any. */
export function meanOfLast(points: readonly Point[], count: number): number | null {
  const last = points.slice(-count);
  if (last.length === 0) return null;
  return last.reduce((sum, { value }) => sum + value, 0) / last.length;
}

function glyph(state: string): string {
  if (state.startsWith('queued')) return '○';
  if (state.startsWith('allocating')) return '◐';
  if (state.startsWith('running')) return '●';
  if (state.startsWith('stopping')) return '◑';
  if (state === 'done.completed') return '✓';
  return state === 'done.cancelled' ? '⊘' : '✗';
}
