/** From a command line, and perhaps a file, to what is submitted. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '../errors.ts';
import { type Env, usage, wholeNumber } from './context.ts';
import { type EndFlags, endsOf } from './ends.ts';
import { runEnvironment } from './environment.ts';
import { type PlaceFlags, placeOf } from './places.ts';
import { parseBytes, parseSeconds } from './spans.ts';
import { isObject } from './values.ts';

export type SubmitFlags = {
  file?: string;
  name?: string;
  project?: string;
  group?: string;
  atOnce?: string;
  tag?: string[];
  note?: string;
  notify?: string[] | false;
  gpus?: string;
  gpuMemory?: string;
  cpus?: string;
  memory?: string;
  priority?: string;
  hold?: boolean;
  startAfter?: string;
  after?: string[];
  cwd?: string;
  env?: string[];
  envFile?: string[];
  cleanEnv?: boolean;
  key?: string;
  stopSignal?: string;
  grace?: string;
  timeLimit?: string;
  stallLimit?: string;
  outputLimit?: string;
  isolate?: boolean;
  artifact?: string[];
  moveArtifacts?: boolean;
  preset?: string;
  wandb?: string;
  data?: string[];
  disk?: string;
} & EndFlags &
  PlaceFlags;

export type Composed = {
  /** Not yet validated. */
  config: Record<string, unknown>;
  env: Record<string, string>;
};

/** Options win over the file. Throws usage; the rules of the configuration are the daemon's to check. */
export async function compose(input: {
  flags: SubmitFlags;
  words: readonly string[];
  shell: Env;
  cwd: string;
  umask: number;
}): Promise<Composed> {
  const { flags, words, shell, cwd, umask } = input;
  const base = flags.file === undefined ? {} : await readConfig(path.resolve(cwd, flags.file));
  if (words.length === 0 && base.command === undefined && flags.file === undefined) {
    throw usage('command', 'is missing', 'say what to run: runyard submit -- python train.py');
  }
  const env = runEnvironment({
    shell,
    cwd,
    assignments: flags.env ?? [],
    files: flags.envFile ?? [],
    clean: flags.cleanEnv ?? false,
  });
  const config: Record<string, unknown> = {
    umask: umask.toString(8).padStart(3, '0'),
    ...base,
    ...(words.length === 0 ? {} : { command: [...words] }),
    ...optionsOf(flags, cwd),
    ...endsOf(flags, base),
    ...placeOf(flags, base),
    cwd: workingDirectory(flags, base, cwd),
  };
  // A value given on the command line wins over one of the file.
  if (isObject(base.env)) {
    const given = new Set((flags.env ?? []).map((text) => text.split('=')[0] ?? ''));
    config.env = Object.fromEntries(Object.entries(base.env).filter(([name]) => !given.has(name)));
  }
  if (flags.stopSignal !== undefined || flags.grace !== undefined) {
    config.stop = {
      ...(isObject(base.stop) ? base.stop : {}),
      ...(flags.stopSignal === undefined ? {} : { signal: signalName(flags.stopSignal) }),
      ...(flags.grace === undefined ? {} : { grace_s: parseSeconds(flags.grace, '--grace') }),
    };
  }
  return { config, env };
}

/** What of a configuration the options say. Throws usage. */
export function optionsOf(flags: SubmitFlags, cwd: string): Record<string, unknown> {
  const { name, project, group, tag, note, isolate, artifact, preset, wandb } = flags;
  const seconds = (text: string | undefined, option: string) =>
    text === undefined ? undefined : parseSeconds(text, option);
  const given = {
    name,
    project,
    group,
    at_once: flags.atOnce === undefined ? undefined : wholeNumber(flags.atOnce, '--at-once'),
    note,
    notify: flags.notify === false ? [] : flags.notify,
    tags: tag,
    artifacts: artifact,
    artifacts_move: flags.moveArtifacts,
    isolate,
    preset,
    wandb,
    data: flags.data?.map((text) => dataSet(text, cwd)),
    disk_mib:
      flags.disk === undefined ? undefined : Math.ceil(parseBytes(flags.disk, '--disk') / 2 ** 20),
    ...placeInLine(flags, Date.now()),
    time_limit_s: seconds(flags.timeLimit, '--time-limit'),
    stall_limit_s: seconds(flags.stallLimit, '--stall-limit'),
    output_limit_mib:
      flags.outputLimit === undefined
        ? undefined
        : wholeNumber(flags.outputLimit, '--output-limit'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** `data/halfcheetah.hdf5`, `data/halfcheetah.hdf5@SHA256`; relative to where the user stands. */
function dataSet(text: string, cwd: string): { path: string; sha256?: string } {
  const [, file = text, sha256] = /^(.+)@([0-9a-fA-F]{64})$/.exec(text) ?? [];
  const place = { path: path.resolve(cwd, file) };
  return sha256 === undefined ? place : { ...place, sha256: sha256.toLowerCase() };
}

/** What of it is about its place in line. */
function placeInLine(flags: SubmitFlags, nowMs: number): Record<string, unknown> {
  const { gpus, gpuMemory, cpus, memory, priority, hold, startAfter, after } = flags;
  const mib = (text: string, option: string): number =>
    Math.ceil(parseBytes(text, option) / 2 ** 20);
  return {
    gpus: gpus === undefined ? undefined : numberOf(gpus, '--gpus', /^(\d{1,4}|0?\.\d{1,4})$/),
    gpu_memory_mib: gpuMemory === undefined ? undefined : mib(gpuMemory, '--gpu-memory'),
    cpus: cpus === undefined ? undefined : wholeNumber(cpus, '--cpus'),
    memory_mib: memory === undefined ? undefined : mib(memory, '--memory'),
    priority: priority === undefined ? undefined : numberOf(priority, '--priority', /^-?\d{1,4}$/),
    hold,
    start_after: startAfter === undefined ? undefined : timeAhead(startAfter, nowMs),
    after: after?.map(dependency),
  };
}

function numberOf(text: string, option: string, pattern: RegExp): number {
  if (pattern.test(text)) return Number(text);
  throw usage(option, `must be a number, not "${text}"`);
}

/** `2h` from now, or a time. */
function timeAhead(text: string, nowMs: number): string {
  if (/^[\d.]+[smhd]/.test(text))
    return new Date(nowMs + 1000 * parseSeconds(text, '--start-after')).toISOString();
  const ms = Date.parse(text);
  if (!Number.isNaN(ms) && /^\d{4}-/.test(text)) return new Date(ms).toISOString();
  const hint = 'such as 2h, 1h30m, 2026-01-31 or 2026-01-31T08:00:00Z';
  throw usage('--start-after', `must be a length of time or a time, not "${text}"`, hint);
}

/** `k3f9`, `k3f9:any`. A group is named with a colon of its own, and is not meant here. */
function dependency(text: string): { run: string; on?: string } {
  const [, run = text, on] = /^(.+):(ok|any|fail)$/.exec(text) ?? [];
  return { run, ...(on === undefined ? {} : { on }) };
}

/** `--cwd` is relative to where the user stands, a file's own to the file. */
function workingDirectory(flags: SubmitFlags, base: Record<string, unknown>, cwd: string): unknown {
  if (flags.cwd !== undefined) return path.resolve(cwd, flags.cwd);
  if (typeof base.cwd !== 'string') return base.cwd ?? cwd;
  return path.resolve(cwd, path.dirname(flags.file ?? ''), base.cwd);
}

function signalName(text: string): string {
  const name = text.toUpperCase();
  return name.startsWith('SIG') ? name : `SIG${name}`;
}

/** YAML holds JSON. Throws usage when the file is neither. */
async function readConfig(file: string): Promise<Record<string, unknown>> {
  let data: unknown;
  try {
    const text = fs.readFileSync(file, 'utf8');
    data = (await import('yaml')).parse(text);
  } catch (error) {
    const [why = ''] = messageOf(error).split('\n');
    throw usage('--file', `${file} cannot be read: ${why}`);
  }
  if (isObject(data)) return data;
  throw usage('--file', `${file} must hold a mapping`, 'begin with: command: [python, train.py]');
}
