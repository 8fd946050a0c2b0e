/**
 * The line between `runyard hold` and what holds the slots for it: a directory with a named pipe.
 * Whoever uses the slots has the pipe open for writing, the user's program among them: when all of
 * them are gone, however they went, the holder reads its end, and the slots are free.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';

const pipeName = 'line';
const envName = 'env';
/** How long a program has to end after the time of a hold is over, in ms. */
export const overGraceMs = 30_000;

/** `end` is open for writing: given to a child it is the child's too. */
export type Line = { readonly dir: string; readonly end: fs.WriteStream };

/** A new line in a directory of its own. */
export async function makeLine(): Promise<Line> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ry-hold-'));
  try {
    await execa('mkfifo', ['-m', '600', path.join(dir, pipeName)]);
    // For both directions: opening for writing alone would wait for a reader.
    const end = fs.createWriteStream(path.join(dir, pipeName), { flags: 'r+' });
    await once(end, 'open');
    return { dir, end };
  } catch (error) {
    removeLine(dir);
    throw error;
  }
}

export function removeLine(dir: string): void {
  fs.rmSync(dir, { recursive: true, force: true });
}

/** The holder's end. With nobody at the other, its first read is the end. */
export function openPipe(dir: string): number {
  return fs.openSync(path.join(dir, pipeName), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
}

/** Says in which environment the slots can be used; it is there as a whole or not at all. */
export function writeHeldEnv(dir: string, env: Readonly<Record<string, string | undefined>>): void {
  const file = path.join(dir, envName);
  fs.writeFileSync(`${file}.new`, JSON.stringify(env), { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

/** Null until it is there. */
export function readHeldEnv(dir: string): Record<string, string> | null {
  const file = path.join(dir, envName);
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null;
}

/** The user's program has ended so. */
export function sayDone({ end }: Line, exitCode: number): void {
  end.write(`done ${exitCode}\n`);
}

/** The exit code in what was read; null when nothing was said. */
export function saidDone(text: string): number | null {
  const code = /^done (\d{1,3})$/m.exec(text)?.[1];
  return code === undefined ? null : Number(code);
}
