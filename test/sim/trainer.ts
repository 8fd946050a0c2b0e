/** A simulated trainer and its descendants. */
import type { ExitRecord } from '../../src/rundir/index.ts';
import type { Truth } from './journal.ts';
import type { Process } from './kernel.ts';
import type { TrainerPlan } from './plan.ts';
import { attemptAt, planAt, type Stage } from './stage.ts';

type End = Pick<ExitRecord, 'kind' | 'code' | 'signal' | 'core'>;

/** Longest that a SIGKILL may take before somebody calls the process unkillable. */
const stuckFromMs = 6_000;

/** Forks it from its recorder; `ended` is told once, when its main process is gone. */
export function startTrainer(
  stage: Stage,
  recorder: Process,
  dir: string,
  plan: TrainerPlan,
  ended: (end: End) => void,
): Process {
  const { machine, schedule, journal, trace } = stage;
  const { runId, attempt } = attemptAt(dir);
  const truth = journal.of(dir);
  truth.forks += 1;
  truth.startedAt = schedule.now();
  truth.talkedAt = schedule.now();
  if (truth.forks > 1) stage.violate('never-twice', `${runId}/${attempt} was forked again`);
  checkEarlier(stage, dir, truth);

  const { healsAt = Number.POSITIVE_INFINITY } = planAt(stage, dir) ?? {};
  const own: End = attempt >= healsAt ? { kind: 'exited', code: 0 } : plan.end;
  const alive: Process[] = [];
  let leftMs = plan.worksMs;
  let since = schedule.now();
  let pendingTerm: string | null = null;
  let callOff: () => void = () => undefined;

  const over = (end: End, by: 'itself' | 'signal' = 'signal'): void => {
    if (main.gone) return;
    if (by === 'itself' || truth.endedBy !== 'somebody') truth.endedBy = by;
    callOff();
    machine.end(main);
    truth.end = end;
    stage.trainerEnded.get(runId)?.();
    trace.note(`trainer ${runId}/${attempt} ended ${end.kind} ${end.code ?? end.signal}`);
    for (const [index, child] of plan.children.entries()) {
      const process = alive[index];
      if (process !== undefined && !child.stays)
        schedule.after(1, null, () => machine.end(process));
    }
    ended(end);
  };
  const work = (): void => {
    since = schedule.now();
    callOff = schedule.after(leftMs, null, () => over(own, 'itself'));
  };
  const stop = (): void => {
    if (main.stopped) return;
    main.stopped = true;
    leftMs = Math.max(0, leftMs - (schedule.now() - since));
    callOff();
  };
  const term = (signal: string): void => {
    if (plan.onTerm === 'ignores') return;
    const end: End =
      plan.onTerm === 'exits' ? { kind: 'exited', code: 0 } : { kind: 'signaled', signal };
    schedule.after(plan.termMs, null, () => over(end));
  };
  const onSignal = (signal: string): void => {
    if (main.gone) return;
    if (signal === 'SIGKILL')
      die(stage, dir, plan.stuckMs, () => over({ kind: 'signaled', signal }));
    else if (signal === 'SIGSTOP') stop();
    else if (signal === 'SIGCONT') {
      if (!main.stopped) return;
      main.stopped = false;
      if (pendingTerm !== null) term(pendingTerm);
      pendingTerm = null;
      work();
    } else if (main.stopped) pendingTerm = signal;
    else term(signal);
  };
  const onReboot = (): void => {
    truth.rebooted = true;
    callOff();
  };
  const main = machine.spawn({ kind: 'trainer', marker: dir, session: null, onSignal, onReboot });
  machine.inherit(recorder, main);
  stage.endTrainer.set(runId, () => {
    if (!main.stopped) over(plan.end, 'itself');
  });
  for (const child of plan.children) alive.push(startChild(stage, main, dir, child.stuckMs));
  trace.note(`trainer ${runId}/${attempt} forked`);
  work();
  return main;
}

/** A descendant: it works on until it is killed. */
function startChild(stage: Stage, parent: Process, dir: string, stuckMs: number): Process {
  const { machine } = stage;
  const child = machine.spawn({
    kind: 'child',
    marker: dir,
    session: parent.session,
    onSignal(signal) {
      if (signal === 'SIGKILL') die(stage, dir, stuckMs, () => machine.end(child));
      if (signal === 'SIGSTOP') child.stopped = true;
      if (signal === 'SIGCONT') child.stopped = false;
    },
    onReboot: () => undefined,
  });
  machine.inherit(parent, child);
  return child;
}

/** Another attempt may follow one that ran only where the run is to be tried again, and nothing of that one lives. */
function checkEarlier(stage: Stage, dir: string, truth: Truth): void {
  const { journal, machine, violate } = stage;
  const { runId, attempt } = truth;
  const { retry } = planAt(stage, dir)?.config ?? {};
  for (const before of journal.run(runId)) {
    if (before === truth || before.forks === 0) continue;
    if (retry === undefined || before.attempt > attempt)
      violate('never-twice', `${runId}/${attempt} began although ${before.attempt} had run`);
    const left = machine.marked(`/sim/runs/${runId}/attempts/${before.attempt}`);
    if (left.length > 0)
      violate(
        'never-twice',
        `${runId}/${attempt} began, and ${left.length} of ${before.attempt} live`,
      );
  }
}

function die(stage: Stage, dir: string, stuckMs: number, gone: () => void): void {
  if (stuckMs >= stuckFromMs) {
    const { runId } = attemptAt(dir);
    if (!stage.journal.of(dir).stuck) stage.faults.strike('leftovers', runId);
    stage.journal.of(dir).stuck = true;
  }
  if (stuckMs === 0) gone();
  else stage.schedule.after(stuckMs, null, gone);
}
