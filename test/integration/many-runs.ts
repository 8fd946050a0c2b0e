/** Very many runs through one yard, and what its registry's log grows to meanwhile. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { until, type Yard } from './yard.ts';

export type ManyRuns = {
  runs: number;
  completed: number;
  seconds: number;
  /** Largest size of the write-ahead log that was seen, and how often it was emptied into the registry. */
  walBytesMax: number;
  checkpoints: number;
  /** Rows of the registry: each is one commit. */
  transitions: number;
  /** The runs' own count of their events. */
  events: number;
};

/** The cap of the log: checkpoints are never put off beyond it. */
export const walCapBytes = 64 * 2 ** 20;
const sampleMs = 10;
const env = { PATH: process.env.PATH ?? '' };

/** Submits `total` runs, `lanes` of them under way at any time, and waits for all; `told` after each. */
export async function runMany(
  yard: Yard,
  total: number,
  lanes: number,
  told: (done: number) => void = () => undefined,
): Promise<ManyRuns> {
  const wal = path.join(yard.home, 'registry.db-wal');
  let walBytesMax = 0;
  const sample = setInterval(() => {
    walBytesMax = Math.max(walBytesMax, fs.statSync(wal, { throwIfNoEntry: false })?.size ?? 0);
  }, sampleMs);
  const began = performance.now();
  let left = total;
  let completed = 0;
  let events = 0;
  let over = 0;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { run_id: run } = await yard.client.submit(
        { command: ['true'], cwd: yard.home },
        { env },
      );
      const done = await yard.client.wait(run);
      if (done.status === 'completed') completed += 1;
      events += done.last_seq;
      over += 1;
      told(over);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const seconds = (performance.now() - began) / 1000;
  // All of it goes on to the bus too.
  await until(async () => (await yard.client.health()).outbox_depth === 0, 'the outbox', 120_000);
  clearInterval(sample);
  return { runs: total, completed, seconds, walBytesMax, events, ...rows(yard.home) };
}

/** Read beside the daemon, as any reader may. */
function rows(home: string): { transitions: number; checkpoints: number } {
  const db = new Database(path.join(home, 'registry.db'), { readonly: true });
  try {
    const count = (sql: string): number => Number(db.prepare(sql).pluck().get());
    return {
      transitions: count('SELECT count(*) FROM transitions'),
      checkpoints: count('SELECT coalesce(max(id), 0) FROM checkpoints'),
    };
  } finally {
    db.close();
  }
}
