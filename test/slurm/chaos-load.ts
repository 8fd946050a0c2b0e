/** Clients of the chaos on Slurm: they submit, follow and stop, and call again until they are answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainerClient } from '../../src/client/index.ts';
import type { RunSummary } from '../../src/contracts/index.ts';
import { messageOf } from '../../src/errors.ts';
import { lives, readStarted } from '../chaos/journal.ts';
import { tenaciously } from '../chaos/tenacity.ts';
import type { SlurmPlan, Wave } from './chaos-plan.ts';

export type ChaosRun = {
  plan: SlurmPlan;
  /** Every id that a submit was answered with. */
  ids: Set<string>;
  stopTried: boolean;
  seqs: number[];
  attempts: number[];
  /** When it was over, as `performance.now()` told, and as what. */
  from: number;
  to: number | null;
  done: RunSummary | null;
  problems: string[];
};

export type ChaosLoad = {
  runs: readonly ChaosRun[];
  /** Runs whose trainer lives, with the milliseconds since its start. */
  live(): { run: ChaosRun; forMs: number }[];
  /** True once every wave has been submitted. */
  allIn(): boolean;
  openCount(): number;
  settle(withinMs: number): Promise<void>;
};

export function createChaosLoad(options: {
  client: TrainerClient;
  waves: readonly Wave[];
  env: Record<string, string>;
  /** Runs under way at a time. */
  open: number;
}): ChaosLoad {
  const { client, waves, env } = options;
  const runs: ChaosRun[] = [];
  const under = new Set<ChaosRun>();
  const begun = new Map<string, number>();
  let allIn = false;

  const submit = async (wave: readonly ChaosRun[]): Promise<void> => {
    const [first] = wave;
    if (wave.length === 1 && first !== undefined) {
      const { config, key } = first.plan;
      const answer = await tenaciously(() => client.submit(config, { env, key }));
      first.ids.add(answer.run_id);
      return;
    }
    const group = `group-${first?.plan.key}`;
    await tenaciously(async () => {
      const requests = wave.map(({ plan }) => ({
        config: { ...plan.config, group },
        key: plan.key,
      }));
      let index = 0;
      for await (const { run_id: id } of client.submitMany(requests, { env })) {
        wave[index]?.ids.add(id);
        index += 1;
      }
    });
  };

  const follow = (run: ChaosRun, id: string): Promise<void> =>
    tenaciously(async () => {
      const fromSeq = (run.seqs.at(-1) ?? 0) + 1;
      for await (const { seq, attempt } of client.events(id, { fromSeq, untilDone: true })) {
        run.seqs.push(seq);
        if (run.attempts.at(-1) !== attempt) run.attempts.push(attempt);
      }
    });

  const stopLater = async (run: ChaosRun, id: string, over: AbortSignal): Promise<void> => {
    const { stopAfterMs } = run.plan;
    if (stopAfterMs === null) return;
    await sleep(stopAfterMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    run.stopTried = true;
    await tenaciously(() => client.stop(id, { reason: 'chaos' }));
  };

  const lifeOf = async (run: ChaosRun, submitted: Promise<void>): Promise<void> => {
    try {
      await submitted;
      const [id = ''] = run.ids;
      const over = new AbortController();
      const stopped = stopLater(run, id, over.signal);
      await follow(run, id);
      over.abort();
      run.done = await tenaciously(() => client.get(id));
      run.to = performance.now();
      await stopped;
    } catch (error) {
      run.problems.push(messageOf(error));
    } finally {
      under.delete(run);
    }
  };

  const feed = async (): Promise<void> => {
    for (const wave of waves) {
      while (under.size + wave.length > Math.max(options.open, wave.length)) await sleep(50);
      const made = wave.map(
        (plan): ChaosRun => ({
          ...{ plan, ids: new Set(), stopTried: false, seqs: [], attempts: [] },
          ...{ from: performance.now(), to: null, done: null, problems: [] },
        }),
      );
      const submitted = submit(made);
      for (const run of made) {
        runs.push(run);
        under.add(run);
        void lifeOf(run, submitted);
      }
    }
    allIn = true;
  };
  const feeding = feed();

  return {
    runs,
    live: () =>
      [...under].flatMap((run) => {
        const started = readStarted(run.plan.trainer.journal);
        if (started === null || !lives(started)) return [];
        const which = `${started.pid} ${started.start_time}`;
        if (!begun.has(which)) begun.set(which, performance.now());
        return [{ run, forMs: performance.now() - (begun.get(which) ?? 0) }];
      }),
    allIn: () => allIn,
    openCount: () => under.size,
    async settle(withinMs) {
      const deadline = performance.now() + withinMs;
      while ((!allIn || under.size > 0) && performance.now() < deadline) await sleep(50);
      if (allIn) await feeding;
    },
  };
}
