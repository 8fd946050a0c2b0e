/** Looks, before anything is leased, whether a run can start here: every reason at once. */
import crypto from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { TrainRunConfig } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { dataReasons, type Hash } from './data-sets.ts';

export type PreflightInput = {
  readonly program: string;
  /** What of the configuration is looked at. */
  readonly config: Pick<TrainRunConfig, 'cwd' | 'code' | 'data' | 'disk_mib'>;
  /** The PATH that the trainer will see. */
  readonly searchPath: string;
  /** Where state lies, and how many bytes must be free there. */
  readonly home: string;
  readonly diskFloorBytes: number;
  /** How checksums of data sets are made; null: they are not, for whoever waits for an answer. */
  readonly hash: Hash | null;
};

/** Bytes of reasons that are told in full: they travel in one small message. */
const reasonsMost = 700;

/**
 * Every reason why the run cannot start; empty when it can. Throws `disk_full`, which passes. Checksums
 * may take as long as reading the data; `signal` ends that.
 */
export async function preflight(input: PreflightInput, signal?: AbortSignal): Promise<string[]> {
  const { code, data = [], disk_mib: diskMib } = input.config;
  const cwd = input.config.cwd ?? '/';
  const [here, program, script, space, sets] = await Promise.all([
    cwdReason(cwd),
    programReason(input, cwd),
    code?.script === undefined ? null : scriptReason(code.script),
    diskMib === undefined ? null : spaceReason(cwd, diskMib),
    dataReasons(data, cwd, input.hash, signal),
    refuseFull(input),
  ]);
  return shortened([here, program, script, space, ...sets].filter((reason) => reason !== null));
}

function shortened(reasons: readonly string[]): string[] {
  let bytes = 0;
  const told = reasons.filter((reason, index) => {
    bytes += Buffer.byteLength(reason);
    return index === 0 || bytes <= reasonsMost;
  });
  const more = reasons.length - told.length;
  return more === 0 ? told : [...told, `and ${more} more`];
}

/** Says when the script is another one by now than when it was submitted. */
export async function codeWarnings(
  code: { script?: string | undefined; script_sha256?: string | undefined } | undefined,
): Promise<string[]> {
  const { script, script_sha256: submitted } = code ?? {};
  if (script === undefined || submitted === undefined) return [];
  const data = await fs.readFile(script).catch(() => null);
  if (data === null) return [];
  const now = crypto.createHash('sha256').update(data).digest('hex');
  if (now === submitted) return [];
  return [
    `the script ${script} was changed after the submit: sha256 ${submitted.slice(0, 12)} then, ${now.slice(0, 12)} now`,
  ];
}

/** The program's file as execvp would find it, or null. */
export async function findProgram(
  program: string,
  cwd: string,
  searchPath: string,
): Promise<string | null> {
  if (program === '') return null;
  const candidates = program.includes('/')
    ? [path.resolve(cwd, program)]
    : searchPath.split(':').map((dir) => path.resolve(cwd, dir, program));
  // All at once: one after another, a long PATH would cost a turn of the thread pool each.
  const runnable = await Promise.all(candidates.map(isRunnable));
  return candidates.find((_, index) => runnable[index]) ?? null;
}

async function isRunnable(file: string): Promise<boolean> {
  try {
    await fs.access(file, fs.constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}

async function cwdReason(cwd: string): Promise<string | null> {
  const stat = await fs.stat(cwd).catch(() => null);
  if (stat === null) return `the working directory ${cwd} does not exist`;
  return stat.isDirectory() ? null : `the working directory ${cwd} is not a directory`;
}

async function programReason(input: PreflightInput, cwd: string): Promise<string | null> {
  const { program, searchPath } = input;
  const file = await findProgram(program, cwd, searchPath);
  if (file !== null) return interpreterReason(file, cwd, searchPath);
  return program.includes('/')
    ? `the program ${path.resolve(cwd, program)} is not an executable file`
    : `the program "${program}" is not on the PATH of the submitting shell`;
}

async function scriptReason(script: string): Promise<string | null> {
  const there = await fs.access(script, fs.constants.R_OK).then(
    () => true,
    () => false,
  );
  return there ? null : `the script ${script} was there at submit and cannot be read now`;
}

/** A script whose first line names a program that is gone: what a removed virtual environment leaves. */
async function interpreterReason(
  file: string,
  cwd: string,
  searchPath: string,
): Promise<string | null> {
  const line = await firstLine(file);
  const [interpreter = '', argument = ''] =
    line === null || !line.startsWith('#!') ? [] : line.slice(2).trim().split(/\s+/);
  if (interpreter === '') return null;
  if ((await findProgram(path.resolve(cwd, interpreter), cwd, '')) === null)
    return `the interpreter ${interpreter} of ${file} is not an executable file`;
  const named = path.basename(interpreter) === 'env' && /^[^-=][^=]*$/.test(argument);
  if (!named || (await findProgram(argument, cwd, searchPath)) !== null) return null;
  return `the interpreter "${argument}" of ${file} is not on the PATH of the submitting shell`;
}

/** Null for what cannot be read or is no text. */
async function firstLine(file: string): Promise<string | null> {
  const handle = await fs.open(file).catch(() => null);
  if (handle === null) return null;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    return buffer.toString('utf8', 0, bytesRead).split('\n')[0] ?? null;
  } finally {
    await handle.close();
  }
}

async function spaceReason(cwd: string, neededMib: number): Promise<string | null> {
  const found = await fs.statfs(cwd).catch(() => null);
  if (found === null) return null;
  const freeMib = Math.floor((found.bavail * found.bsize) / 2 ** 20);
  if (freeMib >= neededMib) return null;
  return `${neededMib} MiB have to be free below ${cwd}; ${freeMib} MiB are`;
}

async function refuseFull(input: PreflightInput): Promise<void> {
  const { bavail, bsize } = await fs.statfs(input.home);
  const free = bavail * bsize;
  if (free >= input.diskFloorBytes) return;
  const mib = (bytes: number): number => Math.floor(bytes / 2 ** 20);
  const text = `only ${mib(free)} MiB are free below ${input.home}; ${mib(input.diskFloorBytes)} MiB are needed`;
  throw new RunyardError('disk_full', text);
}
