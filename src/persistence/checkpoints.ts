/** Keeps the WAL lean: a checkpoint by schedule, after terminations, and when it passes a size (G3). */
import fs from 'node:fs';
import { failpoint } from '../failpoints.ts';
import { type Clock, every } from '../telemetry/index.ts';
import type { Db } from './database.ts';

export type Checkpointer = {
  /** Asks for a checkpoint soon; several asks in one second are one. */
  ask(cause: string): void;
  walBytes(): number;
  lastAt(): string;
  close(): void;
};

export type CheckpointOptions = {
  db: Db;
  file: string;
  clock: Clock;
  /** Milliseconds between scheduled checkpoints. */
  everyMs: number;
  /** WAL size in bytes above which none is put off. */
  capBytes: number;
  onError: (error: unknown) => void;
};

const pauseMs = 1000;
/** Rows of `checkpoints` that are kept. */
const keptRows = 1000;

export function createCheckpointer(options: CheckpointOptions): Checkpointer {
  const { db, file, clock, everyMs, capBytes } = options;
  const insert = db.prepare(
    'INSERT INTO checkpoints (at, cause, wal_bytes, frames, moved) VALUES (?, ?, ?, ?, ?)',
  );
  const prune = db.prepare('DELETE FROM checkpoints WHERE id <= ?');
  let lastAt = '';
  let callOff: (() => void) | null = null;

  const walBytes = (): number => {
    try {
      return fs.statSync(`${file}-wal`).size;
    } catch {
      return 0;
    }
  };
  const checkpoint = (cause: string): void => {
    try {
      const size = walBytes();
      // TRUNCATE only when it grew: otherwise PASSIVE, which never waits for anybody.
      const mode = size > capBytes / 2 ? 'TRUNCATE' : 'PASSIVE';
      failpoint('checkpoint.before');
      const [row] = db.pragma(`wal_checkpoint(${mode})`) as { log: number; checkpointed: number }[];
      failpoint('checkpoint.after');
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
  const stop = every(clock, everyMs, () => checkpoint('schedule'));
  return {
    ask(cause) {
      if (callOff !== null) return;
      const wait = walBytes() > capBytes / 2 ? 0 : pauseMs;
      callOff = clock.after(wait, () => {
        callOff = null;
        checkpoint(cause);
      });
    },
    walBytes,
    lastAt: () => lastAt,
    close() {
      stop();
      callOff?.();
      checkpoint('close');
    },
  };
}
