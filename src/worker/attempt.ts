/** The effects of the worker chart, for one attempt. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { createActor, fromCallback } from 'xstate';
import { messageOf } from '../errors.ts';
import { type WorkerEvent, workerMachine } from '../machines/index.ts';
import {
  attemptFiles,
  bootId,
  type Identity,
  isAlive,
  judge,
  readClaim,
  readLaunch,
  voidStart,
} from '../rundir/index.ts';
import { takeArtifacts } from './artifacts.ts';
import type { WorkerBus } from './bus.ts';
import type { WorkerConfig } from './config.ts';
import { type Control, openControl, type Wish } from './control.ts';
import { createFeed, type Feed } from './feed.ts';
import { createTree } from './tree.ts';

/** How often files are looked at when no change is told. */
const pollMs = 250;
const beatMs = 1000;
/** How long an ended run waits for a bus that is away before it is reported without it. */
const busPatienceMs = 5000;
/** How long the recorder may take to say that nothing of the trainer is left, before we look ourselves. */
const aloneMs = 100;
/** How long unacknowledged facts wait while no daemon is connected. */
const lonelyMs = 15_000;
/** What the bus has not taken this long after the end stays in the recorder's files alone. */
const publishPatienceMs = 600_000;
/** Output files are read this often while output comes. */
const pumpMs = 20;

export type AttemptDone = { refused: string | null; feedDone: Promise<void> };

/** Looks after one attempt until its facts are acknowledged. */
export async function runAttempt(
  config: WorkerConfig,
  bus: WorkerBus,
  onAttached: () => void,
): Promise<AttemptDone> {
  const session = createSession(config, bus, onAttached);
  const actor = createActor(workerMachine.provide({ actors: session.actors }));
  const failed = new Promise<void>((resolve) => {
    actor.subscribe({ error: () => resolve(), complete: () => resolve() });
  });
  actor.start();
  await failed;
  const refused = session.refused();
  return { refused, feedDone: session.close() };
}

function createSession(config: WorkerConfig, bus: WorkerBus, onAttached: () => void) {
  const { dir, run_id: runId, attempt } = config;
  let control: Control | null = null;
  let refused: string | null = null;
  let wish: Wish | null = config.may_launch ? null : { kind: 'terminate', signal: 'SIGTERM' };
  let trainer: Identity | null = null;
  let termed = false;
  let recorderLost = false;
  let lastMetric: string | null = null;
  let seenEnd = false;
  const feed: Feed = createFeed({
    dir,
    runId,
    attempt,
    fresh: attempt === 1 && config.generation === 1,
    logs: bus.subject(runId, 'logs'),
    metrics: bus.subject(runId, 'metrics'),
    onPoint: ({ key, value }) => {
      if (key === 'charts/episodic_return') lastMetric = `return ${Number(value.toPrecision(5))}`;
    },
  });
  const pumping = startPump(feed, dir);
  let beats: NodeJS.Timeout | null = null;

  const fact = (name: string, data: Record<string, unknown> = {}): void =>
    control?.fact(name, data);

  /** Acts on a wish as far as the attempt is by now. */
  const obey = (): void => {
    if (wish === null || trainer === null || seenEnd) return;
    const tree = createTree(trainer, { runId, attempt });
    if (wish.kind === 'kill') tree.killAll();
    else if (!termed) {
      termed = true;
      // A group that is gone already, with members that left it: only a kill reaches those.
      tree.signal(wish.signal);
    }
  };

  const attach = async (): Promise<WorkerEvent> => {
    control = await openControl({
      config,
      onWish: (wished) => {
        wish = wished;
        obey();
      },
      onFact: (stated) => bus.fact(runId, stated),
    });
    if (control === null) {
      refused = 'another worker reads this attempt';
      return { type: 'attempt.refused', text: refused };
    }
    onAttached();
    const beat = (): void => {
      control?.beat(lastMetric);
      const { lines, points } = feed.counts();
      bus.beat(runId, {
        v: 1,
        run_id: runId,
        attempt,
        at: new Date().toISOString(),
        lines,
        points,
        last_metric: lastMetric,
      });
    };
    beats = setInterval(beat, beatMs);
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
    if (launchFile === null || (wish !== null && judge(dir).kind === 'unclaimed')) {
      if (voidStart(dir) === 'voided') {
        fact('attempt.voided');
        return { type: 'attempt.voided' };
      }
    }
    if (judge(dir).kind === 'unclaimed') startRecorder(config);
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
          return null;
      }
    });
  };

  const found = (identity: Identity | null): WorkerEvent => {
    trainer = identity;
    if (identity !== null)
      fact('trainer.started', { pid: identity.pid, start_time: identity.start_time });
    obey();
    return { type: 'trainer.found' };
  };

  const ended = (record: object): WorkerEvent => {
    seenEnd = true;
    fact('trainer.exited', { exit: record });
    return { type: 'trainer.ended' };
  };

  const follow = (signal: AbortSignal): Promise<WorkerEvent | null> =>
    until(dir, signal, () => {
      const verdict = judge(dir);
      // Its pid is written down a moment after the start.
      const written = 'trainer' in verdict ? verdict.trainer : null;
      if (trainer === null && written !== null) found(written);
      if (verdict.kind === 'exited') return ended(verdict.record);
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
    const briefly = AbortSignal.any([signal, AbortSignal.timeout(aloneMs)]);
    const alone = await until(dir, briefly, () => saysAlone(dir));
    if (trainer !== null && trainer.boot_id === bootId() && alone === null) {
      const tree = createTree(trainer, { runId, attempt });
      // What the trainer left behind ends with it; nothing of a run outlives it.
      await until(dir, signal, () => (tree.killAll() === 0 ? true : null));
    }
    await until(dir, signal, () => {
      const claim = readClaim(dir);
      return fs.existsSync(path.join(dir, attemptFiles.drained)) ||
        claim === null ||
        !isAlive(claim)
        ? true
        : null;
    });
    pumping.finish();
    await Promise.race([
      pumping.done,
      new Promise((resolve) => setTimeout(resolve, busPatienceMs).unref()),
    ]);
    return { type: 'output.drained' };
  };

  const collect = async (): Promise<WorkerEvent> => {
    const specFile = path.join(dir, attemptFiles.spec);
    const { cwd, artifacts } = JSON.parse(fs.readFileSync(specFile, 'utf8')) as {
      cwd: string;
      artifacts: string[];
    };
    const taken =
      artifacts.length === 0
        ? { manifest: '', artifacts: 0 }
        : await takeArtifacts({
            cwd,
            globs: artifacts,
            sinceMs: Math.floor(fs.statSync(specFile).mtimeMs) - 1,
            store: config.store,
          });
    fact('output.collected', {
      manifest: taken.manifest,
      artifacts: taken.artifacts,
      last_metric: lastMetric ?? '',
      ...feed.counts(),
    });
    return { type: 'artifacts.taken' };
  };

  const report = async (): Promise<WorkerEvent> => {
    // With no daemon there, whoever comes next finds the same facts in the directory.
    await control?.acknowledged(lonelyMs);
    return { type: 'facts.acknowledged' };
  };

  return {
    refused: () => refused,
    actors: {
      attach: effect(attach),
      launch: effect(launch),
      follow: effect(follow),
      drain: effect(drain),
      collect: effect(async () => {
        try {
          return await collect();
        } catch (error) {
          fact('output.collected', { manifest: '', artifacts: 0, problem: messageOf(error) });
          return { type: 'artifacts.taken' };
        }
      }),
      report: effect(report),
    },
    /** Lets go of the attempt; what the bus has not taken yet goes on being published. */
    close(): Promise<void> {
      if (beats !== null) clearInterval(beats);
      control?.close();
      pumping.finish();
      return pumping.done;
    },
  };
}

function effect(act: (signal: AbortSignal) => Promise<WorkerEvent | null>) {
  return fromCallback<WorkerEvent>(({ sendBack }) => {
    const controller = new AbortController();
    act(controller.signal).then(
      (event) => {
        if (event !== null && !controller.signal.aborted) sendBack(event);
      },
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        if (!controller.signal.aborted) sendBack({ type: 'effect.failed', text: messageOf(error) });
      },
    );
    return () => controller.abort();
  });
}

/** The recorder is in a session of its own and knows nothing of us: it outlives us all. */
function startRecorder(config: WorkerConfig): void {
  const child = execa(config.recorder, [config.dir], {
    detached: true,
    cleanup: false,
    stdio: 'ignore',
    reject: false,
    buffer: false,
    env: {},
    extendEnv: false,
  });
  child.nodeChildProcess.unref();
}

/** True when the recorder, to which orphans come, has reaped every descendant; else null. */
function saysAlone(dir: string): true | null {
  const file = path.join(dir, attemptFiles.drained);
  if (!fs.existsSync(file)) return null;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { alone?: boolean }).alone === true || null;
}

/** Looks again whenever the directory changes, and from time to time, until `look` finds something. */
async function until<T>(dir: string, signal: AbortSignal, look: () => T | null): Promise<T | null> {
  const first = look();
  if (first !== null) return first;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      watcher.close();
      clearInterval(timer);
      signal.removeEventListener('abort', again);
    };
    const again = (): void => {
      if (signal.aborted) {
        end();
        resolve(null);
        return;
      }
      try {
        const found = look();
        if (found === null) return;
        end();
        resolve(found);
      } catch (error) {
        end();
        reject(error);
      }
    };
    const watcher = fs.watch(dir, (_, name) => {
      // Output is the pump's business, and there may be a lot of it.
      if (name?.startsWith('out.') !== true) again();
    });
    watcher.on('error', () => undefined);
    const timer = setInterval(again, pollMs);
    signal.addEventListener('abort', again);
    // What happened between the first look and the watch.
    again();
  });
}

/** Pumps output until `finish` was called and everything is published. */
function startPump(feed: Feed, dir: string): { finish(): void; done: Promise<void> } {
  let finishing = false;
  let giveUpAt = Number.POSITIVE_INFINITY;
  let wake: () => void = () => undefined;
  const loop = async (): Promise<void> => {
    let wait = pumpMs;
    for (;;) {
      const last = finishing;
      try {
        if (fs.existsSync(dir) && (await feed.pump())) wait = pumpMs;
        else if (last) {
          await feed.finish();
          feed.close();
          return;
        } else wait = Math.min(100, wait * 1.5);
      } catch {
        // The bus is away: the recorder's files keep what is not published.
        wait = 500;
        if (Date.now() > giveUpAt) return;
      }
      if (finishing && wait < 500) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  return {
    finish() {
      finishing = true;
      giveUpAt = Math.min(giveUpAt, Date.now() + publishPatienceMs);
      wake();
    },
    done: loop(),
  };
}
