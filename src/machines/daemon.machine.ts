/**
 * The daemon's own life. Not persisted: it begins anew with each process.
 *
 *   opening ─▶ recovering ─▶ serving (ok ⇄ degraded) ─▶ closing ─▶ closed
 *
 * D1  Nothing is served before every unfinished run was looked at.
 * D2  Trouble with bus or disk degrades; only a registry that cannot be opened ends the daemon.
 */
import { assign, fromCallback, setup } from 'xstate';

function notProvided(name: string): never {
  throw new Error(`daemon machine: actor "${name}" was not provided`);
}

export type DaemonContext = { error: unknown };
export type DaemonEvent =
  | { type: 'registry.opened' }
  | { type: 'runs.recovered' }
  | { type: 'part.failed' }
  | { type: 'parts.healed' }
  | { type: 'daemon.stop' }
  | { type: 'daemon.closed' }
  | { type: 'effect.failed'; error: unknown };

const effect = (name: string) => fromCallback<DaemonEvent>(() => notProvided(name));
const fatal = {
  target: '#daemon.closing' as const,
  actions: {
    type: 'note' as const,
    params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
  },
};

export const daemonMachine = setup({
  types: { context: {} as DaemonContext, events: {} as DaemonEvent },
  actors: {
    open: effect('open'),
    recover: effect('recover'),
    serve: effect('serve'),
    close: effect('close'),
  },
  actions: { note: assign({ error: (_, params: { error: unknown }) => params.error }) },
}).createMachine({
  id: 'daemon',
  context: { error: null },
  initial: 'opening',
  on: { 'effect.failed': fatal },
  states: {
    opening: {
      invoke: { id: 'open', src: 'open', onError: fatal },
      on: { 'registry.opened': 'recovering', 'daemon.stop': 'closing' },
    },
    recovering: {
      invoke: { id: 'recover', src: 'recover', onError: fatal },
      on: { 'runs.recovered': 'serving', 'daemon.stop': 'closing' },
    },
    serving: {
      initial: 'ok',
      invoke: { id: 'serve', src: 'serve', onError: fatal },
      on: { 'daemon.stop': 'closing' },
      states: {
        ok: { on: { 'part.failed': 'degraded' } },
        degraded: { on: { 'parts.healed': 'ok' } },
      },
    },
    closing: {
      invoke: { id: 'close', src: 'close', onError: 'closed' },
      on: { 'daemon.closed': 'closed', 'effect.failed': 'closed' },
    },
    closed: { type: 'final' },
  },
});
