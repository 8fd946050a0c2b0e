/** What an ambush takes: the cell that it is for, the kinds of fault, and runs that come there. */
import { type Cell, keyOf, reachable, toldByWorkers } from './coverage.ts';
import type { FaultKind } from './faults.ts';
import { afterAny, planRule, type RunPlan } from './plan.ts';
import type { Random } from './random.ts';

export type Ambush = Omit<Cell, 'fault'> & { fault: FaultKind };

const cells = reachable().filter((cell): cell is Ambush => cell.fault !== 'none');

/** One of those whose name holds `part`, and that need no other kinds of fault than these; null: any kinds. */
export function drawAmbush(
  random: Random,
  part: string,
  among: readonly FaultKind[] | null,
): Ambush | null {
  const fitting = cells.filter(
    (cell) =>
      keyOf(cell).includes(part) &&
      (among === null || kindsOf(cell).every((kind) => among.includes(kind))),
  );
  return fitting.length === 0 ? null : random.pick(fitting);
}

/** What has to strike besides, so that the event comes about. */
const causes: Readonly<Record<string, readonly FaultKind[]>> = {
  'trainer.vanished': ['recorder.kill', 'trainer.kill'],
  'recorder.lost': ['recorder.kill'],
  'attempt.lost': ['rundir.lost'],
  'machine.rebooted': ['machine.reboot'],
  'launch.failed': ['recorder.fails'],
};

/** What has to strike so that this one's event comes about. */
export function causesOf({ state, event }: Ambush): readonly FaultKind[] {
  // Whoever is stopped does not end by itself.
  if (event === 'trainer.exited' && /^running\.(paused|resuming)/.test(state)) {
    return ['trainer.kill'];
  }
  if (event === 'attempt.voided') return ['recorder.kill'];
  if (event === 'trainer.vanished' && state === 'running.starting') return ['recorder.kill'];
  // Its first worker has made it go on, and did not come to tell.
  const isLate = event === 'trainer.stalled' || event === 'rule.met';
  if (isLate && state === 'running.resuming') return ['worker.kill'];
  return causes[event] ?? [];
}

export function kindsOf(ambush: Ambush): FaultKind[] {
  const { state, fault, event } = ambush;
  const kinds = new Set<FaultKind>([fault, ...causesOf(ambush)]);
  if (isDeaf(ambush) || event === 'start.timed_out') kinds.add('worker.mute');
  // What a worker tells after a silence comes before its next beat only over a new connection.
  if (state === 'running.silent' && toldByWorkers.test(event)) kinds.add('wire.cut');
  if (state === 'allocating.leasing') kinds.add('write.fails');
  if (state === 'stopping.releasing') kinds.add('rundir.lost');
  if (event === 'effect.failed') kinds.add('rundir.full').add('launch.refused');
  // A full directory is only noticed by who writes to it: a worker that takes over.
  if (fault === 'rundir.full' || fault === 'recorder.fails') kinds.add('worker.kill');
  if (fault === 'leftovers') kinds.add('trainer.kill');
  kinds.delete('leftovers');
  return [...kinds];
}

/** Its runs last until somebody misses their workers. */
function isDeaf({ state, event }: Ambush): boolean {
  return state === 'running.silent' || event === 'worker.silent';
}

/** Until when the ambush lasts, in milliseconds after the last submit. */
export function lastsMs(ambush: Ambush, random: Random): number {
  if (ambush.event === 'start.timed_out') return 150_000;
  return isDeaf(ambush) ? 50_000 : random.between(4_000, 25_000);
}

/** A run as it has to be for this ambush; some are of another kind, that it does not wait for itself alone. */
export function planForAmbush(plan: RunPlan, ambush: Ambush, random: Random): RunPlan {
  const { state, event } = ambush;
  if (random.chance(0.15)) return plan;
  if (state === 'queued') return waiting(plan, event, random);
  if (state.startsWith('allocating')) {
    return { ...plan, preflight: event === 'preflight.failed' ? 'fails' : 'slow' };
  }
  const isLate = /^stopping\.(collecting|releasing)$/.test(state);
  return {
    ...plan,
    config: configFor(plan.config, ambush, random),
    preflight: 'passes',
    artifacts: isLate ? random.pick(['slow', 'slow', 'some', 'fail']) : plan.artifacts,
    wishes: [],
    trainer: trainerFor(plan.trainer, ambush, random),
  };
}

/** Held, where it is to be let go; behind another one that may end in the wrong way. */
function waiting(plan: RunPlan, event: string, random: Random): RunPlan {
  const isHeld = event === 'run.release' || (event !== 'run.grant' && random.chance(0.3));
  return {
    ...plan,
    config: { ...plan.config, gpus: 2, ...(isHeld ? { hold: true } : {}) },
    after: event === 'run.refuse' ? afterAny(random, plan.id) : plan.after,
  };
}

function configFor(planned: RunPlan['config'], ambush: Ambush, random: Random): RunPlan['config'] {
  const { state, event } = ambush;
  const config = { ...planned };
  delete config.time_limit_s;
  delete config.stall_limit_s;
  delete config.stop_when;
  const soon = state === 'running.starting' ? random.between(1, 2) : random.between(1, 5);
  const limit = isDeaf(ambush) ? random.between(11, 20) : soon;
  if (event === 'limit.reached') config.time_limit_s = limit;
  if (event === 'trainer.stalled') config.stall_limit_s = limit;
  if (event === 'rule.met') config.stop_when = planRule(random, 1000 * limit);
  if (/^stopping\.(collecting|releasing)$/.test(state)) config.artifacts = ['*.pt'];
  const isQuick = event === 'grace.ended' || state === 'stopping.killing';
  config.stop = { grace_s: isQuick ? random.between(0, 2) : random.between(0, 6) };
  return config;
}

function trainerFor(
  trainer: RunPlan['trainer'],
  ambush: Ambush,
  random: Random,
): RunPlan['trainer'] {
  const { state, event, fault } = ambush;
  const isLate = /^stopping\.(collecting|releasing)$/.test(state);
  const isStuck = ['kill.timed_out', 'leftovers.survived'].includes(event) || fault === 'leftovers';
  const stuckMs = isStuck ? random.between(9_000, 30_000) : random.pick([0, 20, 500, 3_000]);
  const refused = random.pick(['noexec', 'notstarted'] as const);
  const isStubborn = /^stopping\.(terminating|killing)$/.test(state);
  return {
    ...trainer,
    refused: state === 'running.starting' && event === 'trainer.exited' ? refused : null,
    worksMs: isLate
      ? random.between(200, 3_000)
      : random.between(2_000, isDeaf(ambush) ? 45_000 : 12_000),
    onTerm: isStubborn ? random.pick(['ignores', 'ignores', 'exits']) : trainer.onTerm,
    termMs: random.pick([0, 200, 1_500, 4_000]),
    talks: event === 'rule.met' || (event !== 'trainer.stalled' && trainer.talks),
    stuckMs,
    children: isLate ? [{ stays: true, stuckMs }] : trainer.children,
  };
}
