/**
 * Starts recorders, one of them in advance: a process takes milliseconds to start, a line takes none.
 * A recorder is in a session of its own and knows nothing of us: it outlives us all, but for the one
 * that waits, which ends with the pipe that it waits at.
 */
import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { execa } from 'execa';
import { failpointEnvironment } from '../failpoints.ts';
import { judge } from '../rundir/index.ts';

export type Recorders = {
  /** Has the attempt in `dir` recorded. `failed` is told when no recorder could be made to claim it. */
  start(program: string, dir: string, failed: (text: string) => void): void;
  /** Has one wait for the next attempt. */
  prepare(program: string): void;
};

type Waiting = { program: string; alive: boolean; stdin: Writable; ended: Promise<unknown> };

export function createRecorders(): Recorders {
  let waiting: Waiting | null = null;

  const prepare = (program: string): void => {
    if (waiting?.alive && waiting.program === program) return;
    const child = execa(program, ['--wait'], { ...detached(), stdin: 'pipe' });
    child.nodeChildProcess.unref();
    const { stdin } = child;
    stdin.on('error', () => undefined);
    if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
    const made: Waiting = { program, alive: true, stdin, ended: child };
    waiting = made;
    void child.then(() => {
      made.alive = false;
    });
  };

  const startAnew = (
    program: string,
    dir: string,
    failed: (text: string) => void,
    left = startsMax,
  ): void => {
    const child = execa(program, [dir], { ...detached(), stdin: 'ignore' });
    child.nodeChildProcess.unref();
    void child.then(({ shortMessage }) => {
      if (!isUnclaimed(dir)) return;
      if (left > 1) startAnew(program, dir, failed, left - 1);
      else failed(`the recorder did not start: ${shortMessage ?? 'no reason'}`);
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

function detached() {
  return {
    detached: true,
    cleanup: false,
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
    buffer: false,
    env: failpointEnvironment(),
    extendEnv: false,
  } as const;
}

/** An attempt that was taken away meanwhile is nobody's to start. */
function isUnclaimed(dir: string): boolean {
  return fs.existsSync(dir) && judge(dir).kind === 'unclaimed';
}
