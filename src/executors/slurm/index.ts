/** Executes attempts as jobs of Slurm (docs/slurm.md, decision 100). */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { attemptDir, makeDirectory, readExit } from '../../rundir/index.ts';
import { type Logger, systemClock } from '../../telemetry/index.ts';
import type { AttemptSpec, Executor, ExecutorEvents } from '../executor.ts';
import { createJobAttempt, type JobAttempt } from './attempt.ts';
import { createOpenJobs, jobsDir } from './open-jobs.ts';
import type { Parcel } from './parcel.ts';
import { createSubmitting, type JobRequest } from './submitting.ts';
import { decodeTalk, type TalkPort, type TalkReply } from './talk.ts';
import { slurmTools } from './tools.ts';
import { createJobWatch } from './watch.ts';

export type SlurmExecutorOptions = {
  home: { root: string; artifacts: string };
  yard: string;
  /** The command that runs `runyard` on a node. */
  command: readonly string[];
  /** In which Slurm's commands are found, and SLURM_CONF. */
  env: NodeJS.ProcessEnv;
  /** Below which attempts have their directories on a node: a local file system there. */
  nodeDir: string;
  pollMs: number;
  lostAfterMs: number;
  warnS: number;
  arrayMost: number;
  /** Where sbatch puts what the batch script itself says. */
  log: string;
  /** Whether nodes may look for our own files, and use them where they are. */
  shared: boolean;
  busWaitMs: number;
  talk: TalkPort;
  /** How a worker reaches the bus. Throws `bus_unavailable`. */
  bus: (runId: string) => Promise<Parcel['bus']>;
  /** What an attempt is launched with, and asks Slurm for. */
  order: (
    runId: string,
    attempt: number,
  ) => Promise<{
    spec: AttemptSpec;
    request: JobRequest;
    env: Readonly<Record<string, string>>;
  }>;
  logger: Logger;
};

export type SlurmExecutor = Executor & {
  /** Why Slurm does not answer, or null. */
  trouble(): string | null;
};

const silentMs = 10_000;
const sureMs = 4000;
/** Silence is borne longer than Slurm's not knowing of a job: the node may be cut off, and its trainer go on. */
const silentTimes = 3;
/** How long an attempt that is over is remembered for a worker that has not heard of it. */
const overMs = 120_000;

export function createSlurmExecutor(
  options: SlurmExecutorOptions,
  events: ExecutorEvents,
): SlurmExecutor {
  const { home, yard, logger, lostAfterMs } = options;
  const clock = systemClock();
  const tools = slurmTools(options.env);
  const attempts = new Map<string, JobAttempt>();
  const submitting = createSubmitting({
    tools,
    yard,
    command: options.command,
    arrayMost: options.arrayMost,
    log: options.log,
    warnS: options.warnS,
    clock,
    logger,
  });
  const needOf = (): 'none' | 'calm' | 'waited' => {
    const all = [...attempts.values()].filter((each) => !each.isOver());
    if (all.length === 0) return 'none';
    return all.some((each) => each.isWaiting() || each.isSilent()) ? 'waited' : 'calm';
  };
  const watch = createJobWatch({
    tools,
    clock,
    pollMs: options.pollMs,
    need: needOf,
    answered() {
      for (const each of attempts.values()) each.look();
    },
  });
  const open = createOpenJobs(jobsDir(home.root));

  const of = (runId: string, attempt: number): JobAttempt => {
    const key = `${runId}/${attempt}`;
    const found = attempts.get(key);
    if (found !== undefined) return found;
    const made = createJobAttempt({
      runId,
      attempt,
      places: {
        attempt: attemptDir(home.root, runId, attempt),
        store: path.join(home.artifacts, runId, String(attempt)),
      },
      tools,
      submitting,
      watch,
      talk: options.talk,
      events,
      patience: { silentMs, sureMs, lostAfterMs, silentMostMs: silentTimes * lostAfterMs },
      done: () => open.forget(runId, attempt),
      clock,
      log: logger,
    });
    attempts.set(key, made);
    watch.hurry();
    return made;
  };

  const detach = (runId: string, attempt: number): void => {
    const known = attempts.get(`${runId}/${attempt}`);
    if (known === undefined) return;
    known.detach();
    clock.after(overMs, () => attempts.delete(`${runId}/${attempt}`));
  };

  options.talk.serve(async (bytes): Promise<TalkReply | null> => {
    const { request, data } = decodeTalk(bytes);
    const { run_id: runId, attempt } = request;
    const known = attempts.get(`${runId}/${attempt}`);
    if (known !== undefined) return known.receive(request, data);
    // A run that nobody knows may be another daemon's: nothing of it is ended.
    if (events.isOver?.(runId, attempt) !== true) return null;
    return { v: 1, messages: [{ type: 'over' }], version: 0 };
  });

  return {
    async allocate(runId, attempt, signal) {
      const dir = attemptDir(home.root, runId, attempt);
      makeDirectory(dir);
      const { spec, request, env } = await options.order(runId, attempt);
      const parcel: Parcel = {
        v: 1,
        yard,
        spec,
        node_dir: options.nodeDir,
        store: path.join(home.artifacts, runId, String(attempt)),
        mark: options.shared ? markOf(home.artifacts) : null,
        bus: await options.bus(runId),
        bus_wait_ms: options.busWaitMs,
      };
      open.note(runId, attempt);
      return of(runId, attempt).allocate({ dir, parcel, request, env }, signal);
    },
    why: (runId, attempt) => attempts.get(`${runId}/${attempt}`)?.why() ?? '',
    // Its job has begun by itself: nobody has to be told.
    async launch({ runId, attempt }) {
      of(runId, attempt);
    },
    attach: (runId, attempt) => void of(runId, attempt),
    attachLaunched: (runId, attempt) => void of(runId, attempt),
    wish: (runId, attempt, wish) => of(runId, attempt).wish(wish),
    // It was begun before it counted as allocated.
    voidUnlaunched: () => false,
    exitOf(runId, attempt) {
      try {
        return readExit(attemptDir(home.root, runId, attempt));
      } catch {
        return null;
      }
    },
    swept: (runId, attempt) => of(runId, attempt).swept(),
    sweep(isOver) {
      for (const { runId, attempt } of open.all())
        if (!attempts.has(`${runId}/${attempt}`) && isOver(runId, attempt)) {
          of(runId, attempt);
          detach(runId, attempt);
        }
      return 0;
    },
    detach,
    idle: () => 0,
    workers: () => 0,
    // Of an answer that nobody waits for any more nothing is said.
    trouble: () => submitting.trouble() ?? (needOf() === 'none' ? null : watch.trouble()),
    async close() {
      watch.close();
      for (const each of attempts.values()) each.close();
      attempts.clear();
    },
  };
}

/** A file by which a node sees that it has our own store before it: the same name says nothing. */
function markOf(artifacts: string): string | null {
  try {
    const file = path.join(artifacts, '.home');
    makeDirectory(artifacts);
    if (!fs.existsSync(file)) fs.writeFileSync(file, crypto.randomUUID(), { mode: 0o600 });
    return `${file}=${fs.readFileSync(file, 'utf8')}`;
  } catch {
    // Then everything goes by the bus.
    return null;
  }
}
