/** What one run of the chaos test is to be: its trainer, and what its client will do to it. */
import path from 'node:path';
import type { Random } from './random.ts';

/** What trainer.go is told. */
export type TrainerPlan = {
  journal: string;
  key: string;
  ticks: number;
  tick_ms: number;
  per_tick: number;
  exit: number;
  /** A signal that it ends itself by, or 0. */
  signal: number;
  ignore_term: boolean;
  /** Processes that leave its session and outlive it unless somebody ends them. */
  children: number;
  gpus: number;
  gpu_dir: string;
  artifact: boolean;
  /** From this attempt on it succeeds; 0: never. */
  heals_at: number;
};

export type RunPlan = {
  key: string;
  kind: Kind;
  /** Long: what is live at every kill. Else short: what begins and ends meanwhile. */
  long: boolean;
  trainer: TrainerPlan;
  config: { command: string[]; cwd: string; [name: string]: unknown };
  limited: boolean;
  /** How often it may be tried again. */
  retries: number;
  /** Milliseconds after the submit; null: never. */
  stopAfterMs: number | null;
  stopNow: boolean;
  pauseAfterMs: number | null;
  /** The client sends the submit twice, as one that lost its answer would. */
  twice: boolean;
};

const kinds = {
  plain: 34,
  failing: 14,
  killed: 6,
  leaving: 8,
  stubborn: 8,
  gpu: 12,
  limited: 4,
  artifact: 6,
} as const;
export type Kind = keyof typeof kinds;

const sigkill = 9;
/** Never over by itself within the test: only a stop, a limit or a lost recorder ends it. */
const endlessTicks = 100_000;

export function planRun(of: {
  number: number;
  long: boolean;
  random: Random;
  root: string;
  trainer: string;
}): RunPlan {
  const { number, long, random, root, trainer: program } = of;
  const key = `run-${number}`;
  const picked = pickKind(random);
  // Long ones with GPUs would keep all others with GPUs waiting.
  const kind = long && picked === 'gpu' ? 'plain' : picked;
  /** How much slower the long ones are. */
  const pace = long ? 12 : 1;
  const endless = kind === 'stubborn' || kind === 'limited';
  const gpus = kind === 'gpu' ? random.between(1, 2) : 0;
  const trainer: TrainerPlan = {
    journal: path.join(root, 'journals', key),
    key,
    ticks: endless ? endlessTicks : long ? random.between(40, 120) : random.between(1, 10),
    tick_ms: long ? random.between(800, 1600) : random.between(10, 300),
    per_tick: random.between(1, 8),
    exit: kind === 'failing' ? random.between(1, 90) : 0,
    signal: kind === 'killed' ? sigkill : 0,
    ignore_term: kind === 'stubborn',
    children: kind === 'leaving' || kind === 'stubborn' || random.chance(0.1) ? 1 : 0,
    gpus,
    gpu_dir: path.join(root, 'gpus'),
    artifact: kind === 'artifact',
    heals_at: random.chance(0.5) ? random.between(2, 4) : 0,
  };
  const config: RunPlan['config'] = {
    command: [program, JSON.stringify(trainer)],
    cwd: path.join(root, 'cwd'),
    name: key,
    gpus,
    stop: { grace_s: random.between(1, 10) / 10 },
  };
  if (kind === 'limited') config.time_limit_s = random.between(2, 5) * pace;
  if (trainer.artifact) Object.assign(config, { isolate: true, artifacts: ['*.txt'] });
  const fails = kind === 'failing' || kind === 'killed';
  const retries = random.chance(fails ? 0.6 : 0.2) ? random.between(1, 3) : 0;
  if (retries > 0) config.retry = { max: retries, backoff_s: random.pick([0, 0.1, 1]) };
  const stopped = kind === 'stubborn' || random.chance(0.12);
  return {
    key,
    kind,
    long,
    trainer,
    config,
    limited: kind === 'limited',
    retries,
    stopAfterMs: stopped ? random.between(0, 6000) * pace : null,
    stopNow: random.chance(0.2),
    pauseAfterMs:
      kind !== 'stubborn' && random.chance(0.08) ? random.between(200, 4000) * pace : null,
    twice: random.chance(0.2),
  };
}

function pickKind(random: Random): Kind {
  const entries = Object.entries(kinds) as [Kind, number][];
  let left = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of entries) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'plain';
}
