/**
 * The small files of an attempt, read strictly: a field that is missing or of another type is
 * `rundir_corrupt`, because each of these files is only ever seen whole.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, RunyardError } from '../errors.ts';
import type { Identity } from './identity.ts';
import { attemptFiles } from './paths.ts';

/** Which recorder owns the attempt. */
export type Claim = Identity & { generation: number };

/** Anything but `void` counts as started; `fork` is line 2, null until it is there in full. */
export type Start =
  | { voided: true }
  | {
      voided: false;
      boot_id: string | null;
      fork: { pid: number; start_time: string } | null;
    };

/** How the trainer ended. `code` only when exited; `signal` and `core` only when signaled. */
export type ExitRecord = {
  kind: (typeof exitKinds)[number];
  code?: number;
  /** Its name: `SIGTERM`. */
  signal?: string;
  core?: boolean;
  /** Its name: `ENOENT`. For noexec and notstarted, with `message`. */
  errno?: string;
  message?: string;
  started_at?: string;
  ended_at?: string;
  wall_ms?: number;
  rusage?: { user_ms: number; system_ms: number; max_rss_kib: number };
};

/** All that was written, and what of it is no longer or never was on the disk, in bytes. */
export type Drained = {
  stdout: { bytes: number; dropped: number };
  stderr: { bytes: number; dropped: number };
  segments: { first: number; last: number };
  /** False when descendants still held the pipes at the end of the grace. */
  eof: boolean;
  /** True when every descendant of the trainer was reaped: nothing of it is left. */
  alone: boolean;
  at: string;
};

/** What of launch.json others than the recorder need. */
export type Launch = {
  boot_id: string;
  cwd: string;
  argv: string[];
  cgroup: string | null;
  gpu_locks: string[];
};

const exitKinds = ['exited', 'signaled', 'noexec', 'notstarted'] as const;

export function readClaim(dir: string): Claim | null {
  const fields = readFields(dir, attemptFiles.claim);
  if (fields === null) return null;
  return {
    boot_id: fields.text('boot_id'),
    pid: fields.number('pid'),
    start_time: fields.text('start_time'),
    generation: fields.number('generation'),
  };
}

/** Never throws for its content: whatever is there counts as started. */
export function readStart(dir: string): Start | null {
  const content = readText(dir, attemptFiles.start);
  if (content === null) return null;
  if (content === 'void\n') return { voided: true };
  // What follows the last newline was cut off.
  const [first, second] = content.split('\n').slice(0, -1).map(looseObject);
  const boot = first?.boot_id;
  const { pid, start_time } = second ?? {};
  const known = typeof pid === 'number' && typeof start_time === 'string';
  return {
    voided: false,
    boot_id: typeof boot === 'string' ? boot : null,
    fork: known ? { pid, start_time } : null,
  };
}

export function readExit(dir: string): ExitRecord | null {
  const fields = readFields(dir, attemptFiles.exit);
  if (fields === null) return null;
  const kind = exitKinds.find((known) => known === fields.text('kind'));
  if (kind === undefined) throw fields.wrong('kind');
  if (kind === 'exited') fields.number('code');
  if (kind === 'signaled') fields.text('signal');
  return { ...(fields.all as Omit<ExitRecord, 'kind'>), kind };
}

export function readDrained(dir: string): Drained | null {
  const fields = readFields(dir, attemptFiles.drained);
  if (fields === null) return null;
  const totals = (name: string) => {
    const of = fields.object(name);
    return { bytes: of.number('bytes'), dropped: of.number('dropped') };
  };
  const segments = fields.object('segments');
  return {
    stdout: totals('stdout'),
    stderr: totals('stderr'),
    segments: { first: segments.number('first'), last: segments.number('last') },
    eof: fields.boolean('eof'),
    alone: fields.all.alone === true,
    at: fields.text('at'),
  };
}

export function readLaunch(dir: string): Launch | null {
  const fields = readFields(dir, attemptFiles.launch);
  if (fields === null) return null;
  const argv = fields.all.argv;
  if (!Array.isArray(argv) || !argv.every((word) => typeof word === 'string')) {
    throw fields.wrong('argv');
  }
  const cgroup = typeof fields.all.cgroup === 'string' ? fields.all.cgroup : null;
  const locks = Array.isArray(fields.all.gpu_locks) ? fields.all.gpu_locks.map(String) : [];
  return {
    boot_id: fields.text('boot_id'),
    cwd: fields.text('cwd'),
    argv,
    cgroup,
    gpu_locks: locks,
  };
}

/** Typed access to a JSON object; each getter throws `rundir_corrupt` for anything else. */
type Fields = {
  all: Readonly<Record<string, unknown>>;
  text(name: string): string;
  number(name: string): number;
  boolean(name: string): boolean;
  object(name: string): Fields;
  wrong(name: string): RunyardError;
};

function readFields(dir: string, name: string): Fields | null {
  const content = readText(dir, name);
  if (content === null) return null;
  const file = path.join(dir, name);
  const parsed = looseObject(content);
  if (parsed === null) throw new RunyardError('rundir_corrupt', `${file} is no JSON object`);
  return fieldsOf(file, parsed);
}

function fieldsOf(file: string, all: Readonly<Record<string, unknown>>): Fields {
  const wrong = (name: string) =>
    new RunyardError('rundir_corrupt', `${file}: ${name} is missing or of another type`);
  return {
    all,
    wrong,
    text(name) {
      const value = all[name];
      if (typeof value !== 'string') throw wrong(name);
      return value;
    },
    number(name) {
      const value = all[name];
      if (typeof value !== 'number') throw wrong(name);
      return value;
    },
    boolean(name) {
      const value = all[name];
      if (typeof value !== 'boolean') throw wrong(name);
      return value;
    },
    object(name) {
      const value = all[name];
      if (!isObject(value)) throw wrong(name);
      return fieldsOf(`${file}: ${name}`, value);
    },
  };
}

function looseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readText(dir: string, name: string): string | null {
  try {
    return fs.readFileSync(path.join(dir, name), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
