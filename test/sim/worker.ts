/** Simulated worker processes: the product's own supervision of an attempt, on a simulated machine. */
import type { Pool, PoolOptions, WorkerWord } from '../../src/executors/local/pool.ts';
import { firstState, isAlive, judge } from '../../src/rundir/index.ts';
import { runAttempt } from '../../src/worker/attempt.ts';
import type { WorkerBus } from '../../src/worker/bus.ts';
import type { WorkerConfig } from '../../src/worker/config.ts';
import { createConversation } from '../../src/worker/conversation.ts';
import type { Feed, FeedOptions } from '../../src/worker/feed.ts';
import type { Machine as WorkerMachine } from '../../src/worker/machine.ts';
import type { Recorders } from '../../src/worker/recorders.ts';
import { createStallWatch } from '../../src/worker/stall.ts';
import type { Process } from './kernel.ts';
import { startRecorder } from './recorder.ts';
import { clockOf, type Life } from './schedule.ts';
import { attemptAt, passed, recordsOf, type Stage } from './stage.ts';
import { createTree } from './tree.ts';
import type { Wires } from './wire.ts';

export type Workers = {
  createPool(owner: Life, most: number): (options: PoolOptions) => Pool;
  /** The daemon that started them ended: idle ones end too. */
  orphaned(owner: Life): void;
  /** Kills a worker that has an attempt of this run. */
  kill(runId: string): boolean;
  busy(): string[];
  config(file: string, config: WorkerConfig): void;
};

type Worker = {
  life: Life;
  process: Process;
  owner: Life;
  runId: string | null;
  /** An attempt is on its way to it, or it has one. */
  assigned: boolean;
  /** Its launch may happen. */
  tell: () => void;
  hear: (word: WorkerWord) => void;
  gone: () => void;
};

const bus: WorkerBus = {
  subject: () => ({ last: async () => null, publish: async () => 1 }),
  fact: () => undefined,
  beat: () => undefined,
  close: async () => undefined,
  ask: async () => Promise.reject(new Error('no node')),
};

export function createWorkers(stage: Stage, wires: Wires): Workers {
  const { schedule, machine, random, trace } = stage;
  const configs = new Map<string, WorkerConfig>();
  const workers = new Set<Worker>();
  let born = 0;

  const end = (worker: Worker): void => {
    if (worker.life.dead) return;
    worker.life.dead = true;
    workers.delete(worker);
    machine.end(worker.process);
    if (worker.runId !== null) {
      wires.cut(worker.runId);
      for (const dir of stage.dirs.all()) if (dir.reader === worker.life) dir.reader = null;
    }
    schedule.after(random.next() * 5, worker.owner, () => worker.gone());
  };
  const spawn = (owner: Life): Worker => {
    born += 1;
    const life: Life = { name: `worker ${born}`, dead: false };
    const worker: Worker = {
      life,
      process: machine.spawn({
        kind: 'worker',
        marker: null,
        session: null,
        onSignal: (signal) => signal === 'SIGKILL' && end(worker),
        onReboot: () => end(worker),
      }),
      owner,
      runId: null,
      assigned: false,
      tell: () => undefined,
      hear: () => undefined,
      gone: () => undefined,
    };
    workers.add(worker);
    return worker;
  };
  const say = (worker: Worker, word: WorkerWord): void => {
    schedule.after(random.next(), worker.owner, () => worker.hear(word));
  };

  const work = async (worker: Worker, config: WorkerConfig, told: Promise<void>): Promise<void> => {
    worker.runId = config.run_id;
    trace.note(`${worker.life.name} has ${config.run_id}/${config.attempt} g${config.generation}`);
    const on = machineOf(stage, wires, worker);
    const { refused, feedDone } = await runAttempt(
      config,
      {
        bus,
        recorders: recordersOf(stage, worker.life),
        told,
        onAttached: () => say(worker, { type: 'attached', socket: config.socket }),
      },
      on,
    );
    if (refused !== null) say(worker, { type: 'refused', text: refused });
    await feedDone;
    worker.runId = null;
    worker.assigned = false;
    // Its standard input is closed: nobody will ever give it another attempt.
    if (worker.owner.dead) end(worker);
    else say(worker, { type: 'idle' });
  };

  return {
    config: (file, config) => void configs.set(file, config),
    busy: () => [...workers].flatMap(({ runId }) => (runId === null ? [] : [runId])),
    orphaned(owner) {
      for (const worker of [...workers]) {
        if (worker.owner === owner && worker.runId === null && !worker.assigned) end(worker);
      }
    },
    kill(runId) {
      const worker = [...workers].find((each) => each.runId === runId);
      if (worker === undefined) return false;
      end(worker);
      return true;
    },
    createPool: (owner, most) => () => {
      const free: Worker[] = [];
      return {
        acquire() {
          let worker = free.pop();
          while (worker?.life.dead === true) worker = free.pop();
          const member = worker ?? spawn(owner);
          return {
            pid: member.process.identity.pid,
            assign(configPath, hear, gone) {
              member.gone = gone;
              member.assigned = true;
              member.hear = (word) => {
                hear(word);
                if (word.type !== 'idle') return;
                member.gone = () => undefined;
                if (free.length < most) free.push(member);
                else end(member);
              };
              const config = configs.get(configPath);
              if (config === undefined) throw new Error(`no ${configPath}`);
              const delayMs = 1 + random.next() * (random.chance(0.2) ? 900 : 4);
              const told = new Promise<void>((resolve) => {
                member.tell = resolve;
              });
              schedule.after(delayMs, member.life, () => void work(member, config, told));
            },
            go: () => void schedule.after(random.next() * 2, member.life, () => member.tell()),
          };
        },
        idle: () => free.length,
        alive: () => free.length,
        close() {
          for (const member of free.splice(0)) end(member);
        },
      };
    },
  };
}

/** The machine as the product's worker sees it. What a dead worker does has no effect. */
function machineOf(stage: Stage, wires: Wires, worker: Worker): WorkerMachine {
  const { schedule, machine, dirs, journal, random, faults } = stage;
  const { life } = worker;
  const find = (dir: string) => (life.dead ? null : dirs.find(dir));
  const clock = clockOf(schedule, life, machine);
  const alive = (identity: Parameters<typeof isAlive>[0]) => isAlive(identity, machine);
  const records = recordsOf(stage, find);
  const specOf = (dir: string) => {
    const spec = find(dir)?.spec;
    if (spec == null)
      throw Object.assign(new Error(`ENOENT: ${dir}/spec.json`), { code: 'ENOENT' });
    return spec;
  };
  return {
    clock,
    bootId: machine.bootId,
    isAlive: alive,
    isStopped: (identity) => machine.find(identity)?.stopped === true,
    judge: (dir) => judge(dir, records),
    readClaim: records.readClaim,
    readLaunch: (dir) => find(dir)?.launch ?? null,
    voidStart: (dir) => (life.dead ? 'started' : dirs.voidStart(dir)),
    until: (dir, signal, look) => until(stage, life, dir, signal, look),
    createTree: (trainer, marker) => createTree(stage, life, trainer, marker),
    async openControl({ config, onWish, onGo, onFact }) {
      await passed(stage, life, 1 + random.next() * 3);
      const dir = find(config.dir);
      if (dir === null) throw new Error(`ENOENT: ${config.dir}`);
      if (dir.reader !== null && !dir.reader.dead) return null;
      dir.reader = life;
      const conversation = createConversation({ about: config, clock, onWish, onGo, onFact });
      const stop = wires.listen(config.socket, {
        life,
        runId: config.run_id,
        ...conversation,
      });
      dir.worker = { identity: worker.process.identity, socket: config.socket };
      dir.unsynced.add('worker');
      return {
        ...conversation,
        close() {
          conversation.close();
          stop();
          wires.cut(config.run_id);
          if (dir.reader === life) dir.reader = null;
        },
      };
    },
    createFeed: ({ dir, onPoint }) => ({
      ...({ dir, onPoint } satisfies Points),
      pump: async () => false,
      finish: async () => undefined,
      counts: () => ({ lines: 0, points: 0, skipped: 0 }),
      superseded: () => false,
      state: () => firstState,
      close: () => undefined,
    }),
    startPump: (feed, dir, heard) => pump(stage, life, dir, heard, feed as Feed & Points),
    readSpec: specOf,
    preparedAtMs: () => 0,
    saysAlone: (dir) => find(dir)?.drained?.alone || null,
    isDrained: (dir) => (find(dir)?.drained ?? null) !== null,
    async takeArtifacts({ store }) {
      const plan = planOf(stage, store);
      await passed(stage, life, plan === 'slow' ? 4_000 : random.next() * 50);
      if (plan === 'fail') throw new Error(`${'é'.repeat(3000)}`);
      return { manifest: `${store}/manifest.json`, artifacts: 1, bytes: 1, problems: [] };
    },
    ruleFile: (dir) => ({
      read: () => find(dir)?.rule ?? null,
      write(text) {
        const at = find(dir);
        if (at === null) return;
        at.rule = text;
        at.unsynced.add('rule');
      },
    }),
    createStallWatch,
    createInquest: (dir) => ({
      cause: () =>
        find(dir)?.exit?.code === 137
          ? { code: 'oom_kill', text: 'killed for want of memory' }
          : null,
    }),
    announce: async () => undefined,
    surveyOutput: async () => ({ lines: 0, points: 0 }),
    silentFor(dir) {
      const trainer = machine.marked(dir).find(({ kind }) => kind === 'trainer');
      const plan = stage.plans.get(find(dir)?.launch?.argv[1] ?? '');
      if (trainer?.stopped === false && plan?.trainer.talks === true) return 0;
      return Math.floor(schedule.now() - journal.of(dir).talkedAt);
    },
    complain: (error) => {
      if (life.dead || faults.enabled.has('rundir.lost')) return;
      stage.violate('no-surprise', `${life.name}: ${error instanceof Error ? error.stack : error}`);
    },
  };
}

/** As src/worker/recorders.ts, without one that waits in advance. */
function recordersOf(stage: Stage, life: Life): Recorders {
  const { dirs } = stage;
  return {
    prepare: () => undefined,
    start(_, dir, failed) {
      if (life.dead) return;
      startRecorder(stage, dir, () => {
        const at = life.dead ? null : dirs.find(dir);
        if (at !== null && at.claim === null && at.start === null) failed('it did not start');
      });
    },
  };
}

function planOf(stage: Stage, store: string): string {
  const [runId = '', attempt = ''] = store.split('/').slice(-2);
  const dir = stage.dirs
    .all()
    .find(({ path }) => attemptAt(path).runId === runId && path.endsWith(`/${attempt}`));
  return stage.plans.get(dir?.launch?.argv[1] ?? '')?.artifacts ?? 'some';
}

/** What the simulated pump needs of the simulated feed. */
type Points = Pick<FeedOptions, 'dir' | 'onPoint'>;

/** Output while the trainer talks; the rest of the feed is not simulated. */
function pump(stage: Stage, life: Life, dir: string, heard: () => void, { onPoint }: Points) {
  const { schedule, journal, machine } = stage;
  const listen = (): void => {
    const attempt = stage.dirs.find(dir);
    const plan = stage.plans.get(attempt?.launch?.argv[1] ?? '');
    const { stall_limit_s: limitS, stop_when: rules } = plan?.config ?? {};
    if (plan === undefined || (limitS === undefined && rules === undefined)) return;
    schedule.after(250, life, () => {
      const trainer = machine.marked(dir).find(({ kind }) => kind === 'trainer');
      if (trainer?.stopped === false && plan.trainer.talks) {
        journal.of(dir).talkedAt = schedule.now();
        heard();
        // A loss that falls by one each millisecond.
        const step = Math.round(schedule.now() - journal.of(dir).startedAt);
        const truth = journal.of(dir);
        truth.ruleMet ||= [rules ?? []].flat().some(({ below = 0 }) => -step < below);
        if (rules !== undefined) onPoint({ key: 'loss', value: -step, step: BigInt(step) });
      }
      listen();
    });
  };
  listen();
  let finished: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finished = resolve;
  });
  return {
    finish() {
      schedule.after(stage.random.next() * 20, life, finished);
      return done.then(() => true);
    },
    done,
    trouble: () => null,
    giveUp: () => undefined,
  };
}

const pollMs = 500;

/** As the product's own: looks again on each change, and from time to time. */
function until<T>(
  stage: Stage,
  life: Life,
  dir: string,
  signal: AbortSignal,
  look: () => T | null,
): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let over = false;
    const end = (): void => {
      over = true;
      unwatch();
      signal.removeEventListener('abort', again);
    };
    const again = (): void => {
      if (over || life.dead) return;
      try {
        const found = signal.aborted ? null : look();
        if (found === null && !signal.aborted) return;
        end();
        resolve(found);
      } catch (error) {
        end();
        reject(error);
      }
    };
    const poll = (): void =>
      void stage.schedule.after(pollMs, life, () => {
        again();
        if (!over) poll();
      });
    const unwatch = stage.dirs.watch(dir, again);
    signal.addEventListener('abort', again);
    again();
    if (!over) poll();
  });
}
