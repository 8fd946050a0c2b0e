/**
 * Starts recorders, one of them in advance: a process takes milliseconds to start, a line takes none.
 * A recorder is in a session of its own and knows nothing of us: it outlives us all, but for the one
 * that waits, which ends with the pipe that it waits at.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { failpointEnvironment } from '../failpoints.ts';
import { judge } from '../rundir/index.ts';

export type Recorders = {
  /** Has the attempt in `dir` recorded. `failed` is told when no recorder could be made to claim it. */
  start(program: string, dir: string, failed: (text: string) => void): void;
  /** Has one wait for the next attempt. */
  prepare(program: string): void;
};

type Waiting = { program: string; alive: boolean; stdin: Writable; ended: Promise<string> };

export function createRecorders(): Recorders {
  let waiting: Waiting | null = null;

  const prepare = (program: string): void => {
    if (waiting?.alive && waiting.program === program) return;
    const child = spawn(program, ['--wait'], {
      ...detached(),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.unref();
    const ended = endOf(child);
    const { stdin } = child;
    stdin.on('error', () => undefined);
    if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
    const made: Waiting = { program, alive: true, stdin, ended };
    waiting = made;
    void ended.then(() => {
      made.alive = false;
    });
  };

  const startAnew = (
    program: string,
    dir: string,
    failed: (text: string) => void,
    left = startsMax,
  ): void => {
    const child = spawn(program, [dir], { ...detached(), stdio: 'ignore' });
    child.unref();
    void endOf(child).then((how) => {
      if (!isUnclaimed(dir)) return;
      if (left > 1) startAnew(program, dir, failed, left - 1);
      else failed(`the recorder did not start: ${how}`);
    });
  };

  return {
    prepare,
    start(program, dir, failed) {
      const taken = waiting;
      waiting = null;
      if (!taken?.alive || taken.program !== program) {
        startAnew(program, dir, failed);
        return;
      }
      taken.stdin.end(`${dir}\n`);
      // It may have been killed while it waited. Should both run, only one can claim.
      void taken.ended.then(() => {
        if (isUnclaimed(dir)) startAnew(program, dir, failed);
      });
    },
  };
}

/** A recorder that was killed before it claimed has started nothing: another one may. */
const startsMax = 3;

/** Not by execa: loading it takes a job on a node a tenth of a second of its processor. */
function detached() {
  return { detached: true, env: failpointEnvironment() } as const;
}

/** Resolves with how it ended, or why it did not begin. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** An attempt that was taken away meanwhile is nobody's to start. */
function isUnclaimed(dir: string): boolean {
  return fs.existsSync(dir) && judge(dir).kind === 'unclaimed';
}
