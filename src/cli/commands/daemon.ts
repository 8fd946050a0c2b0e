/** `runyard daemon`: the daemon itself, in the foreground. */
import type { Settings } from '../../contracts/index.ts';
import { type Context, wholeNumber } from '../context.ts';
import { daemonEnvironment } from '../environment.ts';
import { exitCodes } from '../exit-codes.ts';

export type DaemonFlags = {
  parallel?: string;
  gpus?: string;
  listen?: string;
  yard?: string;
  rebuildRegistry?: boolean;
};

export async function daemon(context: Context, flags: DaemonFlags): Promise<number> {
  const { rebuildRegistry = false, ...settable } = flags;
  const settings = await context.settings(overridesOf(settable));
  const { runDaemon } = await import('../../daemon.ts');
  await runDaemon({
    settings,
    env: daemonEnvironment(context.env),
    version: context.version,
    checkout: context.root,
    command: context.command,
    rebuildRegistry,
  });
  return exitCodes.ok;
}

/** Options as settings; what they may be is the schema's to say. */
export function overridesOf({
  parallel,
  ...texts
}: Omit<DaemonFlags, 'rebuildRegistry'>): Partial<Settings> {
  return {
    ...texts,
    ...(parallel === undefined ? {} : { parallel: wholeNumber(parallel, '--parallel') }),
  };
}
