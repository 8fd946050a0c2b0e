/** Runs under attack, and their clients: they submit, watch, stop and pause, and try again until answered. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCalls } from '../../src/client/calls.ts';
import type { RunSummary } from '../../src/contracts/index.ts';
import { messageOf, RunyardError } from '../../src/errors.ts';
import { lives, readJournal, readStarted, type Started } from './journal.ts';
import { planRun, type RunPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { ChaosYard } from './yard.ts';

export type LoadedRun = {
  plan: RunPlan;
  /** Every id that a submit of this run was answered with. */
  ids: Set<string>;
  submittedAt: number;
  stopTried: boolean;
  /** Sequence numbers as its event stream gave them. */
  seqs: number[];
  /** As the API told it when the run was over. */
  done: RunSummary | null;
  /** Of the trainer's tree, still there when the run was over. */
  leftover: string[];
  problems: string[];
};

export type Load = {
  runs: readonly LoadedRun[];
  /** Trainers that live now, by their own journals. */
  live(): { run: LoadedRun; started: Started }[];
  /** Runs that were submitted and are not over. */
  open(): LoadedRun[];
  stop(run: LoadedRun): Promise<void>;
  /** A run that is stopped as soon as it was submitted. */
  flash(): void;
  /** No new runs; resolves when all are over, or the time is. */
  settle(withinMs: number): Promise<void>;
};

const retryMs = 60;
const refillMs = 50;
const lostAnswerMs = 40;

export function createLoad(options: {
  yard: ChaosYard;
  random: Random;
  trainer: string;
  /** Runs that are kept under way, some of them waiting: long ones, and short ones beside them. */
  open: () => { long: number; short: number };
}): Load {
  const { yard, random } = options;
  const { client } = yard;
  const env = trainerEnv(yard.temp);
  const runs: LoadedRun[] = [];
  const lifetimes = new Set<Promise<void>>();
  let closing = false;

  const begin = (long: boolean, change: Partial<RunPlan> = {}): LoadedRun => {
    const { root } = yard;
    const number = runs.length + 1;
    const plan = planRun({ number, long, random, root, trainer: options.trainer });
    const run: LoadedRun = {
      plan: { ...plan, ...change },
      ids: new Set(),
      submittedAt: performance.now(),
      stopTried: false,
      seqs: [],
      done: null,
      leftover: [],
      problems: [],
    };
    runs.push(run);
    underWay.add(run);
    const lifetime = liveOf(run)
      .catch((error: unknown) => void run.problems.push(messageOf(error)))
      .finally(() => {
        lifetimes.delete(lifetime);
        underWay.delete(run);
        starts.delete(run);
      });
    lifetimes.add(lifetime);
    return run;
  };

  const submit = async (run: LoadedRun): Promise<void> => {
    const { config, key } = run.plan;
    const { run_id: id } = await tenaciously(() => client.submit(config, { env, key, user: 'c' }));
    run.ids.add(id);
  };

  const liveOf = async (run: LoadedRun): Promise<void> => {
    const { plan } = run;
    const again = plan.twice
      ? sleep(random.between(0, lostAnswerMs)).then(() => submit(run))
      : null;
    await Promise.all([submit(run), again]);
    const [id = ''] = run.ids;
    const over = new AbortController();
    const visits = [visitToStop(run, over.signal), visitToPause(run, id, over.signal)];
    await follow(run, id);
    over.abort();
    run.done = await tenaciously(() => client.get(id));
    run.leftover = leftoverOf(run);
    await Promise.all(visits);
  };

  const follow = (run: LoadedRun, id: string): Promise<void> =>
    tenaciously(async () => {
      const fromSeq = (run.seqs.at(-1) ?? 0) + 1;
      for await (const event of client.events(id, { fromSeq, untilDone: true }))
        run.seqs.push(event.seq);
    });

  const stop = async (run: LoadedRun): Promise<void> => {
    const [id] = run.ids;
    if (id === undefined) return;
    run.stopTried = true;
    const how = { reason: 'chaos', user: 'c', now: run.plan.stopNow };
    await tenaciously(() => client.stop(id, how));
  };

  const visitToStop = async (run: LoadedRun, over: AbortSignal): Promise<void> => {
    const { stopAfterMs } = run.plan;
    if (stopAfterMs === null) return;
    await pause(stopAfterMs, over);
    if (!over.aborted) await stop(run);
  };

  const visitToPause = async (run: LoadedRun, id: string, over: AbortSignal): Promise<void> => {
    const { pauseAfterMs } = run.plan;
    if (pauseAfterMs === null) return;
    await pause(pauseAfterMs, over);
    const paused = over.aborted ? false : await asked(yard, 'PauseRun', id);
    if (!paused) return;
    await pause(random.between(100, 2500), over);
    await asked(yard, 'ResumeRun', id);
  };

  const underWay = new Set<LoadedRun>();
  const open = (): LoadedRun[] => [...underWay].filter((run) => !isBroken(run));
  /** Start files never change: each is read once. */
  const starts = new Map<LoadedRun, Started>();
  const startOf = (run: LoadedRun): Started | null => {
    const started = starts.get(run) ?? readStarted(run.plan.trainer.journal);
    if (started !== null) starts.set(run, started);
    return started;
  };
  const refill = async (): Promise<void> => {
    while (!closing) {
      const wanted = options.open();
      const now = open();
      const long = now.filter(({ plan }) => plan.long).length;
      for (let i = long; i < wanted.long; i++) begin(true);
      for (let i = now.length - long; i < wanted.short; i++) begin(false);
      await sleep(refillMs);
    }
  };
  const refilling = refill();

  return {
    runs,
    open,
    live: () =>
      open().flatMap((run) => {
        const started = startOf(run);
        return started !== null && lives(started) ? [{ run, started }] : [];
      }),
    stop: (run) => quietly(stop(run), run),
    flash: () => void begin(false, { stopAfterMs: 0, twice: false }),
    async settle(withinMs) {
      closing = true;
      await refilling;
      const deadline = performance.now() + withinMs;
      while (lifetimes.size > 0 && performance.now() < deadline) {
        // Many at once, for they would go on for minutes; also those whose submit is answered only now.
        for (const run of open())
          if (run.plan.long && !run.stopTried && run.ids.size > 0) void quietly(stop(run), run);
        await sleep(refillMs);
      }
    },
  };
}

function quietly(act: Promise<void>, run: LoadedRun): Promise<void> {
  return act.catch((error: unknown) => void run.problems.push(messageOf(error)));
}

/** Its client gave up on it: the checker tells why. */
function isBroken(run: LoadedRun): boolean {
  return run.problems.length > 0;
}

/** Calls again until there is an answer; refusals that no retry can heal are thrown. */
async function tenaciously<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RunyardError) || !mayRetry(error)) throw error;
      await sleep(retryMs);
    }
  }
}

/** A daemon that dies in the middle of a call comes out as one of several statuses. */
function mayRetry(error: RunyardError): boolean {
  if (error.retryable) return true;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return error.code === 'internal' && [1, 2, 13, 14].includes(Number(code));
}

/** Pauses or resumes; false when the run is not in a state for it. */
async function asked(yard: ChaosYard, method: string, ref: string): Promise<boolean> {
  const calls = openCalls({
    address: `unix:${path.join(yard.home, 'daemon.sock')}`,
    deadlineMs: 10_000,
    where: yard.home,
  });
  try {
    await tenaciously(() => calls.unary(method, { run: { ref }, reason: 'chaos', user: 'c' }));
    return true;
  } catch (error) {
    if (error instanceof RunyardError && error.code === 'run_not_running') return false;
    throw error;
  } finally {
    calls.close();
  }
}

/** Processes of the trainer's tree that outlived the run. */
function leftoverOf(run: LoadedRun): string[] {
  const { start, children } = readJournal(run.plan.trainer.journal);
  const tree = start === null ? [] : [start, ...children];
  return tree.filter(lives).map(({ pid }) => `process ${pid} of ${run.plan.key} outlived its run`);
}

function trainerEnv(temp: string): Record<string, string> {
  const mark = process.env.RUNYARD_TEST_MARK;
  const path = process.env.PATH ?? '/usr/bin:/bin';
  return {
    PATH: path,
    HOME: '/nonexistent',
    TMPDIR: temp,
    ...(mark ? { RUNYARD_TEST_MARK: mark } : {}),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
