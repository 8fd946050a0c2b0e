/** Drives the feed: reads the recorder's files while they grow, and to their end. */
import fs from 'node:fs';
import { messageOf } from '../errors.ts';
import type { Feed } from './feed.ts';

/** What the bus has not taken this long after the end stays in the recorder's files alone. */
const publishPatienceMs = 600_000;
/** Output files are read this often while output comes. */
const pumpMs = 20;
/** And this often while none does: what then comes is on the bus within 100 ms. */
const idleMs = 70;

export type Pump = {
  /** No more output comes. Resolves true when all of it is published, false when that may take long. */
  finish(patienceMs: number): Promise<boolean>;
  done: Promise<void>;
  /** Why the bus does not take anything, or null. */
  trouble(): string | null;
  /** Leaves what is not published to the recorder's files. */
  giveUp(): void;
};

/** Pumps output until `finish` was called and everything is published. */
export function startPump(feed: Feed, dir: string, heard: () => void): Pump {
  let finishing = false;
  let trouble: string | null = null;
  let giveUpAt = Number.POSITIVE_INFINITY;
  let wake: () => void = () => undefined;
  let troubled: () => void = () => undefined;
  const loop = async (): Promise<void> => {
    let wait = pumpMs;
    for (;;) {
      const last = finishing;
      try {
        const read = fs.existsSync(dir) && (await feed.pump());
        trouble = null;
        if (read) {
          wait = pumpMs;
          heard();
        } else if (last) {
          await feed.finish();
          feed.close();
          return;
        } else wait = Math.min(idleMs, wait * 1.5);
      } catch (error) {
        // The bus is away: the recorder's files keep what is not published.
        trouble = messageOf(error);
        troubled();
        wait = 500;
        // A directory that was removed has nothing more to tell.
        const gone = finishing && !fs.existsSync(dir);
        if (Date.now() > giveUpAt || gone || feed.superseded()) {
          feed.close();
          return;
        }
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
  const done = loop();
  return {
    async finish(patienceMs) {
      finishing = true;
      giveUpAt = Math.min(giveUpAt, Date.now() + publishPatienceMs);
      wake();
      if (trouble !== null) return false;
      return Promise.race([
        done.then(() => true),
        new Promise<false>((resolve) => {
          troubled = () => resolve(false);
          setTimeout(() => resolve(false), patienceMs).unref();
        }),
      ]);
    },
    done,
    giveUp() {
      giveUpAt = 0;
      wake();
    },
    trouble: () => trouble,
  };
}
