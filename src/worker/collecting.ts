/** What a trainer leaves behind: processes are ended, shared memory is removed, output is read to its end, files are kept. */
import { messageOf } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Tree } from '../processes/index.ts';
import type { Identity } from '../rundir/index.ts';
import { problemOf, type Taken } from './artifacts.ts';
import type { WorkerBus } from './bus.ts';
import type { WorkerConfig } from './config.ts';
import type { Feed, Found } from './feed.ts';
import type { Gathering } from './gathering.ts';
import type { Machine } from './machine.ts';
import type { Pump } from './pump.ts';

/** How long an ended run waits for its last output to be published before it is reported; then it is anyway. */
export const busPatienceMs = 2000;
/** Names of removed shared memory that are told: a fact is a control message. */
const segmentsTold = 20;
/** How long the recorder may take to say that nothing of the trainer is left, before we look ourselves. */
const aloneMs = 100;
/** Characters of a text in a fact: six bytes each at worst, and 4,096 bytes are all. */
const textMax = 500;

export type Collecting = {
  /** While it runs: its files are taken as it finishes them. */
  begin(trainer: Identity): void;
  /** Ends what is left of the tree (null: nothing can be) and waits for the last output. */
  drain(tree: Tree | null, signal: AbortSignal): Promise<void>;
  /** Takes what is to be kept, and states what came together. */
  collect(): Promise<void>;
  /** Resolves when the bus knows of the artifacts, or nobody is left to tell it. */
  close(): Promise<void>;
};

export type CollectingOptions = {
  config: WorkerConfig;
  machine: Machine;
  bus: WorkerBus;
  feed: Feed;
  pumping: Pump;
  onPoint: (found: Found) => void;
  lastMetric: () => string | null;
  fact: (name: string, data?: Record<string, unknown>) => void;
  /** Resolves after so many milliseconds. */
  passed: (ms: number) => Promise<void>;
};

export function createCollecting(options: CollectingOptions): Collecting {
  const { config, machine, bus, feed, pumping, fact, passed } = options;
  const { clock, isAlive, readClaim, until } = machine;
  const { dir, run_id: runId } = config;
  const inquest = machine.createInquest?.(dir);
  let gathering: Gathering | undefined;
  let segments: string[] = [];
  /** Whether all output reached the bus. */
  let published = false;
  let announced: Promise<void> = Promise.resolve();

  /** Aborts with `signal`, and after so many milliseconds. */
  const within = (ms: number, signal: AbortSignal): AbortSignal => {
    const late = new AbortController();
    clock.after(ms, () => late.abort('late'));
    return AbortSignal.any([signal, late.signal]);
  };
  const announce = (taken: Parameters<Machine['announce']>[2]): Promise<void> =>
    machine.announce(
      bus.subject(runId, 'artifacts'),
      config,
      machine.atHome?.(taken as Taken) ?? taken,
      clock,
    );

  const take = async (): Promise<Taken> => {
    const { cwd, artifacts, artifacts_move, disk_floor_bytes } = machine.readSpec(dir);
    if (artifacts.length === 0) return { manifest: '', artifacts: 0, bytes: 0, problems: [] };
    return machine.takeArtifacts({
      cwd,
      globs: artifacts,
      sinceMs: Math.floor(machine.preparedAtMs(dir)) - 1,
      store: config.store,
      move: artifacts_move === true,
      floorBytes: disk_floor_bytes ?? 0,
    });
  };

  const collect = async (): Promise<void> => {
    await gathering?.stop();
    const { lines, points, skipped } = feed.counts();
    const rest = published
      ? { lines: 0, points: 0 }
      : await machine.surveyOutput(dir, feed.state(), options.onPoint);
    const collected = await take();
    await machine.deliver?.(collected);
    const taken = machine.atHome?.(collected) ?? collected;
    const problem = problemOf(taken)?.slice(0, textMax) ?? null;
    const cause = inquest?.cause() ?? null;
    failpoint('worker.collected');
    if (taken.manifest !== '') {
      announced = announce(taken);
      // Told before the daemon is, when the bus is there: this worker may be gone a moment later.
      await Promise.race([announced, passed(busPatienceMs)]);
    }
    fact('output.collected', {
      manifest: taken.manifest,
      artifacts: taken.artifacts,
      last_metric: options.lastMetric() ?? '',
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
  };

  return {
    begin(trainer) {
      gathering ??= machine.createGathering?.({
        config,
        trainer,
        clock,
        taken: (taken) => void announce(taken),
      });
    },
    async drain(tree, signal) {
      const alone = await until(dir, within(aloneMs, signal), () => machine.saysAlone(dir));
      if (tree !== null && alone === null) {
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
    },
    async collect() {
      try {
        await collect();
      } catch (error) {
        // It may name paths, and a fact is a control message.
        const problem = messageOf(error).slice(0, textMax);
        fact('output.collected', { manifest: '', artifacts: 0, problem });
      }
    },
    close() {
      void gathering?.stop();
      return announced;
    },
  };
}
