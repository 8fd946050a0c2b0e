/** `runyard worker`: started by the daemon, not by people. */
import { exitCodes } from '../exit-codes.ts';

export async function worker(flags: { config?: string; warm?: boolean }): Promise<number> {
  const { runWorker } = await import('../../worker/index.ts');
  await runWorker(flags);
  return exitCodes.ok;
}
