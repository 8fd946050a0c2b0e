/** What the runs of the chaos on Slurm are to be, and how they come: alone, or a few as one array. */
import path from 'node:path';
import type { TrainerPlan } from '../chaos/plan.ts';
import type { Random } from '../chaos/random.ts';

export const kinds = {
  short: 6,
  seconds: 10,
  failing: 5,
  retried: 8,
  stopped: 6,
  gpus: 6,
  artifact: 4,
  array: 5,
} as const;
export type Kind = keyof typeof kinds;

export type SlurmPlan = {
  key: string;
  kind: Kind;
  trainer: TrainerPlan;
  config: { command: string[]; cwd: string; [name: string]: unknown };
  /** How often it may be tried again, and whether a failure of its own is. */
  retries: number;
  retriesFailures: boolean;
  /** Milliseconds after the submit; null: nobody stops it. */
  stopAfterMs: number | null;
};

/** Runs that are submitted by one call. */
export type Wave = readonly SlurmPlan[];

/** Exactly `count` runs, each kind among them as often as its weight says, as far as there is room. */
export function planWaves(of: {
  count: number;
  random: Random;
  root: string;
  trainer: string;
}): Wave[] {
  const { count, random } = of;
  const weights = Object.entries(kinds) as [Kind, number][];
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const drawn = weights.flatMap(([kind, weight]) =>
    Array.from({ length: Math.max(1, Math.round((count * weight) / total)) }, () => kind),
  );
  const waves: Wave[] = [];
  let number = 0;
  const next = (kind: Kind): SlurmPlan => {
    number += 1;
    return planRun({ ...of, number, kind });
  };
  for (const kind of random.shuffled(drawn)) {
    const left = count - number;
    if (left <= 0) break;
    const size = kind === 'array' ? Math.min(left, random.between(2, 4)) : 1;
    waves.push(Array.from({ length: size }, () => next(kind)));
  }
  while (number < count) waves.push([next('seconds')]);
  return waves;
}

function planRun(of: {
  number: number;
  kind: Kind;
  random: Random;
  root: string;
  trainer: string;
}): SlurmPlan {
  const { number, kind, random, root, trainer: program } = of;
  const key = `run-${number}`;
  const gpus = kind === 'gpus' ? random.between(1, 2) : 0;
  const long = kind !== 'short' && kind !== 'failing';
  const trainer: TrainerPlan = {
    journal: path.join(root, 'journals', key),
    key,
    ticks: kind === 'stopped' ? 400 : long ? random.between(10, 60) : random.between(1, 8),
    tick_ms: random.between(100, 250),
    per_tick: random.between(1, 8),
    exit: kind === 'failing' || (kind === 'retried' && random.chance(0.4)) ? number + 2 : 0,
    signal: 0,
    ignore_term: false,
    children: 0,
    gpus,
    // Each node has GPUs of its own, by the same numbers.
    gpu_dir: path.join(root, 'gpus', '@NODE@'),
    artifact: kind === 'artifact',
    heals_at: kind === 'retried' && random.chance(0.5) ? 2 : 0,
  };
  const here = 'exec "$0" "$(printf %s "$1" | sed "s/@NODE@/$SLURMD_NODENAME/")"';
  const retriesFailures = kind === 'retried' && trainer.exit !== 0;
  const retries = kind === 'retried' ? random.between(1, 3) : random.chance(0.3) ? 2 : 0;
  const config: SlurmPlan['config'] = {
    command: ['sh', '-c', here, program, JSON.stringify(trainer)],
    cwd: path.join(root, 'cwd'),
    name: key,
    gpus,
    stop: { grace_s: random.between(5, 20) / 10 },
  };
  if (trainer.artifact) Object.assign(config, { isolate: true, artifacts: ['*.txt'] });
  if (retries > 0)
    config.retry = {
      max: retries,
      backoff_s: random.pick([0, 0.1, 1]),
      on: retriesFailures ? ['exit', 'lost'] : ['lost'],
    };
  const stopAfterMs = kind === 'stopped' ? random.between(0, 12_000) : null;
  return { key, kind, trainer, config, retries, retriesFailures, stopAfterMs };
}
