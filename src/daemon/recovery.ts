/** What a start found and did, counted, and told once: in one line of the log and in GetHealth. */
import fs from 'node:fs';
import path from 'node:path';
import type { Recovery } from '../contracts/index.ts';
import type { RunRow } from '../persistence/index.ts';
import { attemptDir, attemptFiles, type Identity, isAlive, judge } from '../rundir/index.ts';
import type { Logger } from '../telemetry/index.ts';

export type RecoveryLog = {
  /** Looks at an unfinished run before it is taken up. A few small files each, no search. */
  saw(row: RunRow): void;
  note(what: Partial<Record<Counted, number>>): void;
  /** No more is to come: writes the line. */
  tell(): void;
  report(): Recovery;
};

type Counted = {
  [Key in keyof Recovery]: Recovery[Key] extends number ? Key : never;
}[keyof Recovery];

export function createRecoveryLog(options: {
  root: string;
  at: string;
  /** What a rebuild said; null when there was none. */
  rebuilt: { text: string; kept: string | null } | null;
  log: Logger;
}): RecoveryLog {
  const { root, rebuilt } = options;
  const counts: Record<Counted, number> = {
    queued: 0,
    adopted: 0,
    ended: 0,
    vanished: 0,
    rebooted: 0,
    workers_replaced: 0,
    processes_ended: 0,
    leases_mended: 0,
    temp_pruned: 0,
    unknown_dirs: 0,
  };
  const note: RecoveryLog['note'] = (what) => {
    for (const [name, count] of Object.entries(what)) counts[name as Counted] += count;
  };
  const report = (): Recovery => ({
    at: options.at,
    text: [...(rebuilt === null ? [] : [rebuilt.text]), textOf(counts)].join('; '),
    ...counts,
    registry_kept: rebuilt?.kept ?? '',
  });
  return {
    saw({ run_id: runId, attempt, state }) {
      if (state === 'queued') note({ queued: 1 });
      if (/^(queued|allocating)/.test(state)) return;
      const dir = attemptDir(root, runId, attempt);
      const kind = kindOf(dir);
      note({ [kind]: 1 });
      if (!hasWorker(dir)) note({ workers_replaced: 1 });
    },
    note,
    tell() {
      const { text, at: _, ...data } = report();
      options.log.info(data, text);
    },
    report,
  };
}

function kindOf(dir: string): Counted {
  try {
    const verdict = judge(dir);
    if (verdict.kind === 'exited') return 'ended';
    if (verdict.kind === 'voided' || verdict.kind === 'unclaimed') return 'adopted';
    if (verdict.otherBoot) return 'rebooted';
    if (verdict.kind === 'claimed' || verdict.recorderAlive || verdict.trainerAlive)
      return 'adopted';
    return 'vanished';
  } catch {
    return 'vanished';
  }
}

function hasWorker(dir: string): boolean {
  try {
    const file = path.join(dir, attemptFiles.worker);
    return isAlive((JSON.parse(fs.readFileSync(file, 'utf8')) as { identity: Identity }).identity);
  } catch {
    return false;
  }
}

/** `12 runs adopted, 2 ended meanwhile, 1 worker replaced, 1 orphan ended`; `nothing to recover`. */
function textOf(counts: Readonly<Record<Counted, number>>): string {
  const words: [Counted, string, string][] = [
    ['adopted', 'run adopted', 'runs adopted'],
    ['queued', 'queued', 'queued'],
    ['ended', 'ended meanwhile', 'ended meanwhile'],
    ['vanished', 'vanished unseen', 'vanished unseen'],
    ['rebooted', 'lost by a restart of the machine', 'lost by a restart of the machine'],
    ['workers_replaced', 'worker replaced', 'workers replaced'],
    ['processes_ended', 'orphan ended', 'orphans ended'],
    ['leases_mended', 'lease mended', 'leases mended'],
    ['temp_pruned', 'temporary directory pruned', 'temporary directories pruned'],
    ['unknown_dirs', 'run directory unknown', 'run directories unknown'],
  ];
  const parts = words
    .filter(([name]) => counts[name] > 0)
    .map(([name, one, many]) => `${counts[name]} ${counts[name] === 1 ? one : many}`);
  return parts.length === 0 ? 'nothing to recover' : parts.join(', ');
}
