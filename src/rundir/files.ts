/** Writing and judging the files of an attempt. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, RunyardError } from '../errors.ts';
import { bootId, type Identity, isAlive } from './identity.ts';
import { attemptFiles } from './paths.ts';

let temporary = 0;

/** Writes a file so that it is seen whole or not at all. Not synced: sync it where that matters. */
export function writeAtomic(file: string, data: string | Buffer, options: { mode: number }): void {
  temporary += 1;
  const draft = `${file}.${process.pid}.${temporary}.tmp`;
  fs.writeFileSync(draft, data, { mode: options.mode });
  fs.renameSync(draft, file);
}

export type Claim = Identity & { generation: number };
export type ExitRecord = {
  kind: 'exited' | 'signaled' | 'noexec' | 'notstarted';
  code?: number;
  signal?: string;
  core?: boolean;
  errno?: string;
  message?: string;
  started_at?: string;
  ended_at?: string;
  wall_ms?: number;
};
export type Launch = { boot_id: string; cwd: string; argv: string[] };

/** What an attempt's directory says now. */
export type Verdict =
  | { kind: 'unclaimed' }
  | { kind: 'claimed'; recorderAlive: boolean }
  | { kind: 'voided' }
  /** `trainer` is null between the fork and its being written down, or for ever when that was cut. */
  | { kind: 'started'; trainer: Identity | null; trainerAlive: boolean; recorderAlive: boolean }
  | { kind: 'exited'; trainer: Identity | null; record: ExitRecord };

export function judge(dir: string): Verdict {
  const start = readText(dir, attemptFiles.start);
  const trainer = start === null ? null : trainerOf(start);
  const exit = readText(dir, attemptFiles.exit);
  if (exit !== null) return { kind: 'exited', trainer, record: parse<ExitRecord>(dir, 'exit', exit) };
  if (start === 'void\n') return { kind: 'voided' };
  const claim = readClaim(dir);
  const recorderAlive = claim !== null && isAlive(claim);
  if (start !== null) {
    const trainerAlive = trainer !== null && isAlive(trainer);
    return { kind: 'started', trainer, trainerAlive, recorderAlive };
  }
  return claim === null ? { kind: 'unclaimed' } : { kind: 'claimed', recorderAlive };
}

export function readClaim(dir: string): Claim | null {
  const text = readText(dir, attemptFiles.claim);
  return text === null ? null : parse<Claim>(dir, 'claim', text);
}

export function readLaunch(dir: string): Launch | null {
  const text = readText(dir, attemptFiles.launch);
  return text === null ? null : parse<Launch>(dir, 'launch.json', text);
}

/**
 * Makes sure that an attempt never starts, if it has not: an exclusive link, so that recorder and voider
 * cannot both succeed.
 */
export function voidStart(dir: string): 'voided' | 'started' {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const draft = path.join(dir, `void.${process.pid}.tmp`);
  fs.writeFileSync(draft, 'void\n', { mode: 0o600 });
  try {
    fs.linkSync(draft, path.join(dir, attemptFiles.start));
    return 'voided';
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return readText(dir, attemptFiles.start) === 'void\n' ? 'voided' : 'started';
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** Line 2 of `start`; a torn one counts as not yet there. */
function trainerOf(start: string): Identity | null {
  const [, second, rest] = start.split('\n');
  if (second === undefined || second === '' || rest === undefined) return null;
  try {
    const { pid, start_time } = JSON.parse(second) as { pid: number; start_time: string };
    const first = JSON.parse(start.split('\n')[0] ?? '') as { boot_id?: string };
    return { boot_id: first.boot_id ?? bootId(), pid, start_time };
  } catch {
    return null;
  }
}

function readText(dir: string, name: string): string | null {
  try {
    return fs.readFileSync(path.join(dir, name), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function parse<T>(dir: string, name: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new RunyardError('rundir_corrupt', `${path.join(dir, name)} cannot be read`, { cause });
  }
}
