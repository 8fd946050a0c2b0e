/** One whole round of chaos: a yard, its runs, kills until there were enough, and the verdict. */
import path from 'node:path';
import { execa } from 'execa';
import { check, type Findings, writeFindings } from './checker.ts';
import { createKiller, type Kills } from './killer.ts';
import { createLoad } from './load.ts';
import { createRandom } from './random.ts';
import { openYard } from './yard.ts';

export type ChaosOptions = {
  seed: number;
  kills: number;
  /** Live runs at each kill, at least. */
  live: number;
  /** How long a failpoint may stay armed with nothing passing it. */
  armedMs: number;
  /** Failpoints that are armed at the same time, at most. */
  together: number;
  /** How long runs may take to be over once the kills are. */
  settleMs: number;
  progress: (text: string) => void;
  /** Ends it early; everything is cleaned up. */
  signal?: AbortSignal;
};

export type ChaosReport = {
  kills: Kills;
  total: number;
  /** Hits of each failpoint. */
  hits: Map<string, number>;
  runs: number;
  started: number;
  tookMs: number;
  findings: Findings;
  /** Where its files are, when there was something to find. */
  kept: string | null;
};

const gpus = 4;
const progressEvery = 25;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const began = performance.now();
  const random = createRandom(options.seed);
  const parallel = options.live + 19;
  const yard = await openYard({ random, parallel, gpus });
  let keep = true;
  try {
    const trainer = await buildTrainer(yard.root);
    // Sometimes fewer than may be live, sometimes more, so that there are free places and waiting runs.
    const wave = () => 3 + Math.round(5 * (1 + Math.sin(performance.now() / 7000)));
    const open = () => ({ long: options.live + 9, short: wave() });
    const load = createLoad({ yard, random, trainer, open });
    const { live, armedMs, together, signal } = options;
    const killer = createKiller({ yard, load, random, live, armedMs, together, signal });
    let told = 0;
    while (killer.total() < options.kills && signal?.aborted !== true) {
      await killer.strike();
      if (Math.floor(killer.total() / progressEvery) === told) continue;
      told = Math.floor(killer.total() / progressEvery);
      const seconds = Math.round((performance.now() - began) / 1000);
      const over = load.runs.filter(({ done }) => done !== null).length;
      options.progress(`${killer.total()} kills, ${over} runs over, ${seconds} s`);
    }
    options.progress('no more kills; waiting for the runs that are left');
    await load.settle(options.settleMs);
    const findings = await check({ yard, load, kills: killer.kills, gpus });
    const hits = new Map<string, number>();
    for (const { name } of yard.hits()) hits.set(name, (hits.get(name) ?? 0) + 1);
    keep = Object.values(findings).some((list) => list.length > 0);
    if (keep) writeFindings(path.join(yard.root, 'findings.json'), findings);
    return {
      kills: killer.kills,
      total: killer.total(),
      hits,
      runs: load.runs.length,
      started: load.runs.filter(({ done }) => done?.started_at).length,
      tookMs: performance.now() - began,
      findings,
      kept: keep ? yard.root : null,
    };
  } finally {
    await yard.clean(keep && process.env.RUNYARD_CHAOS_KEEP === '1');
  }
}

async function buildTrainer(root: string): Promise<string> {
  const program = path.join(root, 'trainer');
  const source = path.join(import.meta.dirname, 'trainer.go');
  await execa('go', ['build', '-o', program, source], { env: { CGO_ENABLED: '0', GOFLAGS: '' } });
  return program;
}
