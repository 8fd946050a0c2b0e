/** What is submitted in a world, and how each trainer will behave. */
import type { TrainRunConfig } from '../../src/contracts/index.ts';
import type { ExitRecord } from '../../src/rundir/index.ts';
import type { Random } from './random.ts';

export type TrainerPlan = {
  /** Time that it runs by itself, not counted while it is stopped. */
  readonly worksMs: number;
  readonly end: Pick<ExitRecord, 'kind' | 'code' | 'signal' | 'core'>;
  /** Not startable at all, as the recorder finds. */
  readonly refused: 'noexec' | 'notstarted' | null;
  readonly onTerm: 'dies' | 'exits' | 'ignores';
  readonly termMs: number;
  /** Descendants: each ends with the trainer, or only when it is killed. */
  readonly children: readonly { readonly stays: boolean; readonly stuckMs: number }[];
  /** How long SIGKILL takes: more than the patience is a process in state D. */
  readonly stuckMs: number;
  readonly talks: boolean;
};

export type RunPlan = {
  readonly id: string;
  readonly atMs: number;
  readonly key: string;
  readonly config: TrainRunConfig;
  readonly trainer: TrainerPlan;
  readonly preflight: 'passes' | 'fails' | 'slow';
  readonly artifacts: 'none' | 'some' | 'fail' | 'slow';
  /** What people ask of it, each so long after its submit. */
  readonly wishes: readonly { readonly atMs: number; readonly wish: ClientWish }[];
  /** So soon after its trainer has ended somebody stops it at once: no patience with what is being collected. */
  readonly impatientMs: number | null;
  /** From this attempt on its trainer would succeed. */
  readonly healsAt: number;
  /** It begins only when an earlier one, by its place in the plan, is over in this way. */
  readonly after: { readonly plan: string; readonly on: 'ok' | 'any' | 'fail' } | null;
};
export type ClientWish =
  | 'stop'
  | 'stop --now'
  | 'pause'
  | 'resume'
  | 'hold'
  | 'release'
  | 'get'
  | 'stop group';

/** Patience of the yard with SIGKILL, and grace of a stop, unless a run says otherwise. */
export const defaults = { graceS: 2, killPatienceS: 8 };
export const gpus = 3;

/** What the people of a world have in common, so that the rarer states see all kinds of weather. */
export const moods = [
  'mixed',
  'pausing',
  'limited',
  'stubborn',
  'silent',
  'lingering',
  'deaf',
  'patient',
  'undaunted',
  'sweeping',
] as const;
export type Mood = (typeof moods)[number];

export function planRun(random: Random, id: string, atMs: number, mood: Mood): RunPlan {
  const plan = planAny(random, id, atMs);
  // Not all of them: whoever waits for others is of another kind.
  return mood === 'mixed' || random.chance(0.3) ? plan : inMood[mood](plan, random);
}

const inMood: Readonly<Record<Exclude<Mood, 'mixed'>, (plan: RunPlan, random: Random) => RunPlan>> =
  {
    pausing: (plan, random) => ({
      ...plan,
      trainer: { ...plan.trainer, refused: null, worksMs: random.between(1_000, 9_000) },
      wishes: Array.from({ length: random.between(2, 7) }, () => ({
        atMs: random.between(0, 9_000),
        wish: random.pick(['pause', 'pause', 'resume', 'resume', 'stop'] as const),
      })).sort((a, b) => a.atMs - b.atMs),
    }),
    limited: (plan, random) => ({
      ...plan,
      config: {
        ...plan.config,
        time_limit_s: random.between(1, 12),
        ...(random.chance(0.3) ? { stall_limit_s: random.between(1, 4) } : {}),
      },
      trainer: { ...plan.trainer, worksMs: random.between(500, 25_000) },
      wishes: random.chance(0.5)
        ? [{ atMs: random.between(300, 5_000), wish: 'pause' as const }]
        : plan.wishes,
    }),
    stubborn: (plan, random) => ({
      ...plan,
      config: { ...plan.config, stop: { grace_s: random.between(0, 3) } },
      trainer: {
        ...plan.trainer,
        refused: null,
        worksMs: random.between(2_000, 25_000),
        onTerm: random.pick(['ignores', 'ignores', 'dies', 'exits']),
        termMs: random.pick([200, 1_500]),
        stuckMs: random.pick([1, 20, 500, 3_000, random.between(2_000, 25_000)]),
      },
      wishes: [
        { atMs: random.between(0, 4_000), wish: 'stop' as const },
        ...(random.chance(0.3)
          ? [{ atMs: random.between(4_000, 6_000), wish: 'stop --now' as const }]
          : []),
      ],
    }),
    silent: (plan, random) => ({
      ...plan,
      config: { ...plan.config, stall_limit_s: random.between(1, 12) },
      trainer: {
        ...plan.trainer,
        refused: null,
        worksMs: random.between(4_000, 25_000),
        talks: random.chance(0.3),
      },
    }),
    deaf: (plan, random) => ({
      ...plan,
      config: {
        ...plan.config,
        ...(random.chance(0.3) ? { time_limit_s: random.between(8, 30) } : {}),
        ...(random.chance(0.3) ? { stall_limit_s: random.between(8, 25) } : {}),
      },
      trainer: {
        ...plan.trainer,
        refused: null,
        worksMs: random.between(8_000, 40_000),
        talks: random.chance(0.5),
      },
      wishes: Array.from({ length: random.between(0, 3) }, () => ({
        atMs: random.between(8_000, 35_000),
        wish: random.pick(['pause', 'resume', 'stop'] as const),
      })).sort((a, b) => a.atMs - b.atMs),
    }),
    patient: (plan, random) => ({
      ...plan,
      config: {
        ...plan.config,
        ...(random.chance(0.5) ? { hold: true } : {}),
        gpus: random.between(1, 2),
      },
      after: random.chance(0.6) ? afterAny(random, plan.id) : null,
      wishes: Array.from({ length: random.between(1, 5) }, () => ({
        atMs: random.between(0, 6_000),
        wish: random.pick(['hold', 'release', 'release', 'hold', 'stop'] as const),
      })).sort((a, b) => a.atMs - b.atMs),
    }),
    undaunted: (plan, random) => ({
      ...plan,
      config: {
        ...plan.config,
        retry: planRetry(random),
        ...(random.chance(0.2) ? { time_limit_s: random.between(1, 4) } : {}),
      },
      trainer: {
        ...plan.trainer,
        worksMs: random.between(0, 2_500),
        end: random.chance(0.8) ? planFailure(random) : plan.trainer.end,
      },
      wishes: random.chance(0.5)
        ? [{ atMs: random.between(0, 15_000), wish: random.pick(['stop', 'pause'] as const) }]
        : plan.wishes,
      impatientMs: random.chance(0.15) ? random.int(400) : null,
    }),
    sweeping: (plan, random) => ({
      ...plan,
      config: {
        ...plan.config,
        group: random.pick(['g', 'g', 'h']),
        ...(random.chance(0.7) ? { at_once: random.between(1, 3) } : {}),
        ...(random.chance(0.5) ? { retry: planRetry(random) } : {}),
      },
      trainer: {
        ...plan.trainer,
        worksMs: random.between(0, 2_500),
        end: random.chance(0.5) ? planFailure(random) : plan.trainer.end,
      },
      wishes: random.chance(0.15)
        ? [{ atMs: random.between(0, 6_000), wish: 'stop group' as const }]
        : random.chance(0.3)
          ? plan.wishes
          : [],
    }),
    lingering: (plan, random) => ({
      ...plan,
      config: { ...plan.config, artifacts: ['*.pt'] },
      artifacts: 'slow',
      impatientMs: random.chance(0.6) ? random.int(250) : null,
      trainer: {
        ...plan.trainer,
        children: Array.from({ length: 2 }, () => ({
          stays: random.chance(0.7),
          stuckMs: planStuck(random, 0.3),
        })),
      },
    }),
  };

function planAny(random: Random, id: string, atMs: number): RunPlan {
  const trainer = planTrainer(random);
  const config: TrainRunConfig = { command: ['train', id], cwd: '/exp', gpus: planGpus(random) };
  if (random.chance(0.12)) config.time_limit_s = random.between(1, 6);
  if (random.chance(0.1)) config.stall_limit_s = random.between(1, 4);
  if (random.chance(0.3)) config.stop = { grace_s: random.between(0, 3) };
  if (random.chance(0.3)) config.priority = random.between(-1, 1);
  if (random.chance(0.1)) config.cpus = random.between(1, 3);
  if (random.chance(0.15)) config.artifacts = ['*.pt'];
  if (random.chance(0.2)) config.retry = planRetry(random);
  if (random.chance(0.1)) config.stop_when = planRule(random, 1_500);
  return {
    id,
    atMs,
    key: random.chance(0.8) ? `key-${id}` : '',
    config,
    trainer,
    preflight: random.chance(0.05) ? 'fails' : random.chance(0.2) ? 'slow' : 'passes',
    artifacts: random.pick(['some', 'some', 'fail', 'slow']),
    wishes: planWishes(random),
    impatientMs: null,
    healsAt: random.between(2, 5),
    after: random.chance(0.08) ? afterAny(random, id) : null,
  };
}

/** Of those that are submitted before; whether it is known by then is another question. */
export function afterAny(random: Random, id: string): RunPlan['after'] {
  const earlier = Number(id.slice(1));
  if (earlier === 0) return null;
  return { plan: `r${random.int(earlier)}`, on: random.pick(['ok', 'any', 'fail']) };
}

function planGpus(random: Random): number {
  if (random.chance(0.4)) return 0;
  if (random.chance(0.2)) return random.pick([0.25, 0.5, 0.75]);
  return random.chance(0.03) ? gpus : random.between(1, 2);
}

function planTrainer(random: Random): TrainerPlan {
  const children = random.chance(0.25) ? random.between(1, 2) : 0;
  return {
    worksMs: random.chance(0.05) ? random.between(5_000, 25_000) : random.between(0, 1_500),
    end: planEnd(random),
    refused: random.chance(0.03) ? random.pick(['noexec', 'notstarted']) : null,
    onTerm: random.pick(['dies', 'dies', 'exits', 'ignores']),
    termMs: random.pick([0, 5, 200, 1_500]),
    children: Array.from({ length: children }, () => ({
      stays: random.chance(0.5),
      stuckMs: planStuck(random, 0.06),
    })),
    stuckMs: planStuck(random, 0.05),
    talks: random.chance(0.6),
  };
}

function planStuck(random: Random, often: number): number {
  return random.chance(often) ? random.between(2_000, 25_000) : random.pick([0, 0, 1, 20]);
}

/** Mostly all causes; sometimes few, so that what is not named is not tried again. */
function planRetry(random: Random): NonNullable<TrainRunConfig['retry']> {
  const some = ['exit', 'signal', 'oom', 'stall', 'time_limit', 'lost', 'unobserved'] as const;
  return {
    max: random.between(1, 3),
    ...(random.chance(0.5)
      ? { on: [random.pick(some), random.pick(some), random.pick([1, 2, 143])] }
      : {}),
    backoff_s: random.pick([0, 0.02, 1, 4]),
    backoff_factor: random.pick([1, 2]),
    ...(random.chance(0.3) ? { backoff_max_s: random.between(1, 5) } : {}),
  };
}

/** Fulfilled so many milliseconds after the start of a trainer that talks (`pump` in worker.ts). */
export function planRule(random: Random, mostMs: number): { key: string; below: number }[] {
  return [{ key: 'loss', below: -random.between(1, mostMs) }];
}

function planEnd(random: Random): TrainerPlan['end'] {
  if (random.chance(0.65)) return { kind: 'exited', code: 0 };
  return planFailure(random);
}

function planFailure(random: Random): TrainerPlan['end'] {
  if (random.chance(0.6)) return { kind: 'exited', code: random.pick([1, 2, 137, 143, 255]) };
  const signal = random.pick(['SIGSEGV', 'SIGTERM', 'SIGKILL', 'SIGABRT']);
  return { kind: 'signaled', signal, core: random.chance(0.3) };
}

function planWishes(random: Random): RunPlan['wishes'] {
  if (random.chance(0.55)) return [];
  const count = random.between(1, 4);
  const kinds: ClientWish[] = [
    ...(['stop', 'stop --now', 'pause', 'resume', 'pause', 'pause', 'get'] as const),
    ...(['hold', 'release'] as const),
  ];
  return Array.from({ length: count }, () => ({
    atMs: random.chance(0.3) ? random.between(0, 100) : random.between(0, 6_000),
    wish: random.pick(kinds),
  })).sort((a, b) => a.atMs - b.atMs);
}
