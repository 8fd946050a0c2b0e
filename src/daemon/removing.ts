/**
 * Removes runs that are over: their directory, their rows, their artifacts. The directory is moved aside first,
 * which is the step that counts: what a daemon finds there of a run that is still in the registry, it removes.
 */
import fs from 'node:fs';
import path from 'node:path';
import { createYardStore } from '../artifacts/index.ts';
import type { RemovedRun } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Home, Removals, RunStore, Tombstone } from '../persistence/index.ts';
import { runDir } from '../rundir/index.ts';
import { fitted } from '../small.ts';
import type { Logger } from '../telemetry/index.ts';

export type Removing = {
  /** Resolves when that it is removed is on the disk. Throws run_not_over, run_pinned. */
  remove(runId: string, who: { user: string; reason: string }): Promise<RemovedRun>;
  /** Ends what a crash left half removed; before anything is served. */
  recover(): void;
  /** Resolves when what lies aside is gone. */
  settled(): Promise<void>;
};

export type RemovingOptions = {
  home: Home;
  store: RunStore;
  removals: Removals;
  iso: () => string;
  log: Logger;
  /** Told of the event, which is committed. */
  removed: (tombstone: Tombstone) => void;
  /** Resolves when all that was committed is on the disk. */
  synced: () => Promise<void>;
};

/** No run has such an id. */
const asideName = '.removed';

export function createRemoving(options: RemovingOptions): Removing {
  const { home, store, removals, log } = options;
  const kept = createYardStore(home.artifacts);
  const aside = path.join(home.runs, asideName);
  const asideOf = (runId: string): string => path.join(aside, runId);
  /** Removing takes time for large runs: one after another, and nobody waits for it. */
  let clearing: Promise<void> = Promise.resolve();

  const clear = (runId: string): void => {
    clearing = clearing.then(async () => {
      try {
        await kept.remove(runId);
        await fs.promises.rm(asideOf(runId), { recursive: true, force: true });
        failpoint('rm.cleared');
      } catch (error) {
        // The next start tries again.
        log.warn({ runId, err: error }, 'what is left of a removed run could not be deleted');
      }
    });
  };

  const commit = (runId: string, who: { user: string; reason: string }): RemovedRun => {
    const at = options.iso();
    const seq = (store.run(runId)?.last_seq ?? 0) + 1;
    const pos = removals.remove(runId, at, fitted(who));
    failpoint('rm.committed');
    log.info({ runId, ...who }, 'run removed');
    if (fs.existsSync(path.join(home.artifacts, runId))) kept.discard(runId);
    options.removed({ run_id: runId, pos, at });
    return { run_id: runId, seq, pos, at };
  };

  return {
    async remove(runId, who) {
      refuseKept(store, runId);
      const dir = runDir(home.root, runId);
      fs.mkdirSync(aside, { recursive: true, mode: 0o700 });
      // One without a directory lost it to somebody else.
      const isThere = fs.existsSync(dir);
      if (isThere) fs.renameSync(dir, asideOf(runId));
      failpoint('rm.aside');
      let removed: RemovedRun;
      try {
        removed = commit(runId, who);
      } catch (error) {
        if (isThere && store.run(runId) !== undefined) fs.renameSync(asideOf(runId), dir);
        throw error;
      }
      await options.synced();
      clear(runId);
      return removed;
    },
    recover() {
      const names = fs.existsSync(aside) ? fs.readdirSync(aside) : [];
      for (const runId of names) {
        if (store.run(runId) !== undefined) commit(runId, { user: '', reason: 'begun before' });
        clear(runId);
      }
      for (const runId of kept.runs()) {
        if (store.run(runId) !== undefined || removals.removedAt(runId) === undefined) continue;
        kept.discard(runId);
        clear(runId);
      }
    },
    settled: () => clearing,
  };
}

function refuseKept(store: RunStore, runId: string): void {
  const row = store.run(runId);
  if (row === undefined) throw new RunyardError('run_not_found', `there is no run "${runId}"`);
  if (row.finished_at === null) {
    const text = `run ${runId} is ${row.state}, and only a run that is over can be removed; first: runyard stop ${runId}`;
    throw new RunyardError('run_not_over', text);
  }
  const held = store.leases().filter(({ run_id }) => run_id === runId);
  if (held.length > 0) {
    const slots = held.map(({ slot }) => slot).join(', ');
    const text = `something of run ${runId} does not die and holds ${slots}: it is kept until that is gone`;
    throw new RunyardError('run_not_over', text);
  }
  if (row.pinned_at !== null) {
    const text = `run ${runId} is pinned; first: runyard unpin ${runId}`;
    throw new RunyardError('run_pinned', text);
  }
}
