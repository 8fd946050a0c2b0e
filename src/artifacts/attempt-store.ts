/**
 * The store of one attempt. What the rules name is looked for again and again while the attempt goes on, and
 * once at its end; each state of a file is taken once. The manifest is what counts: a crash in the middle of any
 * step leaves it as it was or as it is to be, and what is not listed is removed by the next one who opens.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, messageOf } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import {
  type Artifact,
  emptyManifest,
  keepSpare,
  type Manifest,
  type Missing,
  manifestName,
  readManifest,
  spareName,
  writeManifest,
} from './manifest.ts';
import { refusedName } from './names.ts';
import { stampOf, takeFile } from './take.ts';

export type StoreOptions = {
  /** The run's directory. */
  cwd: string;
  globs: readonly string[];
  /** What was not written since is no work of the attempt. */
  sinceMs: number;
  store: string;
  /** Take files away instead of copying them, at the end. */
  move?: boolean;
  floorBytes?: number;
  /** How long a file must have been left alone to be taken while the attempt goes on. */
  settleMs?: number;
  now?: () => string;
  monotonicMs?: () => number;
  /** Which of these files somebody holds open to write, as `dev:ino`. */
  held?: () => ReadonlySet<string>;
};

export type AttemptStore = {
  manifest(): Manifest;
  /** Keeps room for the manifest, while there is some. Never throws. */
  prepare(): void;
  /** Takes what is new. `final`: nobody writes any more, and all is taken. True when something changed. */
  scan(how: { final: boolean }): Promise<boolean>;
};

/** Files of one attempt; more are not taken, and told. */
const filesMost = 10_000;
/** How often a file that changes while it is taken is tried at the end. */
const triesMost = 3;
/** What may be lost of the work when we are killed. */
const unlistedMost = { files: 50, bytes: 256 * 2 ** 20 };

export function openAttemptStore(options: StoreOptions): AttemptStore {
  const { cwd, store } = options;
  const now = options.now ?? (() => new Date().toISOString());
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  let manifest = readManifest(store) ?? emptyManifest;
  let opened = false;
  /** Files that were seen in a state that is not taken yet, and since when. */
  const waiting = new Map<string, { stamp: string; sinceMs: number }>();

  const open = (): void => {
    if (opened) return;
    fs.mkdirSync(store, { recursive: true, mode: 0o700 });
    removeUnlisted(store, manifest);
    keepSpare(store);
    opened = true;
  };

  const commit = (
    artifacts: Map<string, Artifact>,
    missing: Missing[],
    complete: boolean,
  ): void => {
    const before = manifest;
    const sorted = [...artifacts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const next = { ...before, complete, revision: before.revision + 1, artifacts: sorted, missing };
    writeManifest(store, next);
    manifest = next;
    failpoint('artifact.listed');
    const kept = new Set(sorted.map((each) => each.path));
    for (const old of before.artifacts) {
      if (!kept.has(old.path)) fs.rmSync(path.join(store, old.path), { force: true });
    }
  };

  const tidy = async (root: string | null): Promise<void> => {
    removeUnlisted(store, manifest);
    if (options.move === true && root !== null) await removeTaken(root, manifest);
  };

  const isSettled = (name: string, stamp: string): boolean => {
    const seen = waiting.get(name);
    const at = monotonicMs();
    if (seen?.stamp !== stamp) waiting.set(name, { stamp, sinceMs: at });
    return seen?.stamp === stamp && at - seen.sinceMs >= (options.settleMs ?? 2000);
  };

  const take = async (root: string, name: string, final: boolean, version: number) => {
    const move = final && options.move === true;
    const floorBytes = options.floorBytes ?? 0;
    for (let tries = 1; ; tries += 1) {
      const took = await takeFile({ root, name, store, version, move, floorBytes, now });
      if (took !== 'changed' || !final) return took;
      if (tries === triesMost) return 'somebody writes to it although the run is over';
    }
  };

  return {
    manifest: () => manifest,
    prepare() {
      try {
        if (manifest.complete === false) open();
      } catch {
        // The disk is full already: at the end that is told.
      }
    },
    async scan({ final }) {
      const root = await realDirectory(cwd);
      if (manifest.complete !== false) {
        // A crash may have come between the last manifest and what was to follow.
        await tidy(root);
        return false;
      }
      const artifacts = new Map(manifest.artifacts.map((each) => [each.name, each]));
      const missing: Missing[] = [];
      let unlisted = { files: 0, bytes: 0 };
      let held: ReadonlySet<string> | null = null;
      let changed = false;
      const { names, more } = root === null ? { names: [], more: 0 } : await matches(root, options);
      if (more > 0) missing.push({ name: '…', problem: `${more} more files match than are taken` });
      for (const name of names) {
        try {
          const seen = await look(root ?? cwd, name, options);
          if (seen === null) continue;
          if (typeof seen === 'string') {
            missing.push({ name, problem: seen });
            continue;
          }
          const known = artifacts.get(name);
          if (known?.stamp === stampOf(seen)) continue;
          if (!final) {
            if (!isSettled(name, stampOf(seen))) continue;
            held ??= options.held?.() ?? new Set();
            if (held.has(`${seen.dev}:${seen.ino}`)) continue;
          }
          open();
          const took = await take(root ?? cwd, name, final, (known?.version ?? 0) + 1);
          if (typeof took === 'string') {
            if (took !== 'changed') missing.push({ name, problem: took });
            continue;
          }
          artifacts.set(name, took.artifact);
          waiting.delete(name);
          changed = true;
          unlisted = { files: unlisted.files + 1, bytes: unlisted.bytes + took.artifact.size };
          if (unlisted.files < unlistedMost.files && unlisted.bytes < unlistedMost.bytes) continue;
          try {
            commit(artifacts, missing, false);
          } catch {
            // It is listed by the last one, for which there is room.
          }
          unlisted = { files: 0, bytes: 0 };
        } catch (error) {
          // Gone since it was found: it is none any more.
          if (errnoOf(error) !== 'ENOENT' || fs.existsSync(path.join(root ?? cwd, name)))
            missing.push({ name, problem: problemOf(error) });
        }
      }
      if (final) {
        open();
        failpoint('worker.taking');
        commit(artifacts, missing, true);
        await tidy(root);
        return true;
      }
      const told = JSON.stringify(missing) !== JSON.stringify(manifest.missing);
      if (!changed && !told) return false;
      open();
      commit(artifacts, missing, false);
      return changed;
    },
  };
}

async function realDirectory(cwd: string): Promise<string | null> {
  try {
    return await fs.promises.realpath(cwd);
  } catch {
    return null;
  }
}

async function matches(
  root: string,
  { globs }: StoreOptions,
): Promise<{ names: string[]; more: number }> {
  const names = new Set<string>();
  let more = 0;
  for await (const name of fs.promises.glob([...globs], { cwd: root })) {
    if (names.size < filesMost) names.add(name);
    else if (!names.has(name)) more += 1;
  }
  return { names: [...names].sort(), more };
}

/** Null for what is not meant: directories, links, files older than the attempt, and the store itself. */
async function look(
  root: string,
  name: string,
  { sinceMs, store }: StoreOptions,
): Promise<fs.BigIntStats | string | null> {
  const file = path.resolve(root, name);
  const stat = await fs.promises.lstat(file, { bigint: true });
  if (!stat.isFile() || Number(stat.mtimeMs) < sinceMs) return null;
  const stores = path.dirname(path.dirname(store));
  if (file.startsWith(`${stores}/`)) return null;
  return refusedName(name) ?? stat;
}

/** After the manifest says that they are safe. */
async function removeTaken(root: string, manifest: Manifest): Promise<void> {
  for (const { name, stamp } of manifest.artifacts) {
    const file = path.join(root, name);
    try {
      const stat = await fs.promises.lstat(file, { bigint: true });
      if (stampOf(stat) === stamp) await fs.promises.unlink(file);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

/** Removes what a crash left: drafts, and files that never came to be listed or no longer are. */
function removeUnlisted(store: string, manifest: Manifest): void {
  if (!fs.existsSync(store)) return;
  const whole = manifest.complete !== false;
  const own = whole ? [manifestName] : [manifestName, spareName];
  const kept = new Set([...own, ...manifest.artifacts.map((each) => each.path)]);
  for (const entry of fs.readdirSync(store, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && !kept.has(path.relative(store, file)))
      fs.rmSync(file, { force: true });
  }
}

function problemOf(error: unknown): string {
  const full = ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '');
  return full ? 'there is not enough space on the disk' : messageOf(error).replaceAll(/\s+/g, ' ');
}
