/**
 * Keeps the WAL lean (G3): a checkpoint by schedule, after terminations, and when enough has been
 * committed since the last one. All are PASSIVE: they wait for nobody, and move what no reader needs. Once
 * everything was moved, the next commit begins the WAL anew, and SQLite cuts the file (`journal_size_limit`).
 */
import fs from 'node:fs';
import path from 'node:path';
import { failpoint } from '../failpoints.ts';
import { type Clock, every } from '../telemetry/index.ts';
import type { Db } from './database.ts';

export type Checkpointer = {
  /** To be told of each commit: looks every now and then how much there is to move. */
  committed(): void;
  /** Asks for a checkpoint soon; several asks in one second are one. */
  ask(cause: string): void;
  walBytes(): number;
  lastAt(): string;
  /** Why the WAL outgrows its cap, or null. */
  trouble(): string | null;
  close(): void;
};

export type CheckpointOptions = {
  db: Db;
  file: string;
  clock: Clock;
  /** Milliseconds between scheduled checkpoints. */
  everyMs: number;
  /** Bytes committed since the last checkpoint that bring about another: bounds how long one takes. */
  growBytes?: number;
  /** WAL size in bytes above which it is trouble that a reader keeps it from being moved. */
  capBytes: number;
  onError: (error: unknown) => void;
  /** Told of each one: what asked for it, and how many milliseconds it took. */
  done?: (cause: string, ms: number) => void;
};

type Row = { busy: number; log: number; checkpointed: number };

const pauseMs = 1000;
/** Rows of `checkpoints` that are kept. */
const keptRows = 1000;
/** Commits between two looks at the WAL. */
const lookEvery = 16;
/** So many times `growBytes` within one turn of the event loop, and no later turn is waited for. */
const burstFactor = 4;
const frameHeaderBytes = 24;
/** Ten milliseconds of work at a time (measured: 2 to 20 on a busy virtual disk). */
const growDefault = 4 * 2 ** 20;

export function createCheckpointer(options: CheckpointOptions): Checkpointer {
  const { db, file, clock, everyMs, growBytes = growDefault, capBytes } = options;
  const insert = db.prepare(
    'INSERT INTO checkpoints (at, cause, wal_bytes, frames, moved) VALUES (?, ?, ?, ?, ?)',
  );
  const prune = db.prepare('DELETE FROM checkpoints WHERE id <= ?');
  const look = db.prepare<[], Row>('PRAGMA wal_checkpoint(NOOP)');
  const move = db.prepare<[], Row>('PRAGMA wal_checkpoint(PASSIVE)');
  const frameBytes = Number(db.pragma('page_size', { simple: true })) + frameHeaderBytes;
  let lastAt = '';
  let pending: { callOff: () => void; dueInMs: number } | null = null;
  let commits = 0;
  /** Frames that a reader kept the last checkpoint from moving. */
  let left = 0;
  let readers: string[] = [];

  const walBytes = (): number => {
    try {
      return fs.statSync(`${file}-wal`).size;
    } catch {
      return 0;
    }
  };
  const checkpoint = (cause: string): void => {
    pending?.callOff();
    pending = null;
    try {
      const size = walBytes();
      failpoint('checkpoint.before');
      const from = performance.now();
      const row = move.get();
      failpoint('checkpoint.after');
      options.done?.(cause, performance.now() - from);
      left = Math.max(0, (row?.log ?? 0) - (row?.checkpointed ?? 0));
      readers = left > 0 && size > capBytes ? readersOf(file) : [];
      lastAt = clock.iso();
      const { lastInsertRowid } = insert.run(
        lastAt,
        cause,
        size,
        row?.log ?? 0,
        row?.checkpointed ?? 0,
      );
      prune.run(Number(lastInsertRowid) - keptRows);
    } catch (error) {
      options.onError(error);
    }
  };
  const soon = (cause: string, dueInMs: number): void => {
    if (pending !== null && pending.dueInMs <= dueInMs) return;
    pending?.callOff();
    pending = { callOff: clock.after(dueInMs, () => checkpoint(cause)), dueInMs };
  };
  const stop = every(clock, everyMs, () => checkpoint('schedule'));
  return {
    committed() {
      commits += 1;
      if (commits % lookEvery !== 0) return;
      const row = look.get();
      // What a reader holds back cannot be moved by trying more often.
      const grown = ((row?.log ?? 0) - (row?.checkpointed ?? 0) - left) * frameBytes;
      if (grown >= growBytes * burstFactor) checkpoint('size');
      else if (grown >= growBytes) soon('size', 0);
    },
    ask: (cause) => soon(cause, pauseMs),
    walBytes,
    lastAt: () => lastAt,
    trouble() {
      const size = walBytes();
      if (left === 0 || size <= capBytes) return null;
      const mib = Math.round(size / 2 ** 20);
      const who = readers.length === 0 ? 'a program' : together.format(readers);
      const reads = readers.length > 1 ? 'read' : 'reads';
      return `its log has grown to ${mib} MiB, because ${who} ${reads} the registry without an end`;
    },
    close() {
      stop();
      checkpoint('close');
    },
  };
}

/** `a, b and c`. */
const together = new Intl.ListFormat('en-GB');

/** Which other processes have the registry open: `sqlite3 (pid 4711)` each. */
function readersOf(file: string): string[] {
  const found: string[] = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const dir = path.join('/proc', pid, 'fd');
      const opened = fs.readdirSync(dir).map((fd) => fs.readlinkSync(path.join(dir, fd)));
      if (!opened.includes(`${file}-wal`) && !opened.includes(file)) continue;
      found.push(`${fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`);
    } catch {
      // It ended, or belongs to somebody else.
    }
  }
  return found;
}
