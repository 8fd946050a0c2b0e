/** `runyard worker`: started by the daemon, not by people. */
import { exitCodes } from '../exit-codes.ts';

export async function worker(
  context: { root: string; env: NodeJS.ProcessEnv },
  flags: { config?: string; warm?: boolean; job?: string },
): Promise<number> {
  const { runJob, runWorker } = await import('../../worker/index.ts');
  if (flags.job !== undefined) process.exit(await runJob(flags.job, context.root, context.env));
  await runWorker(flags);
  return exitCodes.ok;
}
