/** Many runs in one call, and groups of them. */
import crypto from 'node:crypto';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { GroupSummary, InputRef, RunHandle } from '../contracts/index.ts';
import type { Calls } from './calls.ts';
import { encodeEnv } from './environment.ts';
import { resuming } from './resume.ts';
import { readAll } from './streams.ts';
import type { ManyOptions, ManySubmit, SubmitOptions, TrainerClient } from './trainer.client.ts';

type Parts = {
  submission(config: object, how: SubmitOptions, env: InputRef | null): Promise<object>;
  listing<T>(method: string, request: object): AsyncGenerator<T>;
  putInput(data: Uint8Array): Promise<InputRef>;
  userName(): string;
};

export function manyCalls(
  calls: Calls,
  { submission, listing, putInput, userName }: Parts,
): Pick<TrainerClient, 'submitMany' | 'groups' | 'group' | 'watchGroup' | 'stopGroup'> {
  const watch = (group: string, how: { until_done?: boolean; once?: boolean }) =>
    calls.read<GroupSummary>('WatchGroup', { group, ...how });

  /** Those from `next` on, in one call. */
  async function* submitFrom(
    next: number,
    submits: readonly ManySubmit[],
    { env, user = userName(), traceparent = '', signal }: ManyOptions,
  ): AsyncGenerator<RunHandle> {
    const envRef = env === undefined ? null : await putInput(encodeEnv(env));
    const call: ClientDuplexStream<object, RunHandle> = calls.duplex('SubmitRuns');
    const handles = readAll(call, signal);
    const send = async (): Promise<void> => {
      for (const { config, key = '' } of submits.slice(next)) {
        const request = await submission(config, { key, user, traceparent }, envRef);
        if (call.destroyed) return;
        if (!call.write(request)) await drained(call);
      }
      call.end();
    };
    const sent = send();
    // What goes wrong with the call is told by the answers; what goes wrong before, ends the call.
    sent.catch(() => call.cancel());
    let failure: unknown = null;
    try {
      yield* handles;
    } catch (error) {
      failure = error;
    }
    await sent;
    if (failure !== null) throw failure;
  }

  return {
    async *submitMany(submits, how = {}) {
      const named = submits.map(({ config, key }) => ({ config, key: key || crypto.randomUUID() }));
      let next = 0;
      yield* resuming<RunHandle>({
        signal: how.signal,
        onDisconnect: how.onDisconnect,
        failure: calls.failure,
        finished: () => next >= named.length,
        async *open() {
          if (next >= named.length) return;
          for await (const handle of submitFrom(next, named, how)) {
            next += 1;
            yield handle;
          }
        },
      });
    },
    async *groups(filter = {}) {
      yield* listing<GroupSummary>('ListGroups', filter);
    },
    async group(name) {
      try {
        for await (const summary of readAll(watch(name, { once: true }))) return summary;
      } catch (error) {
        throw calls.failure(error);
      }
      throw new TypeError('the daemon ended a call without an answer');
    },
    async *watchGroup(name, { signal, onDisconnect } = {}) {
      let over = false;
      yield* resuming<GroupSummary>({
        signal,
        onDisconnect,
        failure: calls.failure,
        finished: () => over,
        async *open() {
          for await (const summary of readAll(watch(name, { until_done: true }), signal)) {
            over = summary.finished_at !== '';
            yield summary;
          }
        },
      });
    },
    async *stopGroup(group, { reason = '', user = userName(), now = false } = {}) {
      yield* listing<GroupSummary>('StopGroup', { group, reason, user, now });
    },
  };
}

/** Resolves when more may be written, or nothing will be. */
function drained(call: ClientDuplexStream<object, RunHandle>): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const event of events) call.off(event, end);
      resolve();
    };
    const events = ['drain', 'close', 'error'] as const;
    for (const event of events) call.on(event, end);
  });
}
