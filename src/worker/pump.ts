/** Drives the feed: reads the recorder's files while they grow, and to their end. */
import fs from 'node:fs';
import type { Feed } from './feed.ts';

/** What the bus has not taken this long after the end stays in the recorder's files alone. */
const publishPatienceMs = 600_000;
/** Output files are read this often while output comes. */
const pumpMs = 20;

/** Pumps output until `finish` was called and everything is published. */
export function startPump(
  feed: Feed,
  dir: string,
  heard: () => void,
): { finish(): void; done: Promise<void> } {
  let finishing = false;
  let giveUpAt = Number.POSITIVE_INFINITY;
  let wake: () => void = () => undefined;
  const loop = async (): Promise<void> => {
    let wait = pumpMs;
    for (;;) {
      const last = finishing;
      try {
        if (fs.existsSync(dir) && (await feed.pump())) {
          wait = pumpMs;
          heard();
        } else if (last) {
          await feed.finish();
          feed.close();
          return;
        } else wait = Math.min(100, wait * 1.5);
      } catch {
        // The bus is away: the recorder's files keep what is not published.
        wait = 500;
        if (Date.now() > giveUpAt || (finishing && !fs.existsSync(dir))) return;
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
