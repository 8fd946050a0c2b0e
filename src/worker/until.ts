/** Waiting for something to be seen in an attempt's directory. */
import fs from 'node:fs';
import { errnoOf } from '../errors.ts';

/** How often files are looked at when no change is told. */
const pollMs = 250;
/** The same, where nobody tells of changes. */
const unwatchedPollMs = 25;

/** Looks again whenever the directory changes, and from time to time, until `look` finds something. */
export async function until<T>(
  dir: string,
  signal: AbortSignal,
  look: () => T | null,
): Promise<T | null> {
  const first = look();
  if (first !== null) return first;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      watcher?.close();
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
    const watcher = watch(dir, again);
    const timer = setInterval(again, watcher === null ? unwatchedPollMs : pollMs);
    signal.addEventListener('abort', again);
    // What happened between the first look and the watch.
    again();
  });
}

/** Null where the system has no watches left: an account has few of them, and shares them with all. */
function watch(dir: string, changed: () => void): fs.FSWatcher | null {
  try {
    const watcher = fs.watch(dir, (_, name) => {
      // Output is the pump's business, and there may be a lot of it.
      if (name?.startsWith('out.') !== true) changed();
    });
    watcher.on('error', () => undefined);
    return watcher;
  } catch (error) {
    if (['EMFILE', 'ENFILE', 'ENOSPC'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}
