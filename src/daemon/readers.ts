/**
 * Who may read the bus: credentials made, listed, ended on demand and when their time is over. The server
 * knows of no end of a credential, so that it is the daemon that ends them; with none, the next start does.
 */
import type { Reader, ReadersPort } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';
import {
  type BusServer,
  type KeptReader,
  newPassword,
  reservedUsers,
  streamNames,
  unexpired,
} from '../transport/nats/index.ts';

export type Readers = ReadersPort & {
  /** Begins to end those whose time is over. */
  start(): void;
  close(): void;
};

export type ReadersOptions = {
  /** The daemon's own server; null where another one is used. */
  server: () => Promise<BusServer | null>;
  /** Of that other one, as it may be shown. */
  url: string | null;
  yard: string;
  clock: Clock;
  log: Logger;
};

const lookMs = 1000;
/** Each has an account of the server, which takes some milliseconds whenever the list changes. */
const readersMax = 100;
/** A request has to fit into a control message, and each run is four rules of the server. */
const runsMax = 64;

export function createReaders(options: ReadersOptions): Readers {
  const { clock, log } = options;
  let stop: () => void = () => undefined;
  /** Changes come one after another: each is made of the list that the one before left. */
  let changing: Promise<unknown> = Promise.resolve();
  /** The server did not take up the last change. */
  let unsettled = false;

  const server = async (): Promise<BusServer> => {
    const own = options.url === null ? await options.server() : null;
    if (own !== null) return own;
    throw new RunyardError(
      'bus_external',
      `the bus is a server of yours, ${options.url}, and who may read there is for its own configuration ` +
        'to say; docs/subscribe.md lists what a reader needs',
    );
  };
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = changing.then(act);
    changing = turn.catch(() => undefined);
    return turn;
  };
  const put = async (own: BusServer, readers: readonly KeptReader[]): Promise<void> => {
    unsettled = true;
    await own.setReaders(readers);
    unsettled = false;
  };

  const look = async (): Promise<void> => {
    const own = await server();
    const all = own.readers();
    const kept = unexpired(all, clock.now().wall_ms);
    if (kept.length === all.length && !unsettled) return;
    const ended = all.filter((reader) => !kept.includes(reader)).map(({ name }) => name);
    await put(own, kept);
    log.info({ ended }, 'credentials of readers ended');
  };

  return {
    exportReader: ({ name, expires_s: expiresS, runs }) =>
      inTurn(async () => {
        const own = await server();
        refuse(name, expiresS, runs);
        const readers = unexpired(own.readers(), clock.now().wall_ms);
        if (readers.some((reader) => reader.name === name)) {
          const text = `a reader "${name}" is there already; end it first: runyard creds revoke ${name}`;
          throw new RunyardError('reader_exists', text);
        }
        if (readers.length >= readersMax) {
          const text = `there are ${readersMax} readers already; end some: runyard creds revoke NAME`;
          throw new RunyardError('readers_exhausted', text);
        }
        const { password, password_hash } = await newPassword();
        const { wall_ms: now } = clock.now();
        const expires = expiresS === 0 ? null : new Date(now + 1000 * expiresS).toISOString();
        const made: KeptReader = {
          name,
          password_hash,
          runs: runs.length === 0 ? null : runs,
          created_at: clock.iso(),
          expires_at: expires,
        };
        const { url } = await own.ensure();
        await put(own, [...readers, made]);
        log.info({ reader: name, runs, expires }, 'a credential for reading was made');
        const { events, metrics, logs, artifacts } = streamNames(options.yard);
        return {
          reader: shown(made),
          url,
          user: name,
          password,
          yard: options.yard,
          streams: { events, metrics, logs, artifacts },
        };
      }),
    async listReaders() {
      return unexpired((await server()).readers(), clock.now().wall_ms).map(shown);
    },
    revokeReader: (name) =>
      inTurn(async () => {
        const own = await server();
        const readers = own.readers();
        const found = readers.find((reader) => reader.name === name);
        if (found === undefined) {
          const text = `there is no reader "${name}"; see: runyard creds ls`;
          throw new RunyardError('reader_not_found', text);
        }
        await put(
          own,
          readers.filter((reader) => reader !== found),
        );
        log.info({ reader: name }, 'a credential for reading was revoked');
        return shown(found);
      }),
    start() {
      if (options.url !== null) return;
      let failing = false;
      const tick = async (): Promise<void> => {
        try {
          await inTurn(look);
          failing = false;
        } catch (error) {
          if (!failing) log.error({ err: error }, 'readers whose time is over could not be ended');
          failing = true;
        }
      };
      stop = every(clock, lookMs, () => void tick());
    },
    close: () => stop(),
  };
}

function refuse(name: string, expiresS: number, runs: readonly string[]): void {
  const wrong = (field: string, rule: string, hint: string): RunyardError =>
    new RunyardError('usage', 'no such reader can be made', {
      violations: [{ field, rule, hint }],
    });
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(name))
    throw wrong('name', `must be 1 to 32 of a-z, 0-9, _ and -, not "${name}"`, 'such as grafana');
  if ((reservedUsers as readonly string[]).includes(name))
    throw wrong('name', `must not be "${name}", which is one of our own`, `such as my-${name}`);
  if (!(expiresS >= 0 && expiresS <= 1e9))
    throw wrong('expires', `must be a length of time, not ${expiresS} s`, 'such as 7d');
  if (runs.length > runsMax)
    throw wrong('runs', `must be at most ${runsMax}, not ${runs.length}`, 'or none, for all runs');
}

function shown({ name, created_at, expires_at, runs }: KeptReader): Reader {
  return { name, created_at, expires_at: expires_at ?? '', runs: [...(runs ?? [])] };
}
