/** What a run's directory has to say of it when the registry no longer can (docs/protocol.md). */
import path from 'node:path';
import type { RunStore } from '../persistence/index.ts';
import { runDir, runFiles, writeAtomic } from '../rundir/index.ts';
import type { Logger } from '../telemetry/index.ts';

export type Memoirs = {
  /** Someone asked for its end: `stop` is who, why and when, as JSON. */
  stopAsked(runId: string, stop: string): void;
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
    done(runId) {
      write(runId, runFiles.outcome, () => {
        const { snapshot: _, config: __, ...run } = store.run(runId) ?? {};
        const events = store.events(runId, 1, Number.MAX_SAFE_INTEGER, eventsMax);
        return JSON.stringify({ v: 1, run, events });
      });
    },
  };
}
