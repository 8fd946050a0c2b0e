/** A yard of its own for a test: a real daemon, bus, workers and recorders in a temporary home. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { connect, type TrainerClient } from '../../src/client/index.ts';
import type { RunEvent, RunSummary } from '../../src/contracts/index.ts';
import { attemptDir } from '../../src/rundir/index.ts';
import { removeTree } from '../remove-tree.ts';

const daemonScript = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');

export type Yard = {
  home: string;
  client: TrainerClient;
  daemonPid(): number;
  /** Starts a daemon and waits until it serves; `extra` is its environment for this time. */
  up(extra?: Record<string, string>): Promise<void>;
  /** kill -9, and waits until it is gone. */
  crash(): Promise<void>;
  events(run: string): Promise<RunEvent[]>;
  attemptFile(run: string, name: string): string;
  [Symbol.asyncDispose](): Promise<void>;
};

export type YardOptions = {
  /** A directory that is there, for the yard alone; default: a temporary one. */
  home?: string;
  /** Settings beyond what the environment can say. */
  settings?: Record<string, unknown>;
  /** Whose daemon it is, where the test is root: a number that need not be anybody's. */
  account?: number;
  /** Put before the daemon's command, as `nsenter`. */
  within?: readonly string[];
};

export async function startYard(
  env: Record<string, string> = {},
  options: YardOptions = {},
): Promise<Yard> {
  const home = options.home ?? fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-yard-'));
  if (options.settings !== undefined) {
    fs.mkdirSync(path.join(home, 'runyard'));
    // JSON is YAML.
    fs.writeFileSync(path.join(home, 'runyard/config.yaml'), JSON.stringify(options.settings));
  }
  let daemon: { pid: number; ended: Promise<unknown> } | null = null;
  const { account } = options;
  if (account !== undefined) {
    for (const at of [home, path.join(home, 'runyard'), path.join(home, 'runyard/config.yaml')])
      if (fs.existsSync(at)) fs.chownSync(at, account, account);
  }
  const up = async (extra: Record<string, string> = {}): Promise<void> => {
    const [program = '', ...words] = [...(options.within ?? []), process.execPath, daemonScript];
    const child = execa(program, words, {
      env: {
        RUNYARD_HOME: home,
        XDG_CONFIG_HOME: home,
        RUNYARD_YARD: 'test',
        RUNYARD_GPUS: 'none',
        ...env,
        ...extra,
      },
      ...(account === undefined ? {} : { uid: account, gid: account }),
      stdout: 'pipe',
      stderr: 'inherit',
      buffer: false,
      reject: false,
    });
    daemon = { pid: child.pid ?? 0, ended: child.then(() => undefined) };
    const log = fs.createWriteStream(path.join(home, 'daemon.test.log'), { flags: 'a' });
    // The disk may be full, as a test wants it.
    log.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      const lines = readline.createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        log.write(`${line}\n`);
        if (line === 'ready') resolve();
      });
      lines.on('close', () => reject(new Error('the daemon ended before it served')));
    });
  };
  await up();
  // A busy machine is no failure of the daemon.
  const client = await connect({ home, deadlineMs: 120_000 });
  return {
    home,
    client,
    up,
    daemonPid: () => daemon?.pid ?? 0,
    async crash() {
      process.kill(daemon?.pid ?? 0, 'SIGKILL');
      await daemon?.ended;
    },
    async events(run) {
      const events: RunEvent[] = [];
      for await (const event of client.events(run, { untilDone: true })) events.push(event);
      return events;
    },
    attemptFile: (run, name) => path.join(attemptDir(home, run, 1), name),
    async [Symbol.asyncDispose]() {
      // A test that failed in between must not leave runs behind.
      if (!fs.existsSync(`/proc/${daemon?.pid}`)) await up();
      for await (const run of client.list()) await client.stop(run.run_id, { now: true });
      await until(async () => (await client.health()).runs_live === 0, 'live runs to end');
      await client.shutdown();
      await daemon?.ended;
      client.close();
      const address = path.join(home, 'bus', 'address.json');
      if (fs.existsSync(address)) {
        const { identity } = JSON.parse(fs.readFileSync(address, 'utf8'));
        await until(() => !fs.existsSync(`/proc/${identity.pid}`), 'the bus to end');
      }
      removeTree(home);
    },
  };
}

/** Polls a condition; fails loudly when it does not come. */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  deadlineMs = 20_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<T>;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}

/** A trainer that writes its own journal: each start, then numbered lines, then its end. */
export function journalTrainer(journal: string, lines: number, exitCode: number): string[] {
  const script = `echo start >> "$0"; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "line $i"; sleep 0.02; done; echo end >> "$0"; exit ${exitCode}`;
  return ['sh', '-c', script, journal];
}

export function finished(run: RunSummary): boolean {
  return run.finished_at !== '';
}
