/** The list of what was taken of one attempt. What is in it is in the store; all else there is nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../errors.ts';
import { writeAtomic } from '../rundir/index.ts';
import type { VideoHeader } from './mp4.ts';

export type Artifact = {
  /** As below the run's directory, `/` between its parts. */
  name: string;
  /** Of the copy, below the directory of the manifest. */
  path: string;
  size: number;
  sha256: string;
  media_type: string;
  /** When the trainer last wrote it, and when it was taken. */
  modified: string;
  taken: string;
  /** 1, 2, 3 …: a file that is written anew is taken anew, in the place of the one before. */
  version: number;
  /** Which state of the file was taken: another one is another version. */
  stamp: string;
  /** As its name says it. */
  step?: number;
  video?: VideoHeader;
  /** What is wrong with it, such as a video without a header. */
  note?: string;
};
/** A file that the rules name and that is not in the store. */
export type Missing = { name: string; problem: string };
export type Manifest = {
  v: 1;
  /** False while the attempt goes on. Older manifests have none: they were written at the end. */
  complete?: boolean;
  /** Raised with each change. */
  revision: number;
  artifacts: Artifact[];
  missing: Missing[];
  /** The same as sentences. */
  problems: string[];
};

export const manifestName = 'manifest.json';
/** Room for a last manifest on a full disk. */
export const spareName = 'manifest.spare';
const spareBytes = 64 * 1024;
/** Missing ones that are listed; the others are counted. */
const missingMost = 100;

export const emptyManifest: Manifest = {
  v: 1,
  complete: false,
  revision: 0,
  artifacts: [],
  missing: [],
  problems: [],
};

/** Null when there is none, or none that can be read. */
export function readManifest(store: string): Manifest | null {
  try {
    const text = fs.readFileSync(path.join(store, manifestName), 'utf8');
    const found = JSON.parse(text) as Partial<Manifest>;
    if (!Array.isArray(found.artifacts)) return null;
    // Of the first version, the name was the path, and the problems had no names.
    const artifacts = found.artifacts.map((each) => ({ ...each, path: each.path ?? each.name }));
    return { ...emptyManifest, complete: true, ...found, artifacts };
  } catch {
    return null;
  }
}

/** Keeps room for the last manifest, as far as there is any. */
export function keepSpare(store: string): void {
  const file = path.join(store, spareName);
  if (fs.existsSync(file)) return;
  try {
    // No zeros: a file system that compresses would keep no room for them.
    const bytes = Buffer.alloc(spareBytes, '.:runyard keeps this room:.');
    fs.writeFileSync(file, bytes, { mode: 0o600 });
  } catch {
    fs.rmSync(file, { force: true });
  }
}

/** Whole or not at all, synced; on a full disk into the room that was kept. Throws when there is none. */
export function writeManifest(store: string, manifest: Manifest): void {
  const file = path.join(store, manifestName);
  const text = textOf(manifest);
  try {
    writeAtomic(file, text, { mode: 0o600, sync: true });
  } catch (error) {
    if (!intoSpare(store, text)) throw error;
  }
  if (manifest.complete !== false) fs.rmSync(path.join(store, spareName), { force: true });
}

function intoSpare(store: string, text: string): boolean {
  const spare = path.join(store, spareName);
  const data = Buffer.from(text);
  try {
    if (fs.statSync(spare).size < data.length) return false;
    const fd = fs.openSync(spare, 'r+');
    try {
      let written = 0;
      while (written < data.length) written += fs.writeSync(fd, data, written);
      fs.ftruncateSync(fd, data.length);
      fs.fdatasyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(spare, path.join(store, manifestName));
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function textOf(manifest: Manifest): string {
  const { missing } = manifest;
  const listed = missing.slice(0, missingMost);
  const more = missing.length - listed.length;
  const problems = listed.map(({ name, problem }) => `${name}: ${problem}`);
  if (more > 0) problems.push(`and ${more} more`);
  return `${JSON.stringify({ ...manifest, missing: listed, problems }, null, 2)}\n`;
}
