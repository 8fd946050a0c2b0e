/** The subscriptions of one stream: each reads on only when the reader has taken what came before. */
import type { OrchestratorPort, RunSummary } from '../../../contracts/index.ts';
import { RunyardError } from '../../../errors.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { failureOf, refusalFrom } from '../failure.ts';
import { batchOnWire } from '../points.ts';
import type { Outlet } from './outlet.ts';
import { type Wish, wishesMost } from './wishes.ts';

const againMs = 2000;

export type Subscriptions = {
  /** Those that there are then. A name that is there already is begun anew. Throws `streams_exhausted`. */
  change(add: readonly Wish[], remove: readonly string[]): string[];
  close(): void;
};

export function createSubscriptions(
  port: OrchestratorPort,
  outlet: Outlet,
  log: Logger,
): Subscriptions {
  const open = new Map<string, AbortController>();
  const end = (id: string): void => {
    open.get(id)?.abort();
    open.delete(id);
  };
  const begin = (wish: Wish): void => {
    end(wish.id);
    const controller = new AbortController();
    open.set(wish.id, controller);
    pour(port, outlet, wish, controller.signal).then(
      () => finish(wish.id, controller, null),
      (error) => finish(wish.id, controller, error),
    );
  };
  const finish = (id: string, controller: AbortController, error: unknown): void => {
    if (open.get(id) !== controller) return;
    open.delete(id);
    const failure = error === null ? {} : failureOf(refusalFrom(error, log));
    outlet.event('sub_end', { sub: id, ...failure });
  };
  return {
    change(add, remove) {
      for (const id of remove) end(id);
      const after = new Set([...open.keys(), ...add.map(({ id }) => id)]);
      if (after.size > wishesMost) {
        const text = `a stream has at most ${wishesMost} subscriptions`;
        throw new RunyardError('streams_exhausted', text);
      }
      for (const wish of add) begin(wish);
      return [...open.keys()];
    },
    close() {
      for (const id of [...open.keys()]) end(id);
    },
  };
}

async function pour(
  port: OrchestratorPort,
  outlet: Outlet,
  wish: Wish,
  signal: AbortSignal,
): Promise<void> {
  const { id: sub } = wish;
  const send = async (name: string, data: object): Promise<void> => {
    await outlet.drained();
    if (!signal.aborted && !outlet.isOver()) outlet.event(name, { sub, ...data });
  };
  if (wish.kind === 'metrics') {
    const request = { ...wish, follow: true, json: false, last: 0 };
    for await (const batch of port.metrics(request, signal))
      await send('metrics', batchOnWire(batch));
  } else if (wish.kind === 'logs') {
    for await (const chunk of port.logs({ ...wish, follow: true }, signal))
      await send('logs', chunk);
  } else {
    await pourRuns(port, wish.runs, signal, (runs) => send('runs', { runs }));
  }
}

/** Of these runs the summaries that differ from what was sent, again and again. */
async function pourRuns(
  port: OrchestratorPort,
  refs: readonly string[],
  signal: AbortSignal,
  send: (runs: RunSummary[]) => Promise<void>,
): Promise<void> {
  const sent = new Map<string, string>();
  while (!signal.aborted) {
    const changed = refs.flatMap((ref) => {
      const run = summaryOf(port, ref);
      const text = JSON.stringify(run);
      if (run === null || sent.get(ref) === text) return [];
      sent.set(ref, text);
      return [run];
    });
    if (changed.length > 0) await send(changed);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, againMs).unref();
      signal.addEventListener('abort', done);
    });
  }
}

/** Null for one that was removed meanwhile. */
export function summaryOf(port: OrchestratorPort, ref: string): RunSummary | null {
  try {
    return port.get(ref);
  } catch (error) {
    if (error instanceof RunyardError && error.code === 'run_not_found') return null;
    throw error;
  }
}
