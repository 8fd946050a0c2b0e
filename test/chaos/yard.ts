/** The yard under attack: a daemon that is started again whenever it dies, and all that belongs to it. */
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { connect, type TrainerClient } from '../../src/client/index.ts';
import { removeTree } from '../remove-tree.ts';
import { processesOf } from './journal.ts';
import type { Random } from './random.ts';

const daemonScript = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');

export type Hit = { name: string; pid: number; dir?: string };
export type Death = { pid: number; signal: string | undefined; exitCode: number | undefined };

export type ChaosYard = {
  root: string;
  home: string;
  failpoints: string;
  /** Where temporary files of everybody go. */
  temp: string;
  client: TrainerClient;
  daemonPid(): number;
  /** How every daemon ended so far. */
  deaths: readonly Death[];
  hits(): Hit[];
  /** Lets the present daemon be the last one. */
  keepDown(): void;
  /** Resolves when the last daemon has ended. */
  down(): Promise<void>;
  /** Ends whatever is left, by pid, and removes the directory. */
  clean(keepFiles: boolean): Promise<void>;
};

export async function openYard(options: {
  random: Random;
  parallel: number;
  gpus: number;
}): Promise<ChaosYard> {
  const { random } = options;
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-chaos-'));
  const dirs = Object.fromEntries(
    ['home', 'failpoints', 'journals', 'gpus', 'cwd', 'temp'].map((name) => [
      name,
      path.join(root, name),
    ]),
  ) as Record<'home' | 'failpoints' | 'temp', string>;
  for (const dir of Object.values(dirs)) fs.mkdirSync(dir);
  const { home, failpoints, temp } = dirs;
  // Its trainers die young because we kill them, and not of their GPUs.
  fs.mkdirSync(path.join(root, 'runyard'));
  fs.writeFileSync(path.join(root, 'runyard/config.yaml'), 'gpu_deaths: 0\n');
  const deaths: Death[] = [];
  let pid = 0;
  let closing = false;
  let ended: Promise<void> = Promise.resolve();
  const log = fs.openSync(path.join(root, 'daemon.log'), 'a');
  // A stream whose file is open is handed to the child itself.
  const errors = fs.createWriteStream(path.join(root, 'daemon.err'), { flags: 'a' });
  await once(errors, 'open');

  /** One daemon; resolves when it serves, or when it died before that. */
  const start = async (): Promise<void> => {
    const child = execa(process.execPath, [daemonScript], {
      env: {
        RUNYARD_HOME: home,
        TMPDIR: temp,
        XDG_CONFIG_HOME: root,
        RUNYARD_YARD: 'chaos',
        RUNYARD_GPUS: `fake:${options.gpus}`,
        RUNYARD_PARALLEL: String(options.parallel),
        RUNYARD_FAILPOINTS: failpoints,
      },
      detached: true,
      cleanup: false,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: errors,
      buffer: false,
      reject: false,
    });
    pid = child.pid ?? 0;
    const mine = pid;
    const exited = new Promise<void>((resolve) => {
      // Not the end of its pipes: workers of its may hold them.
      child.nodeChildProcess.once('exit', (exitCode, signal) => {
        deaths.push({ pid: mine, signal: signal ?? undefined, exitCode: exitCode ?? undefined });
        resolve();
      });
    });
    void child.catch(() => undefined);
    ended = exited.then(() => child.stdout.destroy()).then(again);
    const lines = readline.createInterface({ input: child.stdout });
    await new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        fs.writeSync(log, `${line}\n`);
        if (line === 'ready') resolve();
      });
      lines.on('error', () => undefined);
      void exited.then(resolve);
    });
  };
  const again = async (): Promise<void> => {
    if (closing) return;
    // Now and then trainers go on for a while with nobody there.
    await sleep(random.chance(0.15) ? random.between(500, 4000) : random.between(0, 150));
    if (!closing) await start();
    await ended;
  };

  await start();
  const client = await connect({ home });
  return {
    root,
    home,
    failpoints,
    temp,
    client,
    deaths,
    daemonPid: () => pid,
    hits: hitReader(failpoints),
    keepDown() {
      closing = true;
    },
    down: () => ended,
    async clean(keepFiles) {
      closing = true;
      client.close();
      for (let found = processesOf(root); found.length > 0; found = processesOf(root)) {
        for (const each of found) kill(each.pid);
        await sleep(20);
      }
      await ended;
      fs.closeSync(log);
      errors.destroy();
      if (!keepFiles) removeTree(root);
    },
  };
}

/** kill -9; false when it was gone. */
export function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** What is in the journal of hits; of a file that only grows, each line is read once. */
function hitReader(dir: string): () => Hit[] {
  const file = path.join(dir, 'hits.jsonl');
  const hits: Hit[] = [];
  let read = 0;
  return () => {
    const { size } = fs.statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
    if (size === read) return hits;
    const text = fs.readFileSync(file).subarray(read).toString('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    read += Buffer.byteLength(whole);
    for (const line of whole.split('\n').slice(0, -1)) hits.push(JSON.parse(line) as Hit);
    return hits;
  };
}
