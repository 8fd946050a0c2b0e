/**
 * Finds the files into which the attempt writes points: those that its processes hold open, and, for
 * what is closed again at once or was over too soon, those that appeared meanwhile and bear the number of
 * one of its processes, or can be nobody else's.
 */
import fs from 'node:fs';
import path from 'node:path';
import { formatOf } from '../capture/index.ts';
import { writtenByOthers, writtenFiles } from '../processes/index.ts';
import { processStat } from '../rundir/index.ts';
import type { Claims } from './claims.ts';
import { createMembers } from './members.ts';
import { type Candidate, candidateAt, searchBelow } from './search.ts';

export type Discovered = Candidate & {
  /** What was in it before the attempt is not the attempt's. */
  from: number;
};

export type Discovery = {
  /** Looks at open files when it is time to, and now and then at the directory. */
  look(): void;
  /** A last look at the directory. */
  finish(): void;
  close(): void;
};

export type DiscoveryOptions = {
  dir: string;
  cwd: string;
  claims: Claims;
  /** Null: all. */
  formats: readonly string[] | null;
  onFile: (found: Discovered) => void;
  onNote: (text: string) => void;
  nowMs?: () => number;
};

/** Open files are looked at soon after a start or a sign of change, then ever more seldom. */
const lookMs = { first: 30, most: 2000 };
/** Something new in a directory makes looks frequent again, but no more often than this. */
const signMs = 1000;
/** The directory itself is searched likewise, for at most a fiftieth of the time; and at the end. */
const searchMs = { first: 200, most: 15_000 };
const searchShare = 1 / 50;
const entriesMost = { meanwhile: 2000, end: 10_000 };
/** Where scripts make their directories, one for each run. */
const usualPlaces = ['', 'runs', 'wandb', 'logs', 'results', 'outputs'];
/** File systems keep time in coarser steps than clocks. */
const slackMs = 20;

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { dir, cwd, claims, onFile, onNote } = options;
  const now = options.nowMs ?? (() => performance.now());
  const known = new Set<string>();
  const told = new Set<string>();
  let pauseMs = lookMs.first;
  let dueAt = now() + pauseMs;
  let searchPauseMs = searchMs.first;
  let searchAt = now() + searchPauseMs;
  const members = createMembers(dir);
  /** What is new there is the daemon's own, and its restart would have every worker look at once. */
  const home = path.resolve(dir, '../../../..');
  let signedAt = Number.NEGATIVE_INFINITY;
  /** Of a processor, for the last search. */
  let tookMs = 0;
  const wanted = (file: string): boolean => {
    const format = formatOf(file);
    if (format === null || known.has(file) || file.startsWith(`${dir}${path.sep}out.`))
      return false;
    return options.formats?.includes(format) ?? true;
  };
  let watchers: (() => fs.FSWatcher[]) | null = null;
  const sign = (): void => {
    if (now() - signedAt < signMs) return;
    signedAt = now();
    pauseMs = lookMs.first;
    dueAt = Math.min(dueAt, now() + pauseMs);
    searchPauseMs = Math.max(searchMs.first, tookMs / searchShare);
    searchAt = Math.min(searchAt, now() + searchPauseMs);
  };

  const take = (candidate: Candidate): void => {
    const { file, bornMs, size } = candidate;
    known.add(file);
    claims.claim(candidate);
    const before = claims.sizeBefore(file);
    const isOld = bornMs > 0 && bornMs < claims.sinceMs - slackMs;
    // It was there, but nobody knows how large: what came before this moment may be another's.
    const from = before ?? (isOld ? size : 0);
    if (before === undefined && isOld)
      onNote(`${file} is older than the attempt: what is in it by now is left out`);
    onFile({ ...candidate, from: Math.min(from, size) });
  };

  const lookAtOpen = (): void => {
    for (const file of writtenFiles(members.live(), wanted)) {
      const candidate = candidateAt(file);
      if (candidate !== null) take(candidate);
    }
  };

  const search = (most: number): void => {
    const isLast = most === entriesMost.end;
    // Of the yard's own runs only their own workers know what is in them.
    const { found, cut } = searchBelow(cwd, most, { except: path.join(home, 'runs') });
    const tell = (text: string): void => {
      if (!told.has(text)) onNote(text);
      told.add(text);
    };
    const since = claims.sinceMs - slackMs;
    const fresh = found.filter(
      ({ file, modifiedMs, bornMs }) =>
        wanted(file) &&
        modifiedMs >= since &&
        (bornMs === 0 || bornMs >= since || claims.sizeBefore(file) !== undefined),
    );
    if (cut && isLast)
      tell(`${cwd} holds more than ${most} files: not all were looked at for points`);
    if (fresh.length === 0) return;
    const neighbours = claims.neighbours();
    const ours = new Set(members.live());
    const held = writtenByOthers(ours, new Set(fresh.map(({ file }) => file)));
    for (const candidate of fresh) {
      const { file, id } = candidate;
      const maker = makerOf(file);
      if (maker !== null && members.seen(maker)) {
        take(candidate);
        continue;
      }
      if (maker !== null && processStat(maker)?.dead === false) continue;
      if (held.has(file) || neighbours.some(({ files }) => files.has(id))) continue;
      // Another run may have written it and closed it again. Better no point than somebody else's.
      const shared = neighbours.some((other) => isWithin(file, other.cwd));
      // A neighbour may still show that it is its own.
      if (shared && isLast)
        tell(`${file} may be of another run in ${cwd} and is left out; --isolate keeps runs apart`);
      if (!shared) take(candidate);
    }
  };

  return {
    look() {
      if (now() < dueAt) return;
      // Not before the trainer was started: it should not wait for this.
      watchers ??= cwd === home ? () => [] : watch(cwd, sign);
      lookAtOpen();
      if (now() >= searchAt) {
        // Not by the clock: on a busy machine everything takes long.
        const from = process.cpuUsage();
        search(entriesMost.meanwhile);
        const { user, system } = process.cpuUsage(from);
        tookMs = (user + system) / 1000;
        searchAt = now() + Math.max(searchPauseMs, tookMs / searchShare);
        searchPauseMs = Math.min(searchMs.most, searchPauseMs * 2);
      }
      dueAt = now() + pauseMs;
      pauseMs = Math.min(lookMs.most, pauseMs * 2);
    },
    finish() {
      lookAtOpen();
      search(entriesMost.end);
    },
    close() {
      for (const watcher of watchers?.() ?? []) watcher.close();
    },
  };
}

/**
 * The process that made an event file, where its name says so, as that of torch and TensorFlow does. Their
 * writers open and close the file for each flush, so that nobody is ever seen with it.
 */
function makerOf(file: string): number | null {
  const pid = /tfevents\.\d+\..*\.(\d+)\.\d+(?:\.v2)?$/.exec(path.basename(file))?.[1];
  return pid === undefined ? null : Number(pid);
}

function isWithin(file: string, root: string): boolean {
  return file.startsWith(root.endsWith(path.sep) ? root : `${root}${path.sep}`);
}

/** Tells of new names in the usual places. There are few watches for all: without one, looks are seldom. */
function watch(cwd: string, sign: () => void): () => fs.FSWatcher[] {
  const watchers = new Map<string, fs.FSWatcher>();
  const begin = (): void => {
    for (const place of usualPlaces) {
      if (watchers.has(place)) continue;
      try {
        const watcher = fs.watch(path.join(cwd, place), { persistent: false }, (event) => {
          if (event !== 'rename') return;
          begin();
          sign();
        });
        watcher.on('error', () => undefined);
        watchers.set(place, watcher);
      } catch {
        // It is not there yet, or the system has no watches left.
      }
    }
  };
  begin();
  return () => [...watchers.values()];
}
