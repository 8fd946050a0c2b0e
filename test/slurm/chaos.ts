/** One whole round of chaos on Slurm: a cluster and a yard, their runs, kills until all are over, and the verdict. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { createRandom } from '../chaos/random.ts';
import { removeTree } from '../remove-tree.ts';
import { type Checked, check } from './chaos-checker.ts';
import { createChaosKiller, type Killed, type Lane, lanes } from './chaos-killer.ts';
import { type ChaosRun, createChaosLoad } from './chaos-load.ts';
import { planWaves } from './chaos-plan.ts';
import { counts } from './chaos-verdict.ts';
import { startSlurmYard } from './yard.ts';

export type SlurmChaosOptions = {
  seed: number;
  runs: number;
  /** Runs under way at a time. */
  open: number;
  /** Between two kills of a lane, about. */
  everyMs: number;
  /** For as long as this there are kills; the rest goes on in peace. */
  killMs: number;
  /** How long runs may take to be over once the kills are. */
  settleMs: number;
  progress: (text: string) => void;
};

export type SlurmChaosReport = {
  killed: readonly Killed[];
  notes: readonly string[];
  runs: readonly ChaosRun[];
  tookMs: number;
} & Checked;

export async function slurmChaos(options: SlurmChaosOptions): Promise<SlurmChaosReport> {
  const from = performance.now();
  const random = createRandom(options.seed);
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'rsc-'));
  try {
    const trainer = path.join(root, 'trainer');
    const source = path.join(import.meta.dirname, '../chaos/trainer.go');
    await execa('go', ['build', '-o', trainer, source], { env: { CGO_ENABLED: '0', GOFLAGS: '' } });
    await using yard = await startSlurmYard();
    for (const name of [
      'journals',
      'cwd',
      'gpus',
      ...yard.slurm.nodes.map((node) => `gpus/${node}`),
    ])
      fs.mkdirSync(path.join(root, name));
    const waves = planWaves({ count: options.runs, random, root, trainer });
    const mark = process.env.RUNYARD_TEST_MARK;
    const env = {
      ...{ PATH: process.env.PATH ?? '', HOME: '/nonexistent', TMPDIR: root },
      ...(mark === undefined ? {} : { RUNYARD_TEST_MARK: mark }),
    };
    const load = createChaosLoad({ client: yard.client, waves, env, open: options.open });
    const signal = AbortSignal.timeout(options.killMs);
    const killer = createChaosKiller({ yard, load, random, signal });
    // The last few come to no end while daemons die faster than they may conclude that something is silent.
    const goesOn = (): boolean =>
      !signal.aborted && !(load.allIn() && load.openCount() < options.open / 2);
    const strikes = async (lane: Lane): Promise<void> => {
      while (goesOn()) {
        // A slurmctld needs some seconds until it starts anything again.
        const pace = (lane === 'slurm' ? 3 : 1) * options.everyMs;
        await sleep(random.between(pace / 2, 2 * pace));
        await killer.strike(lane);
        if (lane === 'slurm') await killer.mend();
      }
    };
    const tell = setInterval(() => {
      const seconds = Math.round((performance.now() - from) / 1000);
      const over = load.runs.length - load.openCount();
      options.progress(`${killer.killed.length} kills, ${over} runs over, ${seconds} s`);
    }, 15_000);
    await Promise.all((Object.keys(lanes) as Lane[]).map(strikes));
    clearInterval(tell);
    options.progress(`no more kills; waiting for ${load.openCount()} runs`);
    const peace = setInterval(() => void killer.mend().catch(() => undefined), 3000);
    await load.settle(options.settleMs);
    clearInterval(peace);
    const { killed, notes } = killer;
    const checked = await check({ yard, load, killed, root });
    return { killed, notes, runs: load.runs, tookMs: performance.now() - from, ...checked };
  } finally {
    removeTree(root);
  }
}

export function complaintsOf({ findings }: SlurmChaosReport): string[] {
  return counts.flatMap((name) => findings[name].map((text) => `${name}: ${text}`));
}
