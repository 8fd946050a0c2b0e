/** Runs under attack, and their clients: they submit, watch, stop and pause, and try again until answered. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCalls } from '../../src/client/calls.ts';
import type { RunSummary } from '../../src/contracts/index.ts';
import { messageOf, RunyardError } from '../../src/errors.ts';
import { groupPlan, type LoadedGroup, submitGroup, watchGroup } from './groups.ts';
import { lives, readJournals, readStarted, type Started } from './journal.ts';
import { planRun, type RunPlan } from './plan.ts';
import type { Random } from './random.ts';
import { tenaciously } from './tenacity.ts';
import type { ChaosYard } from './yard.ts';

export type LoadedRun = {
  plan: RunPlan;
  /** Every id that a submit of this run was answered with. */
  ids: Set<string>;
  submittedAt: number;
  stopTried: boolean;
  /** The attempt that the answer to a stop told. */
  stoppedAt: number | null;
  /** Sequence numbers as its event stream gave them. */
  seqs: number[];
  /** Attempts as it gave them. */
  attempts: number[];
  /** As the API told it when the run was over. */
  done: RunSummary | null;
  /** Of the trainer's tree, still there when the run was over. */
  leftover: string[];
  problems: string[];
};

export type Load = {
  runs: readonly LoadedRun[];
  groups: readonly LoadedGroup[];
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

const refillMs = 50;
const lostAnswerMs = 40;
/** How many of the times when short runs are missing a group comes in their place. */
const groupShare = 0.15;

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
  const groups: LoadedGroup[] = [];
  const lifetimes = new Set<Promise<void>>();
  let closing = false;

  const planned = (long: boolean): LoadedRun => {
    const { root } = yard;
    const number = runs.length + 1;
    const plan = planRun({ number, long, random, root, trainer: options.trainer });
    const run: LoadedRun = {
      plan,
      ids: new Set(),
      submittedAt: performance.now(),
      stopTried: false,
      stoppedAt: null,
      seqs: [],
      attempts: [],
      done: null,
      leftover: [],
      problems: [],
    };
    runs.push(run);
    underWay.add(run);
    return run;
  };
  const enliven = (run: LoadedRun, submitted: () => Promise<void>): void => {
    const lifetime = liveOf(run, submitted)
      .catch((error: unknown) => void run.problems.push(messageOf(error)))
      .finally(() => {
        lifetimes.delete(lifetime);
        underWay.delete(run);
        starts.delete(run);
      });
    lifetimes.add(lifetime);
  };
  const begin = (long: boolean, change: Partial<RunPlan> = {}): void => {
    const run = planned(long);
    Object.assign(run.plan, change);
    const { twice } = run.plan;
    enliven(run, async () => {
      const again = twice ? sleep(random.between(0, lostAnswerMs)).then(() => submit(run)) : null;
      await Promise.all([submit(run), again]);
    });
  };
  const beginGroup = (): void => {
    const plan = groupPlan(groups.length + 1, random);
    const members = Array.from({ length: plan.size }, () => planned(false));
    for (const { plan: of } of members) Object.assign(of.config, plan.config);
    const group: LoadedGroup = { name: plan.name, members, atOnce: plan.atOnce, problems: [] };
    groups.push(group);
    const submitted = submitGroup(yard, plan, members, env);
    for (const member of members) enliven(member, () => submitted);
    const lifetime = submitted
      .then(() => watchGroup(yard, group, plan))
      .catch((error: unknown) => void group.problems.push(messageOf(error)))
      .finally(() => lifetimes.delete(lifetime));
    lifetimes.add(lifetime);
  };

  const submit = async (run: LoadedRun): Promise<void> => {
    const { config, key } = run.plan;
    const { run_id: id } = await tenaciously(() => client.submit(config, { env, key, user: 'c' }));
    run.ids.add(id);
  };

  const liveOf = async (run: LoadedRun, submitted: () => Promise<void>): Promise<void> => {
    await submitted();
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
      for await (const { seq, attempt } of client.events(id, { fromSeq, untilDone: true })) {
        run.seqs.push(seq);
        if (run.attempts.at(-1) !== attempt) run.attempts.push(attempt);
      }
    });

  const stop = async (run: LoadedRun): Promise<void> => {
    const [id] = run.ids;
    if (id === undefined) return;
    run.stopTried = true;
    const how = { reason: 'chaos', user: 'c', now: run.plan.stopNow };
    const { attempt } = await tenaciously(() => client.stop(id, how));
    run.stoppedAt = attempt;
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
  /** Start files never change; while its trainer lives there is no newer one. */
  const starts = new Map<LoadedRun, Started>();
  const startOf = (run: LoadedRun): Started | null => {
    const known = starts.get(run);
    if (known !== undefined && (run.plan.retries === 0 || lives(known))) return known;
    const started = readStarted(run.plan.trainer.journal);
    if (started !== null) starts.set(run, started);
    return started;
  };
  const refill = async (): Promise<void> => {
    while (!closing) {
      const wanted = options.open();
      const now = open();
      const long = now.filter(({ plan }) => plan.long).length;
      for (let i = long; i < wanted.long; i++) begin(true);
      const short = now.length - long;
      if (short < wanted.short && random.chance(groupShare)) beginGroup();
      else for (let i = short; i < wanted.short; i++) begin(false);
      await sleep(refillMs);
    }
  };
  const refilling = refill();

  return {
    runs,
    groups,
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
  const journals = [...readJournals(run.plan.trainer.journal).values()];
  const tree = journals.flatMap(({ start, children }) =>
    start === null ? [] : [start, ...children],
  );
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
