/** The same trivial jobs through other queues, where they are installed; each in a place of its own, and ended after. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';

/** Jobs per second from the first submit to the last end, or null when it is not installed. */
export type Peer = { name: string; rate(jobs: number, parallel: number): Promise<number | null> };

async function isThere(program: string): Promise<boolean> {
  return (await execa('which', [program], { reject: false })).exitCode === 0;
}

async function inPlace<T>(act: (dir: string) => Promise<T>): Promise<T> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-peer-'));
  try {
    return await act(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function inLanes(count: number, lanes: number, act: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const tsp: Peer = {
  name: 'task-spooler',
  async rate(jobs, parallel) {
    const program = (await isThere('tsp')) ? 'tsp' : 'ts';
    if (!(await isThere('tsp'))) return null;
    return inPlace(async (dir) => {
      const env = { TS_SOCKET: path.join(dir, 'socket'), TMPDIR: dir, TS_MAXFINISHED: '10' };
      await execa(program, ['-S', String(parallel)], { env });
      try {
        const from = performance.now();
        await inLanes(jobs, parallel, () => execa(program, ['-n', 'true'], { env }));
        // Jobs end in the order of their starts but for the last few: each of them is waited for.
        const { stdout } = await execa(program, [], { env });
        for (const [, id = ''] of stdout.matchAll(/^(\d+)\s+(?:queued|running)/gm))
          await execa(program, ['-w', id], { env, reject: false });
        return (1000 * jobs) / (performance.now() - from);
      } finally {
        await execa(program, ['-K'], { env, reject: false });
      }
    });
  },
};

const pueue: Peer = {
  name: 'pueue',
  async rate(jobs, parallel) {
    if (!(await isThere('pueue')) || !(await isThere('pueued'))) return null;
    return inPlace(async (dir) => {
      const config = path.join(dir, 'pueue.yml');
      const shared = { pueue_directory: dir, runtime_directory: dir, use_unix_socket: true };
      // JSON is YAML.
      fs.writeFileSync(config, JSON.stringify({ client: {}, daemon: {}, shared }));
      const daemon = execa('pueued', ['-c', config], { reject: false, buffer: false });
      const ask = (...args: string[]) => execa('pueue', ['-c', config, ...args], { reject: false });
      try {
        while ((await ask('parallel', String(parallel))).exitCode !== 0);
        const from = performance.now();
        await inLanes(jobs, parallel, () => ask('add', '--', 'true'));
        await ask('wait', '--quiet');
        return (1000 * jobs) / (performance.now() - from);
      } finally {
        await ask('shutdown');
        daemon.kill();
        await daemon;
      }
    });
  },
};

export const peers: readonly Peer[] = [tsp, pueue];
