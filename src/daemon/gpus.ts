/** Which GPUs the yard has. Whole GPUs only, for now. */
import { execa } from 'execa';

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
