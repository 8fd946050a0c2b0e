/**
 * Takes what the bus has of points and events into the runs' own directories. What is written there is known
 * from the files; how far the streams were taken in is told with what is known of each metric, so that whoever
 * keeps both together has them true together. Taking a message in twice changes nothing.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { errnoOf, messageOf } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import {
  type EventHistory,
  type Known,
  knownPoints,
  openEvents,
  openPoints,
  type PointHistory,
  type PointsMessage,
} from '../../history/index.ts';
import { freeBytes, type Position } from '../../persistence/index.ts';
import { runDir } from '../../rundir/index.ts';
import {
  createStoredReader,
  createStreamWatch,
  type NatsConnection,
  type Stored,
  type StoredReader,
  streamNames,
  subjects,
} from '../../transport/nats/index.ts';

/** What became known of runs, and the position in the streams that it is true for. */
export type Report = {
  known: ({ runId: string } & Known)[];
  position: Position;
  /** Points of which the streams had nothing any more when they were to be taken in. */
  missing: number;
};

export type IntakeOptions = {
  root: string;
  yard: string;
  /** Where the last one stopped, as it was reported. */
  position: Position;
  /** With less free, nothing is written: what decides and ends runs comes first. */
  floorBytes: number;
  report: (report: Report) => void;
  /** Why nothing can be written, and null when it can again. */
  trouble: (text: string | null) => void;
};

export type Intake = {
  /** Takes in what is there and what comes, until the connection ends or `close`. */
  run(nc: NatsConnection): Promise<void>;
  /** Reports what is known of all runs that have files of points: for a registry that knows nothing. */
  refill(): Promise<void>;
  close(): Promise<void>;
};

type Open = { points: PointHistory | null; events: EventHistory | null; usedMs: number };

const batchBytes = 1 << 20;
/** What is known is told, and what was written is synced, this often. */
const reportMs = 1000;
const gatherMs = 100;
const idleMs = 60_000;
const retryMs = 3000;
const openMost = 200;
const kinds = ['metrics', 'events'] as const;
type Kind = (typeof kinds)[number];

export function createIntake(options: IntakeOptions): Intake {
  const { root, yard, trouble } = options;
  const position: Position = structuredClone(options.position);
  const runs = new Map<string, Open>();
  let closed = false;
  let dirty = false;
  let reportedMs = 0;
  let wake: () => void = () => undefined;
  let running: Promise<void> = Promise.resolve();

  const openRun = (runId: string): Open | null => {
    const found = runs.get(runId);
    // A run that was removed does not come back by its numbers.
    if (!fs.existsSync(runDir(root, runId))) {
      if (found !== undefined) shut(found);
      runs.delete(runId);
      return null;
    }
    if (found !== undefined) return found;
    const made: Open = { points: null, events: null, usedMs: 0 };
    runs.set(runId, made);
    return made;
  };
  const take = (kind: Kind, { subject, data }: Stored): void => {
    const runId = subject.split('.')[2] ?? '';
    const run = openRun(runId);
    if (run === null) return;
    run.usedMs = performance.now();
    const text = Buffer.from(data).toString('utf8');
    const dir = runDir(root, runId);
    if (kind === 'metrics') {
      run.points ??= openPoints(dir);
      run.points.add(JSON.parse(text) as PointsMessage, text);
    } else {
      run.events ??= openEvents(dir);
      run.events.add(JSON.parse(text) as { seq: number }, text);
    }
  };

  /** Only what is on the disk is reported. */
  const report = async (): Promise<void> => {
    reportedMs = performance.now();
    if (!dirty) return;
    dirty = false;
    const known: Report['known'] = [];
    for (const [runId, run] of runs) {
      await run.points?.sync();
      await run.events?.sync();
      for (const changed of run.points?.changed() ?? []) known.push({ runId, ...changed });
    }
    failpoint('telemetry.synced');
    let missing = 0;
    for (const { points } of runs.values()) missing += points?.missing() ?? 0;
    options.report({ known, position: structuredClone(position), missing });
    letGo();
  };
  /** Runs that nothing was heard of for long, and the oldest where there are many. */
  const letGo = (): void => {
    const byAge = [...runs].sort(([, a], [, b]) => a.usedMs - b.usedMs);
    for (const [index, [runId, run]] of byAge.entries()) {
      const isOld = performance.now() - run.usedMs > idleMs;
      if (!isOld && byAge.length - index <= openMost) return;
      shut(run);
      runs.delete(runId);
    }
  };

  /** True when there was something. */
  const pass = async (kind: Kind, reader: StoredReader): Promise<boolean> => {
    const made = await reader.made();
    let seq = position[kind]?.made === made ? position[kind].seq : 0;
    const { messages } = await reader.from(seq + 1);
    // Another stream's sequences mean nothing here.
    if (messages.length === 0 || (await reader.made()) !== made) return false;
    for (const message of messages) {
      if (closed || !(await written(() => take(kind, message)))) return false;
      seq = message.seq;
      position[kind] = { made, seq };
      dirty = true;
    }
    return true;
  };
  /** Tries until the disk takes it; false when it is to end before. What can never be taken is told and left out. */
  const written = async (act: () => void): Promise<boolean> => {
    for (;;) {
      try {
        act();
        trouble(null);
        return true;
      } catch (error) {
        trouble(messageOf(error));
        if (!passes(error)) return true;
        if (closed) return false;
        await pause(retryMs);
      }
    }
  };

  const consume = async (nc: NatsConnection): Promise<void> => {
    const watches = kinds.map((kind) => {
      const [stream, subject] = [streamNames(yard)[kind], subjects(yard)[kind]('*')];
      const watch = createStreamWatch({ nc, stream, subject });
      watch.on(subject, () => wake());
      return watch;
    });
    const readers = kinds.map((kind) => {
      const [stream, subject] = [streamNames(yard)[kind], subjects(yard)[kind]('*')];
      return { kind, reader: createStoredReader({ nc, stream, subject, bytes: batchBytes }) };
    });
    try {
      while (!closed && !nc.isClosed()) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, reportMs).unref();
        });
        if (freeBytes(root) < options.floorBytes) {
          trouble('too little of the disk is free');
          await Promise.race([woken, pause(retryMs)]);
          continue;
        }
        let any = false;
        for (const { kind, reader } of readers) any = (await pass(kind, reader)) || any;
        if (!any || performance.now() - reportedMs > reportMs) await report();
        if (any) await turn();
        else {
          await woken;
          // What comes one by one is taken together.
          if (!closed) await pause(gatherMs);
        }
      }
    } finally {
      for (const watch of watches) watch.close();
    }
  };

  return {
    run(nc) {
      running = consume(nc).catch((error) => {
        if (!closed && !nc.isClosed()) trouble(messageOf(error));
      });
      return running;
    },
    async refill() {
      const known: Report['known'] = [];
      for (const runId of fs.readdirSync(path.join(root, 'runs'))) {
        for (const found of knownPoints(runDir(root, runId))) known.push({ runId, ...found });
        await turn();
      }
      if (known.length > 0) options.report({ known, position: {}, missing: 0 });
    },
    async close() {
      closed = true;
      wake();
      await running;
      await report().catch((error) => trouble(messageOf(error)));
      for (const run of runs.values()) shut(run);
      runs.clear();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function shut({ points, events }: Open): void {
  points?.close();
  events?.close();
}

/** Whether the disk may take it later. What writes a whole file tells why in the cause of its error. */
export function passes(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const refused = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '');
  return refused || passes(error.cause);
}
