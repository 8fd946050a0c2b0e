/** Remakes the registry from the run directories. The caller holds the daemon's lock. */
import fs from 'node:fs';
import path from 'node:path';
import { knownRun } from '../actors/index.ts';
import type { Settings } from '../contracts/index.ts';
import { messageOf } from '../errors.ts';
import { type Home, type KnownRun, openDatabase, writeHistory } from '../persistence/index.ts';
import { markedProcesses } from '../processes/index.ts';
import { runFiles } from '../rundir/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';

export type Rebuilt = {
  finished: number;
  live: number;
  queued: number;
  /** Ended by this: nobody can say for sure that they never began, so that they are not queued again. */
  refused: number;
  unreadable: { runId: string; text: string }[];
  /** Where the old registry is now; null when there was none. */
  kept: string | null;
};

export function rebuildRegistry(options: {
  home: Home;
  settings: Settings;
  clock: Clock;
  log: Logger;
}): Rebuilt {
  const { home, settings, clock, log } = options;
  const traced = tracesOf(home);
  const known: KnownRun[] = [];
  const unreadable: Rebuilt['unreadable'] = [];
  for (const runId of runIds(home)) {
    try {
      known.push(
        knownRun(runId, {
          root: home.root,
          defaults: { graceS: settings.grace_s, killPatienceS: settings.kill_patience_s },
          now: clock.now(),
          traced,
          mayVoid: true,
        }),
      );
    } catch (error) {
      log.error({ runId, err: error }, 'the run could not be read from its directory');
      unreadable.push({ runId, text: messageOf(error) });
    }
  }
  known.sort((a, b) => (a.row.submitted_at < b.row.submitted_at ? -1 : 1));
  write(home, known, clock.iso());
  const kept = exchange(home, clock.iso());
  const count = (is: (run: KnownRun) => boolean): number => known.filter(is).length;
  const refused = ({ row }: KnownRun): boolean =>
    row.status === 'rejected' && (row.failure_reason ?? '').includes('the registry was lost');
  const rebuilt = {
    finished: count((run) => run.row.finished_at !== null && !refused(run)),
    live: count(({ row }) => row.finished_at === null && row.state !== 'queued'),
    queued: count(({ row }) => row.state === 'queued'),
    refused: count(refused),
    unreadable,
    kept,
  };
  log.warn(rebuilt, 'the registry was remade from the run directories');
  return rebuilt;
}

export function rebuiltText({ finished, live, queued, refused, unreadable }: Rebuilt): string {
  const parts = [`${finished} finished`, `${live} live`, `${queued} queued`];
  if (refused > 0) parts.push(`${refused} not started again`);
  if (unreadable.length > 0) {
    const ids = unreadable.map(({ runId }) => runId).slice(0, 5);
    parts.push(`${unreadable.length} unreadable (${ids.join(', ')})`);
  }
  return `registry remade: ${parts.join(', ')} runs`;
}

/** Directories that are a run's. */
function runIds(home: Home): string[] {
  return fs
    .readdirSync(home.runs)
    .filter((name) => fs.existsSync(path.join(home.runs, name, runFiles.config)));
}

/** Runs of which something was seen outside of their directories. */
function tracesOf(home: Home): (runId: string, attempts: number) => boolean {
  const live = new Set(
    markedProcesses().map(({ runDir }) => path.relative(home.runs, runDir).split(path.sep)[0]),
  );
  return (runId, attempts) => {
    const artifacts = path.join(home.artifacts, runId);
    const unknown = attempts === 0 ? artifacts : path.join(artifacts, String(attempts + 1));
    return live.has(runId) || fs.existsSync(unknown);
  };
}

/** Under another name first: half a registry must never pass for a whole one. */
function write(home: Home, known: readonly KnownRun[], at: string): void {
  const draft = draftOf(home);
  for (const suffix of suffixes) fs.rmSync(`${draft}${suffix}`, { force: true });
  const db = openDatabase(draft);
  try {
    writeHistory(db, known, at);
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}

const suffixes = ['', '-wal', '-shm'] as const;
const draftOf = (home: Home): string => `${home.registry}.rebuilding`;

/** Puts the new registry in the old one's place, which is kept under another name with all its parts. */
function exchange(home: Home, at: string): string | null {
  const old = `${home.registry}.lost-${at.replaceAll(/[^0-9TZ]/g, '')}`;
  let kept: string | null = null;
  for (const suffix of suffixes) {
    if (!fs.existsSync(`${home.registry}${suffix}`)) continue;
    fs.renameSync(`${home.registry}${suffix}`, `${old}${suffix}`);
    kept = old;
  }
  fs.renameSync(draftOf(home), home.registry);
  return kept;
}
