/** Executes attempts on this machine: directories, warm workers, links. */
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import {
  attemptDir,
  attemptFiles,
  judge,
  makeDirectory,
  runDir,
  voidStart,
  writeAtomic,
} from '../../rundir/index.ts';
import { type Logger, systemClock } from '../../telemetry/index.ts';
import type { Executor, ExecutorEvents } from '../executor.ts';
import { prepare } from '../prepare.ts';
import { createGroups } from './groups.ts';
import { createLink, type Link, type Permission } from './link.ts';
import { createPool } from './pool.ts';
import { dialSocket, killWorker, listeningWorker } from './socket.ts';

export type LocalExecutorOptions = {
  home: { root: string; artifacts: string };
  yard: string;
  /** The command that runs `runyard`, for warm workers. */
  command: readonly string[];
  recorder: string;
  /** What workers need to reach the bus: read again on each of their reconnects. */
  bus: { addressFile: string; credentialsFile: string; url: string | null };
  warm: number;
  most: number;
  /** Whether control groups are used where the system lets us make them. */
  cgroup: 'auto' | 'none';
  /** Resolves when all that was committed before is on the disk. */
  synced: () => Promise<void>;
  socketPath: (wanted: string) => string;
  log: Logger;
};

/** What of the machine the executor needs; a simulation has another one. */
export type LocalMachine = ReturnType<typeof thisMachine>;

const thisMachine = () => ({
  clock: systemClock(),
  createPool,
  createGroups,
  exists: (file: string): boolean => fs.existsSync(file),
  judge: (dir: string) => judge(dir),
  voidStart,
  prepare,
  writeWorkerConfig,
  dial: dialSocket,
  listening: listeningWorker,
  killWorker,
});

export function createLocalExecutor(
  options: LocalExecutorOptions,
  events: ExecutorEvents,
  machine: LocalMachine = thisMachine(),
): Executor {
  const { home, yard, log } = options;
  const { exists, voidStart } = machine;
  const links = new Map<string, Link>();
  const pool = machine.createPool({
    command: [...options.command, 'worker', '--warm'],
    // Our own processes never carry the marker of a run, nor anything a run may have set.
    env: { ...cleanEnv(process.env), NODE_OPTIONS: workerNodeOptions(process.env) },
    recorder: options.recorder,
    warm: options.warm,
    most: options.most,
    log,
  });

  const groups = machine.createGroups(home.root, options.cgroup);

  /** Throws when an attempt that may have been launched has lost the directory that says how far it is. */
  const refuseLost = (runId: string, attempt: number): void => {
    const dir = attemptDir(home.root, runId, attempt);
    if (exists(path.join(dir, attemptFiles.launch))) return;
    if (events.generation(runId, attempt) === 0) return;
    throw new RunyardError('rundir_lost', `the directory ${dir} was removed while it ran`);
  };

  const linkOf = (runId: string, attempt: number): Link => {
    const key = `${runId}/${attempt}`;
    const found = links.get(key);
    if (found !== undefined) return found;
    const dir = attemptDir(home.root, runId, attempt);
    const link = createLink({
      runId,
      attempt,
      dir,
      pool,
      events,
      clock: machine.clock,
      dial: machine.dial,
      listening: machine.listening,
      killWorker: machine.killWorker,
      synced: options.synced,
      log,
      writeWorkerConfig: (generation, launch) =>
        machine.writeWorkerConfig(options, { runId, attempt, generation, launch }),
    });
    links.set(key, link);
    return link;
  };

  return {
    async launch(spec, signal) {
      const dir = attemptDir(home.root, spec.runId, spec.attempt);
      refuseLost(spec.runId, spec.attempt);
      if (!exists(path.join(dir, attemptFiles.launch))) {
        machine.prepare(dir, spec, yard, groups.path(spec.runId, spec.attempt));
        failpoint('launch.written');
      }
      const link = linkOf(spec.runId, spec.attempt);
      link.mayLaunch('told');
      link.ensure();
      // Power loss after the start must not find an attempt that the registry knows nothing of.
      await options.synced();
      failpoint('launch.synced');
      if (!signal.aborted) link.mayLaunch('now');
    },
    attachLaunched(runId, attempt) {
      refuseLost(runId, attempt);
      const dir = attemptDir(home.root, runId, attempt);
      // A claim is not synced: after a power loss only the registry knows that a worker had the attempt.
      const launched = exists(path.join(dir, attemptFiles.claim));
      if (launched || events.generation(runId, attempt) > 0) linkOf(runId, attempt).ensure();
    },
    attach(runId, attempt) {
      refuseLost(runId, attempt);
      linkOf(runId, attempt).ensure();
    },
    voidUnlaunched(runId, attempt) {
      refuseLost(runId, attempt);
      const dir = attemptDir(home.root, runId, attempt);
      // A recorder may begin while we look: only the exclusive link decides.
      const made = machine.judge(dir).kind === 'unclaimed' && voidStart(dir) === 'voided';
      if (made) failpoint('void.made');
      return made;
    },
    exitOf(runId, attempt) {
      try {
        const verdict = machine.judge(attemptDir(home.root, runId, attempt));
        return verdict.kind === 'exited' ? verdict.record : null;
      } catch {
        // What cannot be read says nothing; a worker complains of it.
        return null;
      }
    },
    swept: (runId, attempt) => groups.swept(runId, attempt),
    sweep: (isOver) => groups.sweep(isOver),
    wish(runId, attempt, wish) {
      refuseLost(runId, attempt);
      const link = linkOf(runId, attempt);
      link.wish(wish);
      link.ensure();
    },
    detach(runId, attempt) {
      const key = `${runId}/${attempt}`;
      links.get(key)?.release();
      links.delete(key);
    },
    idle: () => pool.idle(),
    workers: () => pool.alive(),
    async close() {
      for (const link of links.values()) link.close();
      links.clear();
      pool.close();
      groups.close();
    },
  };
}

function writeWorkerConfig(
  options: LocalExecutorOptions,
  which: { runId: string; attempt: number; generation: number; launch: Permission },
): string {
  const { home } = options;
  const { runId, attempt, generation } = which;
  const dir = attemptDir(home.root, runId, attempt);
  const file = path.join(dir, `worker-config.${generation}.json`);
  makeDirectory(dir);
  const config = {
    v: 1,
    yard: options.yard,
    run_id: runId,
    attempt,
    generation,
    launch: which.launch,
    run_dir: runDir(home.root, runId),
    dir,
    recorder: options.recorder,
    socket: options.socketPath(path.join(dir, attemptFiles.workerSocket)),
    store: path.join(home.artifacts, runId, String(attempt)),
    bus: {
      address_file: options.bus.addressFile,
      credentials_file: options.bus.credentialsFile,
      url: options.bus.url,
    },
  };
  writeAtomic(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** A flood of lines makes short-lived garbage only: the room for it stays small, and the worker flat. */
function workerNodeOptions({ NODE_OPTIONS: given = '' }: NodeJS.ProcessEnv): string {
  return `${given} --max-semi-space-size=4`.trim();
}

function cleanEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = Object.entries(env).filter(
    ([name]) =>
      !['RUNYARD_RUN_ID', 'RUNYARD_ATTEMPT', 'RUNYARD_RUN_DIR', 'RUNYARD_METRICS'].includes(name),
  );
  return Object.fromEntries(ours);
}
