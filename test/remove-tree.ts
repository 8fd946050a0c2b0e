/** Removal of directories in which somebody may still be writing. */
import fs from 'node:fs';

/**
 * Removes a directory with all that is in it; none there is fine. Throws when somebody keeps filling it.
 * Why not `fs.rmSync` alone: a file that vanishes under its feet makes it return, silently and with its
 * work half done (seen with Node 26.10: 3 of 300 removals beside a process that renames files).
 */
export function removeTree(dir: string): void {
  for (let tries = 0; tries < 100; tries += 1) {
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 });
    if (!fs.existsSync(dir)) return;
  }
  throw new Error(`${dir} is filled faster than it is emptied`);
}
