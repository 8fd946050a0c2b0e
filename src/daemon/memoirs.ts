/** What a run's directory has to say of it when the registry no longer can (docs/protocol.md). */
import fs from 'node:fs';
import path from 'node:path';
import type { EndFile } from '../actors/index.ts';
import type { RunStore } from '../persistence/index.ts';
import { attemptFiles, makeDirectory, runDir, runFiles, writeAtomic } from '../rundir/index.ts';
import type { Logger } from '../telemetry/index.ts';

export type Memoirs = {
  /** Someone asked for its end: `stop` is who, why and when, as JSON. */
  stopAsked(runId: string, stop: string): void;
  /** An attempt is over, and another one follows. */
  retried(runId: string, end: EndFile): void;
  /** It is over: its row and its events. */
  done(runId: string): void;
};

/** Events of one outcome, far beyond what a run has. */
const eventsMax = 100_000;

export function createMemoirs(options: { root: string; store: RunStore; log: Logger }): Memoirs {
  const { root, store, log } = options;
  const write = (runId: string, name: string, text: () => string): void => {
    try {
      writeAtomic(path.join(runDir(root, runId), name), text(), { mode: 0o600 });
    } catch (error) {
      // The registry has it; this is for the day when that is lost.
      log.warn({ runId, name, err: error }, "a run's directory could not be completed");
    }
  };
  return {
    stopAsked: (runId, stop) =>
      write(runId, runFiles.stop, () => JSON.stringify({ v: 1, ...JSON.parse(stop) })),
    retried(runId, end) {
      const dir = path.join('attempts', String(end.attempt));
      write(runId, path.join(dir, attemptFiles.ended), () => {
        // One that was never launched has none; of a run whose directory was removed nothing is made.
        if (fs.existsSync(runDir(root, runId))) makeDirectory(path.join(runDir(root, runId), dir));
        return JSON.stringify({ v: 1, ...end });
      });
    },
    done(runId) {
      write(runId, runFiles.outcome, () => {
        const { snapshot: _, config: __, ...run } = store.run(runId) ?? {};
        const events = store.events(runId, 1, Number.MAX_SAFE_INTEGER, eventsMax);
        return JSON.stringify({ v: 1, run, events });
      });
    },
  };
}
