/** The daemon's process: one per state directory. */
import { alreadyRunning, noteOwner, takeAfter } from './daemon/endpoint.ts';
import type { DaemonOptions } from './daemon/parts.ts';
import { takeServiceVariables } from './daemon/service-variables.ts';
import { openHome, takeDaemonLock } from './persistence/index.ts';

/** All is closed then. What a library left open, like a connection that came after its time, keeps nobody. */
const lingerMs = 1000;

/**
 * Runs a daemon until it is told to stop, or cannot begin; the process ends soon after either. Throws
 * daemon_already_running and what opening may throw.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  // Whatever is created is private to the user.
  process.umask(0o077);
  const service = takeServiceVariables(process.env, options.env);
  // Files on a disk that may be full, or a terminal that is gone: no reason to end.
  for (const out of [process.stdout, process.stderr]) out.on('error', () => undefined);
  const home = openHome(options.settings.home);
  const lock = await takeAfter(home, () => takeDaemonLock(home.lock));
  if (lock === null) throw await alreadyRunning(home);
  try {
    noteOwner(home);
    // Most of what a daemon consists of is loaded behind the lock: who comes second is done sooner.
    const { live } = await import('./daemon/life.ts');
    await live(options, home, service);
  } finally {
    lock.release();
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}
