/**
 * The worker's end of the conversation with the daemon: a lock that makes it the only reader of its
 * attempt, and a control socket.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { failpoint } from '../failpoints.ts';
import { attemptFiles, identityOf, writeAtomic } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { WorkerConfig } from './config.ts';
import { type Control, createConversation, type Wish } from './conversation.ts';

export type ControlOptions = {
  config: WorkerConfig;
  clock: Clock;
  onWish: (wish: Wish) => void;
  onGo: () => void;
  /** Every fact as stated, e.g. for the bus. */
  onFact: (fact: object) => void;
};

/** Null when another live worker reads this attempt. */
export async function openControl(options: ControlOptions): Promise<Control | null> {
  const { config } = options;
  const lock = await holdLock(config);
  if (lock === null) return null;
  failpoint('worker.locked');
  const conversation = createConversation({ ...options, about: config });
  let peer: net.Socket | null = null;

  fs.rmSync(config.socket, { force: true });
  const server = net.createServer((socket) => {
    peer?.destroy();
    peer = socket;
    const self = { write: (message: object) => void socket.write(`${JSON.stringify(message)}\n`) };
    conversation.joined(self);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (peer === socket) peer = null;
      conversation.left(self);
    });
    readline
      .createInterface({ input: socket })
      .on('line', (line) => conversation.receive(JSON.parse(line)))
      .on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.socket, resolve);
  });
  const { generation, socket } = config;
  const about = { v: 1, identity: identityOf(process.pid), generation, socket };
  writeAtomic(path.join(config.dir, attemptFiles.worker), JSON.stringify(about), { mode: 0o600 });

  return {
    fact: conversation.fact,
    beat: conversation.beat,
    acknowledged: conversation.acknowledged,
    close() {
      conversation.close();
      server.close();
      peer?.end();
      fs.rmSync(config.socket, { force: true });
      // We may live on, for the bus or for another attempt: whoever looks for the worker of this one must
      // not find us. Nobody else writes this file before the lock is free.
      fs.rmSync(path.join(config.dir, attemptFiles.worker), { force: true });
      lock.close();
    },
  };
}

/**
 * A socket in the abstract name space: exclusive, and the kernel drops it with the process, so that it
 * is never stale. The name is derived from the the directory and its inode.
 */
export async function holdLock(config: Pick<WorkerConfig, 'dir'>): Promise<net.Server | null> {
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
