/** The effects of the worker chart, for one attempt. */
import { createActor } from 'xstate';
import { failpoint } from '../failpoints.ts';
import { type WorkerEvent, workerMachine } from '../machines/index.ts';
import type { Tree } from '../processes/index.ts';
import type { Identity } from '../rundir/index.ts';
import { every } from '../telemetry/index.ts';
import type { WorkerBus } from './bus.ts';
import { createCollecting } from './collecting.ts';
import type { WorkerConfig } from './config.ts';
import type { Control } from './conversation.ts';
import { effecting } from './effecting.ts';
import type { Feed } from './feed.ts';
import { createLaunching, type Launching } from './launching.ts';
import { type Machine, thisMachine } from './machine.ts';
import type { Recorders } from './recorders.ts';
import { createPointWatch } from './rules.ts';
import type { StallWatch } from './stall.ts';
import { createWishes } from './wishes.ts';

const beatMs = 1000;
/** How long unacknowledged facts wait while no daemon is connected. */
const lonelyMs = 15_000;

export type AttemptDone = {
  refused: string | null;
  /** Resolves when all output is published, or will not be. */
  feedDone: Promise<void>;
  giveUp: () => void;
};

export type AttemptMeans = {
  bus: WorkerBus;
  recorders: Recorders;
  /** Resolves when a launch that was to be told is told. */
  told: Promise<void>;
  onAttached: () => void;
};

/** Looks after one attempt until its facts are acknowledged. */
export async function runAttempt(
  config: WorkerConfig,
  means: AttemptMeans,
  machine: Machine = thisMachine(),
): Promise<AttemptDone> {
  const session = createSession(config, means, machine);
  const actor = createActor(workerMachine.provide({ actors: session.actors }));
  const failed = new Promise<void>((resolve) => {
    actor.subscribe({ error: () => resolve(), complete: () => resolve() });
  });
  actor.start();
  await failed;
  const refused = session.refused();
  return { refused, feedDone: session.close(), giveUp: session.giveUp };
}

function createSession(config: WorkerConfig, means: AttemptMeans, machine: Machine) {
  const { clock, bootId, judge, readLaunch, voidStart, until } = machine;
  const { dir, run_id: runId, attempt } = config;
  const { bus, onAttached } = means;
  let control: Control | null = null;
  let refused: string | null = null;
  let trainer: Identity | null = null;
  let recorderLost = false;
  let seenEnd = false;
  const pointWatch = createPointWatch({
    rules: () => machine.readSpec(dir).stop_when ?? [],
    file: machine.ruleFile(dir),
    isOver: () => seenEnd,
    met: (text) => fact('rule.met', { text }),
  });
  const feed: Feed = machine.createFeed({
    dir,
    runId,
    attempt,
    fresh: attempt === 1 && config.generation === 1,
    logs: bus.subject(runId, 'logs'),
    metrics: bus.subject(runId, 'metrics'),
    onPoint: pointWatch.note,
  });
  const pumping = machine.startPump(feed, dir, () => stall?.heard());
  let stall: StallWatch | null = null;
  let stopBeats: () => void = () => undefined;

  const fact = (name: string, data: Record<string, unknown> = {}): void =>
    control?.fact(name, data);

  const effect = (act: (signal: AbortSignal) => Promise<WorkerEvent | null>) =>
    effecting(act, machine.complain);
  const passed = (ms: number): Promise<void> =>
    new Promise((resolve) => clock.after(ms, () => resolve()));

  const launching: Launching = createLaunching({
    config,
    judge,
    voidStart,
    until,
    recorders: means.recorders,
    failed: (text) => fact('launch.failed', { text }),
  });
  void means.told.then(() => launching.permit());

  const treeOf = (of: Identity): Tree =>
    machine.createTree(of, dir, readLaunch(dir)?.cgroup ?? null);

  const wishes = createWishes({
    tree: () => (trainer === null || seenEnd ? null : treeOf(trainer)),
    pauseStall: (paused) => stall?.pause(paused),
    fact,
    passed,
  });
  const collecting = createCollecting({
    config,
    machine,
    bus,
    feed,
    pumping,
    onPoint: pointWatch.note,
    lastMetric: pointWatch.last,
    fact,
    passed,
  });

  const attach = async (): Promise<WorkerEvent> => {
    control = await machine.openControl({
      config,
      clock,
      onWish: (wished) => {
        wishes.receive(wished);
        if (wishes.isEnd()) launching.refuse();
        wishes.obey();
      },
      onGo: () => launching.permit(),
      onFact: (stated) => bus.fact(runId, stated),
    });
    if (control === null) {
      refused = 'another worker reads this attempt';
      return { type: 'attempt.refused', text: refused };
    }
    onAttached();
    failpoint('worker.attached');
    const beat = (): void => {
      control?.beat(pointWatch.last(), pumping.trouble());
      const { lines, points } = feed.counts();
      bus.beat(runId, {
        v: 1,
        run_id: runId,
        attempt,
        at: clock.iso(),
        lines,
        points,
        last_metric: pointWatch.last(),
      });
    };
    stopBeats = every(clock, beatMs, beat);
    return { type: 'attempt.attached' };
  };

  const launch = async (signal: AbortSignal): Promise<WorkerEvent | null> => {
    const launchFile = readLaunch(dir);
    const foreign = launchFile !== null && launchFile.boot_id !== bootId();
    if (foreign && judge(dir).kind !== 'exited') {
      voidStart(dir);
      fact('machine.rebooted');
      return { type: 'trainer.ended' };
    }
    // An earlier worker had it: nobody can say any more how far it came.
    if (launchFile === null && config.generation > 1) return lost();
    failpoint('worker.launching');
    if (launchFile === null) voidStart(dir);
    else await launching.begin(signal);
    failpoint('worker.launched');
    return until(dir, signal, (): WorkerEvent | null => {
      const verdict = judge(dir);
      switch (verdict.kind) {
        case 'voided':
          fact('attempt.voided');
          return { type: 'attempt.voided' };
        case 'claimed':
          if (verdict.recorderAlive || voidStart(dir) === 'started') return null;
          fact('attempt.voided');
          return { type: 'attempt.voided' };
        case 'started':
          if (verdict.trainer === null && verdict.recorderAlive) return null;
          return found(verdict.trainer);
        case 'exited':
          if (verdict.trainer !== null) return found(verdict.trainer);
          return ended(verdict.record);
        default:
          // Removed before anybody claimed it: no recorder can begin any more.
          return launchFile !== null && isRemoved() ? lost() : null;
      }
    });
  };

  const found = (identity: Identity | null): WorkerEvent => {
    trainer = identity;
    failpoint('worker.found');
    if (identity !== null)
      fact('trainer.started', { pid: identity.pid, start_time: identity.start_time });
    // What ran before the last boot is over, and its files may be incomplete.
    if (identity !== null && identity.boot_id !== bootId()) return { type: 'trainer.found' };
    const { stall_ms: limitMs } = machine.readSpec(dir);
    stall ??= machine.createStallWatch({
      clock,
      limitMs,
      // Paused it says nothing, and a new worker may look before it is told of the pause.
      silentMs: () =>
        identity !== null && machine.isStopped(identity)
          ? 0
          : machine.silentFor(dir, clock.now().wall_ms),
      onStall: (text) => fact('trainer.stalled', { text }),
    });
    if (identity !== null) {
      collecting.begin(identity);
      pointWatch.begin();
    }
    wishes.obey();
    return { type: 'trainer.found' };
  };

  const ended = (record: object): WorkerEvent => {
    seenEnd = true;
    failpoint('worker.ended');
    fact('trainer.exited', { exit: record });
    return { type: 'trainer.ended' };
  };

  /** It was there when the attempt was launched. */
  const isRemoved = (): boolean => readLaunch(dir) === null;

  /** What may still live of the attempt is ended by the daemon's own sweep. */
  const lost = (): WorkerEvent => {
    seenEnd = true;
    fact('attempt.lost', { text: `the directory ${dir} was removed while it ran` });
    return { type: 'attempt.lost' };
  };

  const follow = (signal: AbortSignal): Promise<WorkerEvent | null> =>
    until(dir, signal, (): WorkerEvent | null => {
      if (isRemoved()) return lost();
      const verdict = judge(dir);
      // Its pid is written down a moment after the start.
      const written = 'trainer' in verdict ? verdict.trainer : null;
      if (trainer === null && written !== null) found(written);
      if (verdict.kind === 'exited') return ended(verdict.record);
      if (verdict.kind === 'unclaimed') return lost();
      if (verdict.kind !== 'started' || verdict.recorderAlive) return null;
      // The recorder died: once the trainer is gone too, how it ended is unknown for good.
      if (verdict.trainerAlive) {
        if (!recorderLost) fact('recorder.lost');
        recorderLost = true;
        return null;
      }
      const again = judge(dir);
      if (again.kind === 'exited') return ended(again.record);
      seenEnd = true;
      fact('trainer.vanished', { text: 'recorder and trainer are gone and left no exit record' });
      return { type: 'trainer.ended' };
    });

  const drain = async (signal: AbortSignal): Promise<WorkerEvent> => {
    const ofThisBoot = trainer !== null && trainer.boot_id === bootId();
    await collecting.drain(ofThisBoot ? treeOf(trainer as Identity) : null, signal);
    return { type: 'output.drained' };
  };

  const report = async (): Promise<WorkerEvent> => {
    // With no daemon there, whoever comes next finds the same facts in the directory; and us by it.
    await control?.acknowledged(isRemoved() ? 0 : lonelyMs);
    failpoint('worker.acked');
    return { type: 'facts.acknowledged' };
  };

  return {
    refused: () => refused,
    giveUp: pumping.giveUp,
    actors: {
      attach: effect(attach),
      launch: effect(launch),
      follow: effect(follow),
      drain: effect(drain),
      collect: effect(async () => {
        await collecting.collect();
        return { type: 'artifacts.taken' };
      }),
      report: effect(report),
    },
    /** Lets go of the attempt; what the bus has not taken yet goes on being published. */
    close(): Promise<void> {
      stopBeats();
      stall?.close();
      control?.close();
      void pumping.finish(0);
      return Promise.all([pumping.done, collecting.close()]).then(() => undefined);
    },
  };
}
