/**
 * The worker's end of the conversation with the daemon: a lock that makes it the only reader of its
 * attempt, a control socket, and the facts, numbered and sent again until they are acknowledged.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { failpoint } from '../failpoints.ts';
import { attemptFiles, identityOf, writeAtomic } from '../rundir/index.ts';
import type { WorkerConfig } from './config.ts';

export type Wish =
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'terminate'; signal: NodeJS.Signals }
  | { kind: 'kill' };

export type Control = {
  /** States a fact; it is numbered, and kept until acknowledged. */
  fact(name: string, data: Record<string, unknown>): void;
  beat(lastMetric: string | null): void;
  /** Resolves when every fact was acknowledged, or nobody was connected for `lonelyMs`. */
  acknowledged(lonelyMs: number): Promise<void>;
  close(): void;
};

export type ControlOptions = {
  config: WorkerConfig;
  onWish: (wish: Wish) => void;
  /** The launch may happen. */
  onGo: () => void;
  /** Every fact as stated, e.g. for the bus. */
  onFact: (fact: object) => void;
};

type Pending = { n: number; fact: { at: string; fact: string; data: Record<string, unknown> } };

/** Unacknowledged facts are sent again this often. */
const resendMs = 1000;

/** Null when another live worker reads this attempt. */
export async function openControl(options: ControlOptions): Promise<Control | null> {
  const { config } = options;
  const lock = await holdLock(config);
  if (lock === null) return null;
  failpoint('worker.locked');
  let { generation } = config;
  let next = 1;
  let pending: Pending[] = [];
  let peer: net.Socket | null = null;
  const waiters: (() => void)[] = [];

  const send = (message: object): void => {
    peer?.write(`${JSON.stringify(message)}\n`);
  };
  const sendFact = ({ n, fact }: Pending): void => {
    send({
      type: 'fact',
      fact: { run_id: config.run_id, attempt: config.attempt, generation, n, ...fact },
    });
  };
  const hello = (granted: number): void => {
    if (granted === generation) return;
    // The daemon fences by generation: under a new one, what it has not taken is counted anew.
    generation = granted;
    pending = pending.map(({ fact }, index) => ({ n: index + 1, fact }));
    next = pending.length + 1;
  };
  const receive = (message: { type: string; [key: string]: unknown }): void => {
    if (message.type === 'hello') {
      hello(Number(message.generation));
      for (const each of pending) sendFact(each);
    } else if (message.type === 'ack') {
      pending = pending.filter(({ n }) => n > Number(message.n));
      if (pending.length === 0) for (const done of waiters.splice(0)) done();
    } else if (message.type === 'wish') {
      options.onWish(message.wish as Wish);
    } else if (message.type === 'go') {
      options.onGo();
    }
  };

  fs.rmSync(config.socket, { force: true });
  const server = net.createServer((socket) => {
    peer?.destroy();
    peer = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (peer === socket) peer = null;
    });
    readline
      .createInterface({ input: socket })
      .on('line', (line) => receive(JSON.parse(line)))
      .on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.socket, resolve);
  });
  const identity = identityOf(process.pid);
  const about = { v: 1, identity, generation, socket: config.socket };
  writeAtomic(path.join(config.dir, attemptFiles.worker), JSON.stringify(about), { mode: 0o600 });
  const resend = setInterval(() => pending.forEach(sendFact), resendMs);

  return {
    fact(name, data) {
      const entry = { n: next, fact: { at: new Date().toISOString(), fact: name, data } };
      next += 1;
      pending.push(entry);
      sendFact(entry);
      failpoint('worker.stated');
      options.onFact({
        v: 1,
        run_id: config.run_id,
        attempt: config.attempt,
        generation,
        n: entry.n,
        ...entry.fact,
      });
    },
    beat: (lastMetric) =>
      send({ type: 'beat', at: new Date().toISOString(), last_metric: lastMetric }),
    acknowledged(lonelyMs) {
      if (pending.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        let since = Date.now();
        const timer = setInterval(() => {
          if (peer !== null) since = Date.now();
          if (Date.now() - since > lonelyMs) done();
        }, resendMs);
        const done = (): void => {
          clearInterval(timer);
          resolve();
        };
        waiters.push(done);
      });
    },
    close() {
      clearInterval(resend);
      server.close();
      peer?.end();
      fs.rmSync(config.socket, { force: true });
      lock.close();
    },
  };
}

/**
 * A socket in the abstract name space: exclusive, and the kernel drops it with the process, so that it
 * is never stale. The name is derived from the the directory and its inode.
 */
async function holdLock(config: WorkerConfig): Promise<net.Server | null> {
  const seed = `${config.dir}\n${fs.statSync(config.dir).ino}`;
  const name = crypto.createHash('sha256').update(seed).digest('hex').slice(0, 40);
  const server = net.createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(`\0runyard-reader-${name}`, () => resolve(server));
  });
}
