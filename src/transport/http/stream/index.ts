/** The streams that are open, by their ids. */
import crypto from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { RunyardError } from '../../../errors.ts';
import type { Door } from '../door.ts';
import { refusalFrom } from '../failure.ts';
import { createFlow } from './flow.ts';
import { createOutlet } from './outlet.ts';
import { createPulse, essence, type Look } from './pulse.ts';
import { createSubscriptions } from './subscriptions.ts';
import { checkWishes, type Wish } from './wishes.ts';

export { readWishes, type Wish, wishSchema } from './wishes.ts';

export type Stream = {
  /** Names of the subscriptions that there are then. Throws `usage`, `streams_exhausted`. */
  subscribe(add: readonly Wish[], remove: readonly string[]): string[];
};
type Kept = Stream & {
  cookie: string | null;
  end(reason: { code: string; text: string }): void;
};
export type Streams = ReturnType<typeof createStreams>;

const most = 64;
const beatMs = 15_000;
const stallMs = 30_000;
const retryMs = 1000;

export function createStreams(door: Door) {
  const { port, sessions, roleOf, log } = door;
  const open = new Map<string, Kept>();
  const pulse = createPulse(port, log);

  return {
    /** Throws `streams_exhausted`. Goes on after `from`; null: from now on. */
    open(request: {
      from: number | null;
      cookie: string | null;
      /** Of a program; it is nobody's any more once its token was replaced. */
      authorization?: string | undefined;
      raw: ServerResponse;
      headers: OutgoingHttpHeaders;
    }): Stream {
      if (open.size >= most) {
        throw new RunyardError('streams_exhausted', `at most ${most} streams are open at once`);
      }
      const { cookie, authorization, raw } = request;
      const isOver = (): boolean =>
        cookie === null
          ? authorization !== undefined && roleOf(authorization) === null
          : sessions.find(cookie) === null;
      const id = crypto.randomBytes(16).toString('hex');
      const now = port.yardPos();
      // A registry that was remade from the run directories counts anew.
      const isReset = request.from !== null && request.from > now;
      const from = request.from === null || isReset ? now : request.from;
      const cleanups: (() => void)[] = [];
      const outlet = createOutlet(raw, {
        stallMs: door.stallMs ?? stallMs,
        stalled() {
          log.info({ stream: id }, 'a stream whose reader stands still was ended');
          stream.end(slowReader);
        },
        drained: () => flow.wake(),
        over() {
          open.delete(id);
          for (const clean of cleanups.splice(0)) clean();
        },
      });
      const resumes = request.from !== null && !isReset;
      const flow = createFlow(port, outlet, { from, resumes }, (error) => {
        const { code, message } = refusalFrom(error, log);
        stream.end({ code, text: message });
      });
      const subscriptions = createSubscriptions(port, outlet, log);
      const stream: Kept = {
        cookie,
        subscribe: (add, remove) => subscriptions.change(checkWishes(add), remove),
        end: (reason) => outlet.bye(reason),
      };
      open.set(id, stream);
      raw.writeHead(200, {
        ...request.headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'x-accel-buffering': 'no',
      });
      raw.write(`retry: ${retryMs}\n`);
      outlet.event('hello', { stream: id, pos: from, reset: isReset }, from);
      cleanups.push(
        flow.close,
        subscriptions.close,
        port.onYard(flow.wake),
        pulse.watch(tellLooks(outlet.ready, (name, data) => outlet.event(name, data))),
      );
      const beat = setInterval(() => {
        if (isOver()) stream.end(sessionOver);
        else if (outlet.ready()) outlet.event('beat', {});
      }, beatMs).unref();
      cleanups.push(() => clearInterval(beat));
      flow.wake();
      return stream;
    },
    /** Throws `route_not_found`. */
    find(id: string): Stream {
      const found = open.get(id);
      if (found !== undefined) return found;
      throw new RunyardError('route_not_found', 'this stream is over; open another one');
    },
    endSession(cookie: string): void {
      for (const stream of [...open.values()])
        if (stream.cookie === cookie) stream.end(sessionOver);
    },
    /** How many are open. */
    count: () => open.size,
    close(): void {
      const reason = { code: 'daemon_stopping', text: 'the daemon ends; runs go on' };
      for (const stream of [...open.values()]) stream.end(reason);
    },
  };
}

const slowReader = {
  code: 'slow_reader',
  text: 'nothing was read for too long; what was missed comes after `Last-Event-ID`',
};
const sessionOver = { code: 'unauthenticated', text: 'the session is over: runyard console' };

/** Each part when it differs from what was told. */
function tellLooks(
  ready: () => boolean,
  tell: (name: 'health' | 'gpus', data: unknown) => void,
): (look: Look) => void {
  let told = { health: '', gpus: '' };
  return (look) => {
    // What it is then is told when there is room.
    if (!ready()) return;
    const now = essence(look);
    if (now.health !== told.health) tell('health', look.health);
    if (now.gpus !== told.gpus) tell('gpus', { gpus: look.gpus });
    told = now;
  };
}
