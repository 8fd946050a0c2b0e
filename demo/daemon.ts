/** The demo's daemon: in the user's own home on a terminal, in a temporary one elsewhere. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { resolveHome } from '../src/contracts/index.ts';
import { RunyardError } from '../src/errors.ts';
import type { Show } from './show.ts';

export type DemoDaemon = {
  home: string;
  /** What to put before a `runyard` command so that it finds this home; often nothing. */
  prefix: string;
  /** Ends the daemon and its bus and removes the home, if that was temporary. */
  close(): Promise<void>;
};

const downTimeoutMs = 30_000;

/** Starts a daemon (or finds the one that is up). */
export async function startDaemon(options: {
  checkout: string;
  temporary: boolean;
  show: Show;
}): Promise<DemoDaemon> {
  const { checkout, temporary, show } = options;
  const home = temporary
    ? fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-demo-'))
    : resolveHome(process.env);
  const runyard = path.join(checkout, 'bin', 'runyard');
  const env = { RUNYARD_HOME: home };
  const close = async (): Promise<void> => {
    if (!temporary) return;
    const down = { env, stdin: 'ignore', reject: false, timeout: downTimeoutMs } as const;
    const { failed, stderr } = await execa(runyard, ['down'], down);
    // The home stays when its daemon may be alive: the only way left to look at it.
    if (failed && !/no daemon runs/.test(stderr)) {
      throw new RunyardError('daemon_unresponsive', `runyard down in ${home} failed: ${stderr}`);
    }
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const said = await show.step('runyard up', [runyard, 'up'], env);
    for (const line of String(said).split('\n')) if (line !== '') show.line(`  ${line}`);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  const isDefault = home === resolveHome({ ...process.env, RUNYARD_HOME: undefined });
  return { home, prefix: isDefault ? '' : `RUNYARD_HOME=${home} `, close };
}
