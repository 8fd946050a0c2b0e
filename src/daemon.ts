/** The daemon's process: one per state directory, living by the daemon's chart. */
import { createActor, fromCallback } from 'xstate';
import { alreadyRunning } from './daemon/endpoint.ts';
import { type DaemonOptions, openParts, type Parts } from './daemon/parts.ts';
import { type DaemonEvent, daemonMachine } from './machines/index.ts';
import { type Home, openHome, registryError, takeDaemonLock } from './persistence/index.ts';
import { createLogger, type Logger } from './telemetry/index.ts';

/** Runs a daemon until it is told to stop. Throws daemon_already_running and what opening may throw. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  // Whatever is created is private to the user.
  process.umask(0o077);
  // Files on a disk that may be full, or a terminal that is gone: no reason to end.
  for (const out of [process.stdout, process.stderr]) out.on('error', () => undefined);
  const home = openHome(options.settings.home);
  const lock = takeDaemonLock(home.lock);
  if (lock === null) throw await alreadyRunning(home);
  const log = createLogger('runyard', { level: options.env.RUNYARD_LOG ?? 'info' });
  try {
    await live(options, home, log);
  } finally {
    lock.release();
  }
}

async function live(options: DaemonOptions, home: Home, log: Logger): Promise<void> {
  let parts: Parts | null = null;
  let keepBus = false;
  const step = (act: () => Promise<DaemonEvent>) =>
    fromCallback<DaemonEvent>(({ sendBack }) => {
      act().then(sendBack, (cause) => {
        // Damage need not lie where opening looks.
        const error = registryError(cause, `the registry ${home.registry} could not be read`);
        sendBack({ type: 'effect.failed', error });
      });
    });
  const stop = (how: { keepBus: boolean }): void => {
    keepBus = how.keepBus;
    actor.send({ type: 'daemon.stop' });
  };
  const actor = createActor(
    daemonMachine.provide({
      actors: {
        open: step(async () => {
          parts = await openParts(options, home, log, stop);
          return { type: 'registry.opened' };
        }),
        recover: step(async () => {
          const runs = parts?.recover() ?? 0;
          log.info({ runs }, 'unfinished runs taken up');
          return { type: 'runs.recovered' };
        }),
        serve: fromCallback<DaemonEvent>(({ sendBack }) => {
          parts?.serve().catch((error) => sendBack({ type: 'effect.failed', error }));
          return parts?.watchHealth((event) => sendBack(event));
        }),
        close: step(async () => {
          await parts?.close(keepBus);
          return { type: 'daemon.closed' };
        }),
      },
    }),
  );
  const closed = new Promise<unknown>((resolve) => {
    actor.subscribe({
      next: ({ context }) =>
        parts?.noteState(String(JSON.stringify(actor.getSnapshot().value)), context.error),
      complete: () => resolve(actor.getSnapshot().context.error),
      error: resolve,
    });
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Somebody ends the daemon, not the runs: they go on, and so does the bus.
    process.on(signal, () => stop({ keepBus: true }));
  }
  actor.start();
  const error = await closed;
  if (error !== null && error !== undefined) throw error;
}
