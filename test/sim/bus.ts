/** A simulated bus: one JetStream stream that honours the expected last sequence, on a bad line. */
import type { BusLinkOptions } from '../../src/daemon/bus-link.ts';
import type { Life } from './schedule.ts';
import { passed, type Stage } from './stage.ts';

type Reach = NonNullable<BusLinkOptions['reach']>;
type Connection = Awaited<ReturnType<Reach['connect']>>;
type Server = Awaited<ReturnType<BusLinkOptions['server']>>;

export type Stored = { seq: number; subject: string; payload: string };
export type Bus = {
  reach(life: Life): Reach;
  server(life: Life): () => Promise<Server>;
  /** Kills the server; it cannot be started again for so long. `wiped`: its directory is gone. */
  kill(downMs: number, wiped: boolean): void;
  /** The daemon's connections go with it. */
  dropped(life: Life): void;
  stored(): readonly Stored[];
  epoch(): string;
  isUp(): boolean;
};

type Link = { life: Life; closed: boolean; close: () => void };
type Answer = { string(): string };

export function createBus(stage: Stage, onStored: (message: Stored) => void): Bus {
  const { schedule, random, faults, trace } = stage;
  let up = false;
  /** Of the server: what is under way to one that was killed never arrives. */
  let births = 0;
  let downUntil = 0;
  let epochs = 0;
  let stream: { messages: Stored[]; lastSeq: number; epoch: string } | null = null;
  const links = new Set<Link>();

  const answerTo = (subject: string, payload: string, expected: string): object => {
    if (stream === null) return { error: { code: 404, description: 'stream not found' } };
    if (subject.startsWith('$JS.API.STREAM.INFO.')) {
      return { state: { last_seq: stream.lastSeq, messages: stream.messages.length } };
    }
    if (subject.startsWith('$JS.API.STREAM.MSG.GET.')) {
      const { seq } = JSON.parse(payload) as { seq: number };
      const found = stream.messages.find((message) => message.seq === seq);
      if (found === undefined) return { error: { code: 404, description: 'no message found' } };
      return { message: { data: Buffer.from(found.payload).toString('base64') } };
    }
    if (subject.startsWith('$JS.API.STREAM.DELETE.')) {
      stage.violate('gapless', 'the relay found the stream to be of another history');
      stream = null;
      return { success: true };
    }
    if (expected !== '' && Number(expected) !== stream.lastSeq) {
      return { error: { err_code: 10071, description: 'wrong last sequence' } };
    }
    stream.lastSeq += 1;
    const message = { seq: stream.lastSeq, subject, payload };
    stream.messages.push(message);
    onStored(message);
    return { seq: message.seq };
  };

  const connect = async (life: Life): Promise<Connection> => {
    await passed(stage, life, random.next() * 20);
    if (!up) throw new Error('connection refused');
    const pending = new Set<(error: Error) => void>();
    let resolveClosed: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      resolveClosed = resolve;
    });
    const link: Link = {
      life,
      closed: false,
      close() {
        if (link.closed) return;
        link.closed = true;
        links.delete(link);
        for (const reject of pending) reject(new Error('connection closed'));
        resolveClosed();
      },
    };
    links.add(link);
    /** Requests of one connection arrive in order, but for late ones. */
    let last = 0;
    const request: Connection['request'] = (subject, payload, options) => {
      if (link.closed) return Promise.reject(new Error('connection closed'));
      const expected = options?.headers?.get('Nats-Expected-Last-Sequence') ?? '';
      return new Promise<Answer>((resolve, reject) => {
        pending.add(reject);
        const settle = (act: () => void): void => {
          callOff();
          pending.delete(reject);
          act();
        };
        const timeoutMs = options?.timeout ?? 1000;
        const callOff = schedule.after(timeoutMs, life, () =>
          settle(() => reject(new Error('timeout'))),
        );
        const towards = births;
        const arrive = (isCopy: boolean): void => {
          if (!up || births !== towards) return;
          const answer = JSON.stringify(answerTo(subject, String(payload), expected));
          if (isCopy || faults.chance('bus.loss', 0.02, null)) return;
          schedule.after(random.next() * 3, life, () => {
            if (!link.closed) settle(() => resolve({ string: () => answer }));
          });
        };
        if (faults.chance('bus.loss', 0.02, null)) return;
        const isLate = faults.chance('bus.late', 0.03, null);
        last = Math.max(last, schedule.now() + random.next() * 3);
        const at = isLate ? schedule.now() + random.between(1_000, 9_000) : last;
        schedule.after(at - schedule.now(), null, () => arrive(false));
        if (faults.chance('bus.repeat', 0.05, null)) {
          schedule.after(at - schedule.now() + random.next() * 500, null, () => arrive(true));
        }
      }) as never;
    };
    return {
      request,
      close: async () => link.close(),
      isClosed: () => link.closed,
      closed: () => closed,
    } as unknown as Connection;
  };

  return {
    reach: (life) => ({
      connect: () => connect(life),
      async ensureStreams(nc) {
        await passed(stage, life, random.next() * 10);
        if (nc.isClosed() || !up) throw new Error('connection closed');
        if (stream === null) {
          epochs += 1;
          stream = { messages: [], lastSeq: 0, epoch: `epoch-${epochs}` };
          trace.note(`stream made, ${stream.epoch}`);
        }
        return { jsm: null as never, epoch: stream.epoch };
      },
    }),
    server: (life) => async () =>
      ({
        credentials: { daemon: null } as never,
        async ensure() {
          await passed(stage, life, random.next() * 30);
          if (schedule.now() < downUntil) throw new Error('the bus cannot be started');
          if (!up) births += 1;
          up = true;
          return { url: 'nats://sim' } as never;
        },
        stop: async () => undefined,
      }) as never,
    kill(downMs, wiped) {
      up = false;
      downUntil = schedule.now() + downMs;
      if (wiped) stream = null;
      for (const link of [...links]) {
        schedule.after(random.next() * 5, link.life, link.close);
      }
    },
    dropped(life) {
      for (const link of [...links]) if (link.life === life) links.delete(link);
    },
    stored: () => stream?.messages ?? [],
    epoch: () => stream?.epoch ?? '',
    isUp: () => up,
  };
}
