/** What is kept of runs that are over: their artifacts listed, pinned, and removed by the limits. */
import fs from 'node:fs';
import path from 'node:path';
import { createYardStore, doomed, type KeptRun, type Limits } from '../artifacts/index.ts';
import type {
  ArtifactItem,
  GarbageRequest,
  Removal,
  RetentionPort,
  Settings,
} from '../contracts/index.ts';
import { errnoOf, messageOf } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Home, RunRow, RunStore } from '../persistence/index.ts';
import { runDir, runFiles, writeAtomic } from '../rundir/index.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';
import { artifactBytes } from './artifact-bytes.ts';

export type Keeping = RetentionPort & {
  /** Ends what a crash left half removed, and goes on to keep to the settings' limits. */
  start(): void;
  close(): void;
};

export type KeepingOptions = {
  home: Home;
  store: RunStore;
  settings: Settings;
  clock: Clock;
  log: Logger;
  /** Resolves when all that was committed is on the disk. */
  synced: () => Promise<void>;
  /** A run that is over is another than was written down. */
  changed: (runId: string) => void;
};

const everyMs = 3_600_000;
const dayMs = 86_400_000;
const unlimited: GarbageRequest = {
  dry_run: false,
  max_age_s: 0,
  max_bytes: 0,
  max_runs: 0,
  project: '',
};

export function createKeeping(options: KeepingOptions): Keeping {
  const { home, store, settings, clock, log } = options;
  const kept = createYardStore(home.artifacts);
  let stop: () => void = () => undefined;

  /** What is aside is gone: its run says so, and then it is removed. */
  const finish = async (runId: string): Promise<void> => {
    if (store.run(runId)?.artifact_manifest != null) {
      store.forgetArtifacts(runId);
      options.changed(runId);
    }
    failpoint('gc.forgotten');
    await kept.remove(runId);
  };

  const keptRun = async (row: RunRow): Promise<KeptRun & { files: number }> => ({
    runId: row.run_id,
    project: row.project,
    finishedMs: row.finished_at === null ? null : Date.parse(row.finished_at),
    pinned: row.pinned_at !== null,
    ...(await kept.sizeOf(row.run_id)),
  });

  const collect = async function* (request: GarbageRequest): AsyncGenerator<Removal> {
    const runs: (KeptRun & { files: number })[] = [];
    for (const runId of kept.runs()) {
      // What the registry does not know is nobody's to remove.
      const row = store.run(runId);
      if (row !== undefined && (request.project === '' || row.project === request.project))
        runs.push(await keptRun(row));
    }
    const limits = limitsOf(request, settings);
    for (const { run, why } of doomed(runs, limits, clock.now().wall_ms)) {
      const row = store.run(run.runId);
      // Pinned while we counted.
      if (row === undefined || row.pinned_at !== null) continue;
      const about = {
        run_id: run.runId,
        name: row.name,
        project: row.project,
        finished_at: row.finished_at ?? '',
        bytes: run.bytes,
        artifacts: run.files,
        why,
      };
      if (request.dry_run) {
        yield { ...about, removed: false, problem: '' };
        continue;
      }
      try {
        kept.discard(run.runId);
        await finish(run.runId);
        log.info({ runId: run.runId, why, bytes: run.bytes }, 'artifacts removed');
        yield { ...about, removed: true, problem: '' };
      } catch (error) {
        log.warn({ runId: run.runId, err: error }, 'artifacts could not be removed');
        yield { ...about, removed: false, problem: messageOf(error) };
      }
    }
  };

  const tidy = async (): Promise<void> => {
    try {
      for (const runId of kept.discarded()) await finish(runId);
      if (Object.values(limitsOf(unlimited, settings)).every((limit) => limit === null)) return;
      for await (const _ of collect(unlimited));
    } catch (error) {
      log.error({ err: error }, 'retention failed');
    }
  };

  return {
    *artifacts({ runId, attempt }) {
      const manifest = kept.manifest(runId, attempt);
      const dir = kept.directory(runId, attempt);
      for (const { path: at, ...artifact } of manifest?.artifacts ?? []) {
        const { video, step, stamp: _, ...rest } = artifact;
        yield {
          ...nothing,
          ...rest,
          attempt,
          path: path.join(dir, at),
          step: step === undefined ? '' : String(step),
          ...video,
        };
      }
      for (const { name, problem } of manifest?.missing ?? [])
        yield { ...nothing, attempt, name, problem };
    },
    read: (item, range, signal) => artifactBytes(home.artifacts, item, range, signal),
    async pin(runId, pinned) {
      const marker = path.join(runDir(home.root, runId), runFiles.pinned);
      const at = store.run(runId)?.pinned_at ?? clock.iso();
      // The marker is for a registry that is remade: it is there whenever the registry says so.
      if (pinned) writeAtomic(marker, `${at}\n`, { mode: 0o600, sync: true });
      failpoint('pin.marked');
      store.setPinned(runId, pinned ? at : null);
      await options.synced();
      if (!pinned) remove(marker);
    },
    collect,
    start() {
      void tidy();
      stop = every(clock, everyMs, () => void tidy());
    },
    close: () => stop(),
  };
}

const nothing: ArtifactItem = {
  attempt: 0,
  name: '',
  path: '',
  size: 0,
  sha256: '',
  media_type: '',
  modified: '',
  taken: '',
  version: 0,
  step: '',
  duration_s: 0,
  width: 0,
  height: 0,
  note: '',
  problem: '',
};

/** A limit that is not asked for is the settings'. */
function limitsOf(request: GarbageRequest, settings: Settings): Limits {
  const given = (asked: number, setting: number): number | null => asked || setting || null;
  return {
    maxAgeMs: given(1000 * request.max_age_s, dayMs * settings.artifacts_max_age_days),
    maxBytes: given(request.max_bytes, 2 ** 30 * settings.artifacts_max_gib),
    maxRuns: given(request.max_runs, settings.artifacts_max_runs),
  };
}

function remove(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
