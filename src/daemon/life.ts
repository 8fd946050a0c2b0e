/** The daemon's life by its chart, from the lock to its end. */
import { createActor, fromCallback } from 'xstate';
import { findRecorder } from '../executors/index.ts';
import { type DaemonEvent, daemonMachine } from '../machines/index.ts';
import { type Home, registryError } from '../persistence/index.ts';
import { createLogger, systemClock } from '../telemetry/index.ts';
import { type DaemonOptions, openParts, type Parts } from './parts.ts';
import { createNotice } from './service.ts';
import type { ServiceVariables } from './service-variables.ts';

/** Resolves when the daemon was told to stop and has; the caller holds the lock. Throws what opening may throw. */
export async function live(
  options: DaemonOptions,
  home: Home,
  service: ServiceVariables | null,
): Promise<void> {
  const log = createLogger('runyard', { level: options.env.RUNYARD_LOG ?? 'info' });
  const notice = createNotice({
    service,
    recorder: () => findRecorder(options),
    clock: systemClock(),
    log,
  });
  const onReady: NonNullable<DaemonOptions['onReady']> = (about) => {
    notice.ready(parts?.headline() ?? '');
    options.onReady?.(about);
  };
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
          parts = await openParts({ ...options, onReady }, home, log, stop);
          return { type: 'registry.opened' };
        }),
        recover: step(async () => {
          const runs = parts?.recover() ?? 0;
          log.info({ runs }, 'unfinished runs taken up');
          return { type: 'runs.recovered' };
        }),
        serve: fromCallback<DaemonEvent>(({ sendBack }) => {
          parts?.serve().catch((error) => sendBack({ type: 'effect.failed', error }));
          return parts?.watchHealth((event) => {
            sendBack(event);
            notice.status(parts?.headline() ?? '');
          });
        }),
        close: step(async () => {
          notice.stopping();
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
  notice.close();
  if (error !== null && error !== undefined) throw error;
}
