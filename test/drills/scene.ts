/** A scratch yard that a drill may do anything to: the product as its users start it, in a directory of its own. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { connect, type TrainerClient } from '../../src/client/index.ts';
import type { DaemonStatus } from '../../src/contracts/index.ts';
import { attemptDir, type Identity } from '../../src/rundir/index.ts';
import { processesOf } from '../chaos/journal.ts';
import { kill } from '../chaos/yard.ts';
import { until } from '../integration/yard.ts';
import { removeTree } from '../remove-tree.ts';
import type { Scrape } from './alerts.ts';

const root = path.resolve(import.meta.dirname, '../..');
const commandMs = 180_000;

export type SceneOptions = {
  /** Settings of the yard. */
  settings?: Record<string, unknown>;
  /** A directory of programs that come before all others. */
  tools?: string;
  /** Environment of the daemon that the scene begins with. */
  daemonEnv?: Record<string, string>;
  /** Where the state directory is to be; default: in the scene's own directory. */
  home?: string;
  /** Put before each command that starts a daemon, as `nsenter`. */
  within?: readonly string[];
};

export type Scene = {
  /** The scene's own directory, and the yard's state directory. */
  dir: string;
  home: string;
  client: TrainerClient;
  /** Of the command that started the daemon, and is over. */
  upPid(): number;
  /** How its figures are had. */
  scrape: Scrape;
  /** What a shell makes of it: exit code, and all that a terminal of 300 columns shows. */
  shell(command: string, env?: Record<string, string>): Promise<{ code: number; output: string }>;
  daemonPid(): number;
  bus(): Identity;
  worker(run: string): Identity;
  attemptFile(run: string, name: string): string;
  /** Done at the end, the last one first, whatever happened. */
  defer(undo: () => unknown): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ryd-'));
  const home = options.home ?? path.join(dir, 'home');
  fs.mkdirSync(home, { recursive: true });
  fs.mkdirSync(path.join(dir, 'runyard'));
  // JSON is YAML.
  const settings = {
    yard: 'test',
    gpus: 'none',
    parallel: 8,
    ...options.settings,
  };
  fs.writeFileSync(path.join(dir, 'runyard/config.yaml'), JSON.stringify(settings));
  const env = environment(home, dir, options.tools);
  const deferred: (() => unknown)[] = [];
  let client: TrainerClient | null = null;
  let address = '';
  let upPid = 0;
  let shells = 0;

  const shell: Scene['shell'] = async (command, extra = {}) => {
    shells += 1;
    const file = path.join(dir, `shell-${shells}`);
    fs.writeFileSync(file, command);
    const line = `stty rows 50 cols 300; exec sh -e ${file}`;
    const { exitCode, stdout, timedOut } = await execa('script', ['-qefc', line, '/dev/null'], {
      env: { ...env, ...extra, SHELL: '/bin/sh', TERM: 'xterm' },
      extendEnv: false,
      // Nobody types anything; an end of input would be typed as ^D.
      stdin: 'pipe',
      reject: false,
      timeout: commandMs,
    });
    fs.rmSync(file);
    if (timedOut) throw new Error(`no end within ${commandMs / 1000} s: ${command}`);
    const output = stripVTControlCharacters(stdout).replaceAll('\r', '\n');
    return { code: exitCode ?? -1, output };
  };
  const up = async (): Promise<void> => {
    const [program = '', ...args] = [...(options.within ?? []), path.join(root, 'bin/runyard')];
    const child = execa(program, [...args, 'up'], {
      env: { ...env, ...options.daemonEnv },
      extendEnv: false,
      stdin: 'ignore',
      timeout: commandMs,
    });
    upPid = child.pid ?? 0;
    await child;
  };
  const identityIn = (file: string): Identity =>
    (JSON.parse(fs.readFileSync(file, 'utf8')) as { identity: Identity }).identity;

  const scene: Scene = {
    dir,
    home,
    get client() {
      if (client === null) throw new Error('the scene is not up');
      return client;
    },
    upPid: () => upPid,
    get scrape() {
      return { address, home, within: options.within ?? [] };
    },
    shell,
    daemonPid: () =>
      (JSON.parse(fs.readFileSync(path.join(home, 'daemon.lock.json'), 'utf8')) as { pid: number })
        .pid,
    bus: () => identityIn(path.join(home, 'bus/address.json')),
    worker: (run) => identityIn(path.join(attemptDir(home, run, 1), 'worker.json')),
    attemptFile: (run, name) => path.join(attemptDir(home, run, 1), name),
    defer: (undo) => void deferred.push(undo),
    async [Symbol.asyncDispose]() {
      for (const undo of deferred.splice(0).reverse()) await undo();
      client?.close();
      await shell('runyard down --stop-runs').catch(() => undefined);
      // By pid: what carries this directory in its environment or its command.
      for (let left = processesOf(dir); left.length > 0; left = processesOf(dir)) {
        for (const { pid } of left) kill(pid);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      removeTree(dir);
    },
  };
  try {
    await up();
    client = await connect({ home, deadlineMs: 120_000 });
    address = (await connected(scene)).console;
  } catch (error) {
    await scene[Symbol.asyncDispose]();
    throw error;
  }
  return scene;
}

/** Once the bus is there, and its figures can be asked for. */
function connected(scene: Scene): Promise<DaemonStatus> {
  const look = async (): Promise<DaemonStatus | null> => {
    const status = await scene.client.health();
    return status.bus_connected && status.console !== '' ? status : null;
  };
  return until(look, 'the bus and the console', 120_000);
}

/** A user's, with our command on the PATH and nothing of a yard of theirs. */
function environment(home: string, config: string, tools = ''): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(RUNYARD_|NATS_|OTEL_|npm_)/.test(name) || name === 'RUNYARD_TEST_MARK',
  ) as [string, string][];
  return {
    ...Object.fromEntries(kept),
    PATH: [...(tools === '' ? [] : [tools]), path.join(root, 'bin'), process.env.PATH].join(':'),
    RUNYARD_HOME: home,
    XDG_CONFIG_HOME: config,
    NO_COLOR: '1',
  };
}
