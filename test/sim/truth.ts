/** never-lost: whether what a run is said to have come to is what really happened to it. */
import type { Truth } from './journal.ts';
import type { RunPlan } from './plan.ts';

export type End = {
  status: string;
  code: string;
  text: string;
  exit: { kind: string; code?: number; signal?: string } | null;
};

export type Circumstances = {
  plan: RunPlan;
  /** Of the last attempt; null when nothing is known of it. */
  truth: Truth | null;
  earlier: readonly Truth[];
  stopAsked: boolean;
  muted: boolean;
  reboots: number;
  /** Since the last attempt got its slots; null when it never did. */
  leasedForMs: number | null;
  /** A disk refused something in this world. */
  diskTrouble: boolean;
  /** What it waited for, and what became of that. */
  after: readonly { on: string; state: string }[];
  /** A launch was refused for good in this world. */
  refused: boolean;
  /** The power was lost in a world whose disk may not have taken what had been decided. */
  undecided: boolean;
};

const startPatienceMs = 120_000;

/** Why the end is not true, or null. */
export function falsehood(end: End, about: Circumstances): string | null {
  const { truth } = about;
  if (end.exit !== null) {
    const { recorded } = truth ?? {};
    const same =
      recorded?.kind === end.exit.kind &&
      recorded.code === end.exit.code &&
      recorded.signal === end.exit.signal;
    if (!same) return `its exit is ${JSON.stringify(end.exit)}, not ${JSON.stringify(recorded)}`;
  } else if (truth?.recorded != null && !truth.directoryLost && end.code !== 'unkillable') {
    return `its exit was recorded as ${JSON.stringify(truth.recorded)} and is not told`;
  }
  return unjustified(end, about);
}

/** Why the reason is not true, or null. */
export function unjustified(end: End, about: Circumstances): string | null {
  const justified = causes[end.code];
  if (justified === undefined) return `nobody knows the reason ${end.code}`;
  return justified(end, about) ? null : `${end.code} (${end.text}) is not what happened`;
}

/** Not because we made it end: that would be our reason to tell. */
const byItself = ({ truth, undecided }: Circumstances): boolean =>
  truth?.endedBy === 'itself' || (undecided && truth?.endedBy === 'signal');

const causes: Readonly<Record<string, (end: End, about: Circumstances) => boolean>> = {
  completed: (_, about) => about.truth?.end?.code === 0 && byItself(about),
  stopped: (_, { stopAsked }) => stopAsked,
  exit_nonzero: (_, about) =>
    about.truth?.end?.kind === 'exited' && about.truth.end.code !== 0 && byItself(about),
  signal: (_, about) =>
    about.truth?.end?.kind === 'signaled' &&
    (about.truth.endedBy === 'somebody' || byItself(about)),
  noexec: (_, { truth }) => truth?.end?.kind === 'noexec',
  not_started: (_, { truth }) => truth?.end?.kind === 'notstarted',
  exit_unobserved: (_, { truth }) => truth?.recorderKilled === true || truth?.rebooted === true,
  machine_rebooted: (_, { reboots }) => reboots > 0,
  trainer_vanished: (_, { truth }) => truth?.directoryLost === true,
  time_limit: (_, { plan, leasedForMs, reboots }) =>
    plan.config.time_limit_s !== undefined &&
    leasedForMs !== null &&
    // After a reboot only the wall clock is left, and that may have been set.
    (reboots > 0 || leasedForMs >= 1000 * plan.config.time_limit_s - 2),
  stalled: (_, { plan, truth }) =>
    plan.config.stall_limit_s !== undefined && truth !== null && truth.forks === 1,
  stop_rule: (_, { truth }) => truth?.ruleMet === true,
  // No recorder came to claim it, or none came in time.
  launch_failed: (_, { truth, leasedForMs, reboots }) =>
    (truth?.forks ?? 0) === 0 ||
    (leasedForMs !== null && (reboots > 0 || leasedForMs >= startPatienceMs)),
  voided: (_, { truth, earlier }) => [...earlier, truth].every((each) => (each?.forks ?? 0) === 0),
  // A worker that cannot be heard until the patience is over leaves the daemon with the same view.
  unkillable: (_, { truth, muted }) => truth?.stuck === true || muted,
  dependency_failed: (_, { after }) =>
    after.some(({ on, state }) => on !== 'any' && state.startsWith('done.') && !fulfils(on, state)),
  preflight_failed: (_, { plan }) => plan.preflight === 'fails',
  internal: (_, { diskTrouble, refused }) => diskTrouble || refused,
};

/** Whether what became of a run is what another one waits for. */
export function fulfils(on: string, state: string): boolean {
  if (!state.startsWith('done.')) return false;
  return on === 'any' || (on === 'ok') === (state === 'done.completed');
}
