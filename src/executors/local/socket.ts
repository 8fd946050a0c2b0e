/** Lines over a UNIX socket, and who listens there. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { attemptFiles, type Identity, isAlive } from '../../rundir/index.ts';

export type Socket = {
  /** Sends a line; its end is added. */
  write(line: string): void;
  end(): void;
};

export type Dial = (
  at: string,
  hear: { connected(): void; line(line: string): void; closed(): void },
) => Socket;

/** Connects; what goes wrong is told as `closed`. Nothing is heard within the call. */
export const dialSocket: Dial = (at, hear) => {
  const socket = net.connect(at);
  socket.on('connect', () => hear.connected());
  socket.on('error', () => undefined);
  socket.on('close', () => hear.closed());
  readline
    .createInterface({ input: socket })
    .on('line', (line) => hear.line(line))
    .on('error', () => undefined);
  return { write: (line) => void socket.write(`${line}\n`), end: () => void socket.end() };
};

/** Where the live worker of an attempt listens; null when it has none. */
export function listeningWorker(dir: string): string | null {
  return liveWorker(dir)?.socket ?? null;
}

/** Kills the live worker of an attempt; false when it has none. */
export function killWorker(dir: string): boolean {
  const worker = liveWorker(dir);
  if (worker !== null) process.kill(worker.identity.pid, 'SIGKILL');
  return worker !== null;
}

function liveWorker(dir: string): { identity: Identity; socket: string } | null {
  try {
    const worker = JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.worker), 'utf8'));
    return isAlive(worker.identity) ? worker : null;
  } catch {
    return null;
  }
}
