/** Whether anything of an attempt can still hold its GPUs. */
import { execa } from 'execa';
import { RunyardError } from '../errors.ts';

/** The recorder's exit code for a file that somebody holds. */
const heldCode = 6;

/** True when no process holds any of the lock files; asked of the recorder, because Node has no flock. */
export async function locksFree(recorder: string, files: readonly string[]): Promise<boolean> {
  if (files.length === 0) return true;
  const { exitCode, stderr } = await execa(recorder, ['--try-lock', ...files], { reject: false });
  if (exitCode === 0) return true;
  if (exitCode === heldCode) return false;
  throw new RunyardError('internal', `the GPU locks could not be looked at: ${stderr}`);
}
