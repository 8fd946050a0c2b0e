/** The effects of the worker chart, for one attempt. */
import { createActor, fromCallback } from 'xstate';
import { messageOf } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import { type WorkerEvent, workerMachine } from '../machines/index.ts';
import type { Tree } from '../processes/index.ts';
import type { Identity } from '../rundir/index.ts';
import { every } from '../telemetry/index.ts';
import { problemOf } from './artifacts.ts';
import type { WorkerBus } from './bus.ts';
import type { WorkerConfig } from './config.ts';
import type { Control, Wish } from './conversation.ts';
import type { Feed, Found } from './feed.ts';
import type { Gathering } from './gathering.ts';
import { createLaunching, type Launching } from './launching.ts';
import { type Machine, thisMachine } from './machine.ts';
import type { Recorders } from './recorders.ts';
import type { StallWatch } from './stall.ts';

const beatMs = 1000;
/** How long an ended run waits for its last output to be published before it is reported; then it is anyway. */
const busPatienceMs = 2000;
/** Names of removed shared memory that are told: a fact is a control message. */
const segmentsTold = 20;
/** How long the recorder may take to say that nothing of the trainer is left, before we look ourselves. */
const aloneMs = 100;
/** Stopping a tree is tried again at first and at most after this long: some of it may be forking. */
const pauseRetryMs = { first: 10, most: 500 };
/** How long unacknowledged facts wait while no daemon is connected. */
const lonelyMs = 15_000;

/** Characters of a text in a fact: six bytes each at worst, and 4,096 bytes are all. */
const textMax = 500;

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
  const { clock, bootId, isAlive, judge, readClaim, readLaunch, voidStart, until } = machine;
  const { dir, run_id: runId, attempt } = config;
  const { bus, onAttached } = means;
  let control: Control | null = null;
  let refused: string | null = null;
  let wish: Wish | null = null;
  let trainer: Identity | null = null;
  let termed = false;
  let recorderLost = false;
  let lastMetric: string | null = null;
  let seenEnd = false;
  /** Whether all output reached the bus. */
  let published = false;
  const notePoint = ({ key, value }: Found): void => {
    if (key === 'charts/episodic_return') lastMetric = `return ${Number(value.toPrecision(5))}`;
  };
  let segments: string[] = [];
  const inquest = machine.createInquest?.(dir);
  let gathering: Gathering | undefined;
  const feed: Feed = machine.createFeed({
    dir,
    runId,
    attempt,
    fresh: attempt === 1 && config.generation === 1,
    logs: bus.subject(runId, 'logs'),
    metrics: bus.subject(runId, 'metrics'),
    onPoint: notePoint,
  });
  /** Resolves when the bus knows of the artifacts. */
  let announced: Promise<void> = Promise.resolve();
  const pumping = machine.startPump(feed, dir, () => stall?.heard());
  let stall: StallWatch | null = null;
  let stopBeats: () => void = () => undefined;

  const fact = (name: string, data: Record<string, unknown> = {}): void =>
    control?.fact(name, data);

  const effect = (act: (signal: AbortSignal) => Promise<WorkerEvent | null>) =>
    effecting(act, machine.complain);
  const passed = (ms: number): Promise<void> =>
    new Promise((resolve) => clock.after(ms, () => resolve()));
  /** Aborts with `signal`, and after so many milliseconds. */
  const within = (ms: number, signal: AbortSignal): AbortSignal => {
    const late = new AbortController();
    clock.after(ms, () => late.abort('late'));
    return AbortSignal.any([signal, late.signal]);
  };

  const launching: Launching = createLaunching({
    config,
    judge,
    voidStart,
    until,
    recorders: means.recorders,
    failed: (text) => fact('launch.failed', { text }),
  });
  void means.told.then(() => launching.permit());

  const endWished = (): boolean => wish?.kind === 'terminate' || wish?.kind === 'kill';
  const treeOf = (of: Identity): Tree =>
    machine.createTree(of, dir, readLaunch(dir)?.cgroup ?? null);

  /** Acts on a wish as far as the attempt is by now. */
  const obey = (): void => {
    if (wish === null || trainer === null || seenEnd) return;
    const tree = treeOf(trainer);
    stall?.pause(wish.kind === 'pause');
    if (wish.kind === 'kill') tree.killAll();
    else if (wish.kind === 'pause') void pauseTree(tree);
    else if (wish.kind === 'resume') {
      tree.resumeAll();
      fact('trainer.resumed');
    } else if (!termed) {
      termed = true;
      // A group that is gone already, with members that left it: only a kill reaches those.
      tree.signal(wish.signal);
      failpoint('worker.signalled');
      // A stopped process would not see the signal before it goes on.
      tree.resumeAll();
    }
  };

  const pauseTree = async (tree: Tree): Promise<void> => {
    let wait = pauseRetryMs.first;
    while (wish?.kind === 'pause' && !seenEnd) {
      if (tree.pauseAll()) {
        fact('trainer.paused');
        return;
      }
      await passed(wait);
      wait = Math.min(pauseRetryMs.most, wait * 2);
    }
  };

  const attach = async (): Promise<WorkerEvent> => {
    control = await machine.openControl({
      config,
      clock,
      onWish: (wished) => {
        wish = wished;
        if (endWished()) launching.refuse();
        obey();
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
      control?.beat(lastMetric, pumping.trouble());
      const { lines, points } = feed.counts();
      bus.beat(runId, {
        v: 1,
        run_id: runId,
        attempt,
        at: clock.iso(),
        lines,
        points,
        last_metric: lastMetric,
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
      gathering ??= machine.createGathering?.({
        config,
        trainer: identity,
        clock,
        taken: (taken) =>
          void machine.announce(bus.subject(runId, 'artifacts'), config, taken, clock),
      });
    }
    obey();
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

  const drain = async (signal: AbortSignal): Promise<WorkerEvent | null> => {
    const alone = await until(dir, within(aloneMs, signal), () => machine.saysAlone(dir));
    if (trainer !== null && trainer.boot_id === bootId() && alone === null) {
      const tree = treeOf(trainer);
      // What the trainer left behind ends with it; nothing of a run outlives it.
      const patience = within(machine.readSpec(dir).kill_patience_ms, signal);
      const gone = await until(dir, patience, () => (tree.killAll() === 0 ? true : null));
      if (gone === null && !signal.aborted) fact('leftovers.survived');
    }
    await until(dir, signal, () => {
      const claim = readClaim(dir);
      return machine.isDrained(dir) || claim === null || !isAlive(claim) ? true : null;
    });
    segments = machine.removeSegments?.() ?? [];
    published = await pumping.finish(busPatienceMs);
    failpoint('worker.drained');
    return { type: 'output.drained' };
  };

  const collect = async (): Promise<WorkerEvent> => {
    const { cwd, artifacts, artifacts_move, disk_floor_bytes } = machine.readSpec(dir);
    await gathering?.stop();
    const { lines, points, skipped } = feed.counts();
    const rest = published
      ? { lines: 0, points: 0 }
      : await machine.surveyOutput(dir, feed.state(), notePoint);
    const taken =
      artifacts.length === 0
        ? { manifest: '', artifacts: 0, bytes: 0, problems: [] }
        : await machine.takeArtifacts({
            cwd,
            globs: artifacts,
            sinceMs: Math.floor(machine.preparedAtMs(dir)) - 1,
            store: config.store,
            move: artifacts_move === true,
            floorBytes: disk_floor_bytes ?? 0,
          });
    const problem = problemOf(taken)?.slice(0, textMax) ?? null;
    const cause = inquest?.cause() ?? null;
    failpoint('worker.collected');
    if (taken.manifest !== '') {
      announced = machine.announce(bus.subject(runId, 'artifacts'), config, taken, clock);
      // Told before the daemon is, when the bus is there: this worker may be gone a moment later.
      await Promise.race([announced, passed(busPatienceMs)]);
    }
    fact('output.collected', {
      manifest: taken.manifest,
      artifacts: taken.artifacts,
      last_metric: lastMetric ?? '',
      ...(cause === null ? {} : { cause }),
      ...(problem === null ? {} : { problem }),
      // Shared memory that it left behind, and that is gone now.
      ...(segments.length === 0
        ? {}
        : { segments: segments.slice(0, segmentsTold).map((name) => name.slice(0, 64)) }),
      lines: lines + rest.lines,
      points: points + rest.points,
      skipped,
    });
    return { type: 'artifacts.taken' };
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
        try {
          return await collect();
        } catch (error) {
          // It may name paths, and a fact is a control message.
          const problem = messageOf(error).slice(0, textMax);
          fact('output.collected', { manifest: '', artifacts: 0, problem });
          return { type: 'artifacts.taken' };
        }
      }),
      report: effect(report),
    },
    /** Lets go of the attempt; what the bus has not taken yet goes on being published. */
    close(): Promise<void> {
      stopBeats();
      stall?.close();
      void gathering?.stop();
      control?.close();
      void pumping.finish(0);
      return Promise.all([pumping.done, announced]).then(() => undefined);
    },
  };
}

function effecting(
  act: (signal: AbortSignal) => Promise<WorkerEvent | null>,
  complain: (error: unknown) => void,
) {
  return fromCallback<WorkerEvent>(({ sendBack }) => {
    const controller = new AbortController();
    act(controller.signal).then(
      (event) => {
        if (event !== null && !controller.signal.aborted) sendBack(event);
      },
      (error: unknown) => {
        complain(error);
        if (!controller.signal.aborted) sendBack({ type: 'effect.failed', text: messageOf(error) });
      },
    );
    // Its own reason, because the default one takes a stack trace.
    return () => controller.abort('its state was left');
  });
}
