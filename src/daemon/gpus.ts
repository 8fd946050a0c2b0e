/** Which GPUs the yard has. Whole GPUs only, for now. */
import { execa } from 'execa';
import { RunyardError } from '../errors.ts';

export type Gpu = { id: string; name: string };

/** `none`, `fake:N`, or what nvidia-smi lists; a missing or hanging tool means none. */
export async function findGpus(wanted: string): Promise<Gpu[]> {
  const fake = /^fake:(\d+)$/.exec(wanted)?.[1];
  if (fake !== undefined) {
    return Array.from({ length: Number(fake) }, (_, index) => ({
      id: `fake-${index}`,
      name: 'fake',
    }));
  }
  if (wanted === 'none') return [];
  const { stdout, failed } = await execa(
    'nvidia-smi',
    ['--query-gpu=uuid,name', '--format=csv,noheader'],
    {
      reject: false,
      timeout: 3000,
      forceKillAfterDelay: 500,
    },
  );
  if (failed) return [];
  return String(stdout)
    .split('\n')
    .filter((line) => line.startsWith('GPU-'))
    .map((line) => {
      const [id = '', name = ''] = line.split(', ');
      return { id, name };
    });
}

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
