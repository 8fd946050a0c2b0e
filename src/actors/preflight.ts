/** Looks, before anything is leased, whether a run can start here: every reason at once. */
import crypto from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { RunyardError } from '../errors.ts';

export type PreflightInput = {
  readonly program: string;
  readonly cwd: string;
  /** The PATH that the trainer will see. */
  readonly searchPath: string;
  /** Where state lies, and how many bytes must be free there. */
  readonly home: string;
  readonly diskFloorBytes: number;
};

/** Every reason why the run cannot start; empty when it can. Throws `disk_full`, which passes. */
export async function preflight(input: PreflightInput): Promise<string[]> {
  const [cwd, program] = await Promise.all([
    cwdReason(input.cwd),
    programReason(input),
    refuseFull(input),
  ]);
  const reasons = [cwd, program];
  return reasons.filter((reason) => reason !== null);
}

/** Says when the script is another one by now than when it was submitted. */
export async function codeWarnings(
  code: { script?: string | undefined; script_sha256?: string | undefined } | undefined,
): Promise<string[]> {
  const { script, script_sha256: submitted } = code ?? {};
  if (script === undefined || submitted === undefined) return [];
  const data = await fs.readFile(script).catch(() => null);
  if (data === null) return [`the script ${script} was there at submit and cannot be read now`];
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

async function programReason(input: PreflightInput): Promise<string | null> {
  const { program, cwd, searchPath } = input;
  if ((await findProgram(program, cwd, searchPath)) !== null) return null;
  return program.includes('/')
    ? `the program ${path.resolve(cwd, program)} is not an executable file`
    : `the program "${program}" is not on the PATH of the submitting shell`;
}

async function refuseFull(input: PreflightInput): Promise<void> {
  const { bavail, bsize } = await fs.statfs(input.home);
  const free = bavail * bsize;
  if (free >= input.diskFloorBytes) return;
  const mib = (bytes: number): number => Math.floor(bytes / 2 ** 20);
  const text = `only ${mib(free)} MiB are free below ${input.home}; ${mib(input.diskFloorBytes)} MiB are needed`;
  throw new RunyardError('disk_full', text);
}
