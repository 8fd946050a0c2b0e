/** The product's local executor with simulated files, processes and sockets, watched by the checker. */
import type { Executor, ExecutorEvents } from '../../src/executors/index.ts';
import { createLocalExecutor } from '../../src/executors/index.ts';
import { isAlive, judge } from '../../src/rundir/index.ts';
import type { Clock, Logger } from '../../src/telemetry/index.ts';
import type { WorkerConfig } from '../../src/worker/config.ts';
import type { StopRule } from '../../src/worker/rules.ts';
import type { Checker } from './checker.ts';
import { diskFull } from './directories.ts';
import type { Life } from './schedule.ts';
import { attemptAt, recordsOf, type Stage } from './stage.ts';
import type { Wires } from './wire.ts';
import type { Workers } from './worker.ts';

export type ExecutorParts = {
  stage: Stage;
  life: Life;
  workers: Workers;
  wires: Wires;
  checker: Checker;
  clock: Clock;
  log: Logger;
  synced: () => Promise<void>;
};

/** `watched` is for the chart's effects, `real` for whoever tidies up. */
export function createExecutor(
  parts: ExecutorParts,
  events: ExecutorEvents,
): { watched: Executor; real: Executor } {
  const { stage, life, workers, checker, clock, log, synced } = parts;
  const { machine, dirs, faults, random } = stage;
  const point = (name: string): void => faults.point(life, name);
  const directory = (dir: string) => dirs.find(dir);
  const records = recordsOf(stage);
  const full = (dir: string): void => {
    const { runId } = attemptAt(dir);
    if (faults.chance('rundir.full', 0.1, runId)) throw diskFull(dir);
  };
  const most = 4;
  const withGroups = random.chance(0.7);
  const real = createLocalExecutor(
    {
      home: { root: '/sim', artifacts: '/sim/artifacts' },
      yard: 'sim',
      command: [],
      recorder: 'recorder',
      bus: { addressFile: '', credentialsFile: '', url: null },
      warm: 1,
      most,
      cgroup: 'auto',
      synced,
      socketPath: (wanted) => wanted,
      log,
    },
    events,
    {
      clock,
      createPool: workers.createPool(life, most),
      createGroups: () => createGroups(stage, withGroups, point),
      exists: dirs.exists,
      judge: (dir) => judge(dir, records),
      voidStart(dir) {
        point('before a void');
        const done = dirs.voidStart(dir);
        point('after a void');
        return done;
      },
      prepare(dir, spec, _, cgroup) {
        point('before a launch is prepared');
        full(dir);
        if (faults.chance('launch.refused', 0.01, spec.runId)) throw new Error(`EACCES: ${dir}`);
        checker.launching(spec.runId, spec.attempt);
        const at = dirs.make(dir);
        const { killPatienceMs, stallMs, stopWhen = [], artifacts, gpuLocks } = spec;
        at.spec = {
          cwd: '/exp',
          artifacts: [...artifacts],
          stall_ms: stallMs,
          kill_patience_ms: killPatienceMs,
          stop_when: stopWhen as StopRule[],
        };
        at.launch = {
          boot_id: machine.bootId(),
          cwd: '/exp',
          argv: [...spec.argv],
          cgroup,
          gpu_locks: [...gpuLocks],
        };
        at.unsynced.add('spec').add('launch');
        point('after a launch was prepared');
      },
      writeWorkerConfig(_, which) {
        const { runId, attempt, generation, launch } = which;
        const dir = `/sim/runs/${runId}/attempts/${attempt}`;
        point('before a worker is assigned');
        full(dir);
        dirs.make(dir);
        const file = `${dir}/worker-config.${generation}.json`;
        workers.config(file, {
          v: 1,
          yard: 'sim',
          run_id: runId,
          attempt,
          generation,
          launch,
          run_dir: `/sim/runs/${runId}`,
          dir,
          recorder: 'recorder',
          socket: `${dir}/worker.sock`,
          store: `/sim/artifacts/${runId}/${attempt}`,
          bus: { address_file: '', credentials_file: '', url: null },
        } satisfies WorkerConfig);
        point('after a worker was written');
        return file;
      },
      dial: parts.wires.dial(life),
      listening(dir) {
        const worker = directory(dir)?.worker ?? null;
        return worker !== null && isAlive(worker.identity, machine) ? worker.socket : null;
      },
      killWorker(dir) {
        const worker = directory(dir)?.worker ?? null;
        const process = worker === null ? null : machine.find(worker.identity);
        process?.onSignal('SIGKILL');
        return process !== null;
      },
    },
  );
  return { watched: watching(real, checker, point), real };
}

/** Each effect is checked to be covered by a commit as it begins. */
function watching(real: Executor, checker: Checker, point: (name: string) => void): Executor {
  return {
    ...real,
    launch(spec, signal) {
      point('before a launch');
      return real.launch(spec, signal);
    },
    attachLaunched(runId, attempt) {
      point('before a watch');
      checker.began('watch', runId, attempt);
      real.attachLaunched(runId, attempt);
    },
    attach(runId, attempt) {
      point('before a collect');
      checker.began('collect', runId, attempt);
      real.attach(runId, attempt);
    },
    voidUnlaunched(runId, attempt) {
      checker.began('void', runId, attempt);
      return real.voidUnlaunched(runId, attempt);
    },
    wish(runId, attempt, wish) {
      point(`before a wish to ${wish.kind}`);
      checker.began(wish.kind, runId, attempt);
      real.wish(runId, attempt, wish);
      point(`after a wish to ${wish.kind}`);
    },
    swept(runId, attempt) {
      point('before a sweep');
      checker.began('sweep', runId, attempt);
      return real.swept(runId, attempt);
    },
  };
}

/** As src/executors/local/groups.ts, on simulated processes. */
function createGroups(stage: Stage, withGroups: boolean, point: (name: string) => void) {
  const { machine, dirs } = stage;
  const dirOf = (runId: string, attempt: number): string =>
    `/sim/runs/${runId}/attempts/${attempt}`;
  const end = (dir: string): number => {
    const found = machine.marked(dir);
    for (const process of found) process.onSignal('SIGKILL');
    return found.length;
  };
  return {
    path: (runId: string, attempt: number) => (withGroups ? `/cgroup/${runId}-${attempt}` : null),
    swept(runId: string, attempt: number) {
      const dir = dirOf(runId, attempt);
      if (!withGroups && dirs.find(dir)?.drained?.alone === true) return true;
      return end(dir) === 0;
    },
    close: () => undefined,
    sweep(isOver: (runId: string, attempt: number) => boolean) {
      point('before orphans are ended');
      let found = 0;
      const markers = [...machine.live('trainer'), ...machine.live('child')].map((p) => p.marker);
      for (const dir of new Set(markers)) {
        const { runId, attempt } = attemptAt(dir ?? '');
        if (dir !== null && isOver(runId, attempt)) found += end(dir);
      }
      return found;
    },
  };
}
