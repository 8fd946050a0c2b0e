/**
 * Workers that wait warm: a Node process takes some 50 ms to start, handing it an attempt takes one
 * line. A worker has one attempt at a time, comes back when it is done, and outlives the daemon while
 * it has one: its standard input closing only ends an idle one.
 */
import readline from 'node:readline';
import { execa } from 'execa';
import type { Logger } from '../../telemetry/index.ts';

/** What a worker says on its standard output, a JSON line each. */
export type WorkerWord =
  | { type: 'attached'; socket: string }
  | { type: 'refused'; text: string }
  | { type: 'idle' };

export type PoolWorker = {
  readonly pid: number;
  /** Hands over an attempt. `hear` gets every word until idle or gone; `gone` ends it. */
  assign(configPath: string, hear: (word: WorkerWord) => void, gone: () => void): void;
  /** The launch of what was assigned may happen. */
  go(): void;
};

export type Pool = {
  acquire(): PoolWorker;
  idle(): number;
  /** Workers that live, idle or not. */
  alive(): number;
  close(): void;
};

export type PoolOptions = {
  /** The command that starts a warm worker. */
  command: readonly string[];
  /** The recorder that workers keep ready. */
  recorder: string;
  env: NodeJS.ProcessEnv;
  /** Workers kept idle at rest, and at most. */
  warm: number;
  most: number;
  log: Logger;
};

/** Idle workers beyond `warm` end after this long without work. */
const shrinkMs = 20_000;

type Member = {
  pid: number;
  send(line: string): void;
  end(): void;
  /** Lets go of it: it goes on without us, and nothing of it keeps our process. */
  release(): void;
  hear: ((word: WorkerWord) => void) | null;
  gone: (() => void) | null;
};

export function createPool(options: PoolOptions): Pool {
  const free: Member[] = [];
  let closed = false;
  /** Workers that live, idle or not. */
  const alive = new Set<Member>();
  let shrink: NodeJS.Timeout | null = null;

  const rest = (member: Member): void => {
    member.hear = null;
    member.gone = null;
    // A worker that publishes its last output still works when the next run starts: twice as many as
    // runs at once are no surplus. Too many end by themselves after a while.
    if (closed || free.length >= 2 * options.most) {
      member.end();
      return;
    }
    free.push(member);
    shrink?.refresh();
    shrink ??= setTimeout(() => {
      shrink = null;
      for (const extra of free.splice(options.warm)) extra.end();
    }, shrinkMs).unref();
  };

  const spawn = (): Member => {
    const [program = '', ...args] = options.command;
    const child = execa(program, args, {
      stdin: 'pipe',
      stdout: 'pipe',
      // The daemon's own: a file or a terminal, which outlives it, unlike a pipe.
      stderr: 'inherit',
      buffer: false,
      detached: true,
      cleanup: false,
      reject: false,
      env: options.env,
      extendEnv: false,
    });
    child.stdin.on('error', () => undefined);
    const member: Member = {
      pid: child.pid ?? 0,
      send: (line) => child.stdin.write(`${line}\n`),
      end: () => child.stdin.end(),
      release() {
        child.stdin.destroy();
        child.stdout.destroy();
      },
      hear: null,
      gone: null,
    };
    alive.add(member);
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const word = JSON.parse(line) as WorkerWord;
      member.hear?.(word);
      if (word.type === 'idle') rest(member);
    });
    member.send(JSON.stringify({ recorder: options.recorder }));
    alive.add(member);
    void child.then((result) => {
      alive.delete(member);
      const index = free.indexOf(member);
      if (index >= 0) free.splice(index, 1);
      const { exitCode, signal } = result;
      if (!closed) options.log.info({ pid: member.pid, exitCode, signal }, 'worker ended');
      member.gone?.();
    });
    child.nodeChildProcess.unref();
    return member;
  };

  const refill = (): void => {
    // A busy worker comes back: beyond what may be busy at once, none is started in advance.
    while (!closed && free.length < options.warm && alive.size < options.most) free.push(spawn());
  };
  refill();

  return {
    acquire() {
      const member = free.pop() ?? spawn();
      setImmediate(refill);
      return {
        pid: member.pid,
        assign(configPath, hear, gone) {
          member.hear = hear;
          member.gone = gone;
          member.send(JSON.stringify({ config: configPath }));
        },
        go: () => member.send(JSON.stringify({ go: true })),
      };
    },
    idle: () => free.length,
    alive: () => alive.size,
    close() {
      closed = true;
      for (const member of free.splice(0)) member.end();
      for (const member of alive) member.release();
    },
  };
}
