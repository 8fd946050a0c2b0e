/** A cluster on simulated time: so many nodes with a place each, first come, first served; and a worker for each job. */
import type { Executor, ExecutorEvents, Fact } from '../../src/executors/index.ts';
import type { Schedule } from './schedule.ts';

export type Cluster = {
  /** What a daemon's life sees of it. */
  executor(events: ExecutorEvents): Executor;
  /** Trainers that were started. */
  starts(): number;
  beats(): number;
};

type Job = { runId: string; attempt: number; slots: string[]; n: number; generation: number };

/** From a place to a trainer's first instruction, and what is collected at its end. */
const startMs = 1500;
const collectMs = 800;
const beatMs = 1000;

export function createCluster(options: {
  schedule: Schedule;
  nodes: number;
  trainMs: number;
}): Cluster {
  const { schedule, nodes, trainMs } = options;
  const free = Array.from({ length: nodes }, (_, index) => `node${index + 1}`);
  const waiting: { runId: string; give: (job: Job) => void }[] = [];
  const jobs = new Map<string, Job>();
  let events: ExecutorEvents | null = null;
  let [starts, beats, numbers] = [0, 0, 0];

  const tell = (job: Job, fact: string, data: object): void => {
    const { runId, attempt, generation } = job;
    job.n += 1;
    const at = '2027-01-15T08:00:00.000Z';
    const told = { run_id: runId, attempt, generation, n: job.n, at, fact, data } as Fact;
    if (events?.onFact(told) !== true) throw new Error(`${fact} of ${runId} was not taken`);
  };
  const give = (): void => {
    while (free.length > 0 && waiting.length > 0) {
      const next = waiting.shift();
      const node = free.shift();
      if (next === undefined || node === undefined) return;
      numbers += 1;
      next.give({
        runId: next.runId,
        attempt: 1,
        slots: [`slurm:${numbers}@${node}`, `slurm:${numbers}@${node}/gpu0`],
        n: 0,
        generation: 0,
      });
    }
  };
  const begin = (job: Job): void => {
    schedule.after(startMs, null, () => {
      job.generation = events?.nextGeneration(job.runId, job.attempt) ?? 0;
      starts += 1;
      tell(job, 'trainer.started', { pid: 4242 });
      schedule.after(trainMs, null, () => {
        tell(job, 'trainer.exited', { exit: { kind: 'exited', code: 0 } });
        schedule.after(collectMs, null, () =>
          tell(job, 'output.collected', { manifest: '', artifacts: 0, last_metric: 'return 204' }),
        );
      });
    });
  };
  const beat = (): void => {
    for (const { runId, attempt } of jobs.values()) {
      beats += 1;
      events?.onBeat({
        runId,
        attempt,
        at: '2027-01-15T08:00:00.000Z',
        lastMetric: 'return 204',
        busTrouble: null,
      });
    }
    schedule.after(beatMs, null, beat);
  };
  schedule.after(beatMs, null, beat);

  return {
    starts: () => starts,
    beats: () => beats,
    executor(told) {
      events = told;
      return {
        allocate: (runId) =>
          new Promise((resolve) => {
            const known = jobs.get(runId);
            if (known !== undefined) return resolve(known.slots);
            const found = waiting.find((each) => each.runId === runId);
            const give_ = (job: Job): void => {
              jobs.set(runId, job);
              begin(job);
              resolve(job.slots);
            };
            // A daemon that comes anew asks again for what waits already.
            if (found === undefined) waiting.push({ runId, give: give_ });
            else found.give = give_;
            give();
          }),
        // Of the cluster's it has begun by itself; of the yard's it begins now.
        async launch({ runId, attempt }) {
          if (jobs.has(runId)) return;
          const job = { runId, attempt, slots: [], n: 0, generation: 0 };
          jobs.set(runId, job);
          begin(job);
        },
        attach: () => undefined,
        attachLaunched: () => undefined,
        wish: () => undefined,
        voidUnlaunched: () => false,
        exitOf: () => null,
        swept: () => true,
        sweep: () => 0,
        detach(runId) {
          const node = /@([^/]+)$/.exec(jobs.get(runId)?.slots[0] ?? '')?.[1];
          if (jobs.delete(runId) && node !== undefined) free.push(node);
          give();
        },
        idle: () => 0,
        workers: () => jobs.size,
        close: async () => undefined,
      };
    },
  };
}
