/** The last page of the demo: what happened, where it lies, what to try next. */
import fs from 'node:fs';
import path from 'node:path';
import type { DemoDaemon } from './daemon.ts';
import { type Followed, meanOfLast, type State } from './follow.ts';
import type { Show } from './show.ts';

export function report(options: {
  followed: Followed;
  daemon: DemoDaemon;
  temporary: boolean;
  show: Show;
}): void {
  const { followed, daemon, temporary, show } = options;
  const { run, states, points } = followed;
  const why = run.why === '' ? '' : ` (${run.why})`;
  show.line();
  show.line(`run ${run.run_id}: ${run.status}${why}`);
  show.line('states:');
  for (const [name, duration] of durations(states)) {
    show.line(`  ${name.padEnd(24)} ${duration}`);
  }
  const mean = meanOfLast(points, 20);
  const shown = mean === null ? 'none was seen' : mean.toFixed(1);
  show.line(`final return: ${shown} (mean of the last ${Math.min(20, points.length)} episodes)`);
  show.line('artifacts:');
  for (const artifact of artifactsOf(run.artifact_manifest)) show.line(`  ${artifact}`);

  const attempt = path.join(run.run_dir, 'attempts', String(run.attempt));
  const runyard = `${daemon.prefix}bin/runyard`;
  show.line(temporary ? 'where things lie, until this ends:' : 'where things lie:');
  show.line(`  output   ${attempt}/out.*    ${runyard} logs ${run.run_id}`);
  show.line(`  events   ${daemon.home}/registry.db    ${runyard} events ${run.run_id}`);
  show.line(`  metrics  on the bus    ${runyard} metrics ${run.run_id}`);
  show.line('what to try next:');
  if (temporary) {
    show.line('  bin/runyard up');
    show.line(`  bin/runyard run -- python3 -c 'print("hello")'`);
    show.line('  npm run demo, on a terminal: there the daemon and its runs stay');
    show.line('Without a terminal all of it is taken down again now.');
    return;
  }
  show.line(`  ${runyard} ls -a`);
  show.line(`  ${runyard} show ${run.run_id}`);
  show.line(`  ${runyard} submit -- python3 -c 'print("hello")'`);
  show.line(`  ${runyard} logs -f @last`);
  show.line(`  ${runyard} down`);
}

/** Each state with how long it lasted; the last one lasts. */
function durations(states: readonly State[]): [string, string][] {
  return states.map(({ name, at }, index) => {
    const next = states[index + 1];
    if (next === undefined) return [name, ''];
    const ms = Date.parse(next.at) - Date.parse(at);
    return [name, ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`];
  });
}

function artifactsOf(manifest: string): string[] {
  if (manifest === '') return ['none'];
  try {
    const { artifacts } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as {
      artifacts: { name: string; size: number }[];
    };
    const lines = artifacts.map(({ name, size }) => `${name}  ${(size / 1024).toFixed(0)} KiB`);
    return [...lines, `listed in ${manifest}`];
  } catch {
    return [manifest];
  }
}
