/** One world: a yard with its clients on simulated time, from a seed to its end. */
import { layAmbush } from './ambush.ts';
import { planForAmbush } from './ambush-plan.ts';
import { createBus } from './bus.ts';
import { createChecker, type Transition } from './checker.ts';
import { createAsk, playClient } from './clients.ts';
import { drawClimate } from './climate.ts';
import { type Daemon, startDaemon, walCapBytes } from './daemon.ts';
import { createDirectories } from './directories.ts';
import { createFaults, Dead, type FaultKind } from './faults.ts';
import { createJournal } from './journal.ts';
import { createMachine } from './kernel.ts';
import { planRun, type RunPlan } from './plan.ts';
import { createRandom } from './random.ts';
import { createRegistry } from './registry.ts';
import { createSchedule, type Life, settlePromises } from './schedule.ts';
import type { Stage } from './stage.ts';
import { createTrace } from './trace.ts';
import { brewWeather } from './weather.ts';
import { createWires } from './wire.ts';
import { createWorkers } from './worker.ts';

export type Violation = { invariant: string; text: string };
export type WorldResult = {
  seed: number;
  violation: Violation | null;
  hash: string;
  trace: string[];
  lifecycles: number;
  steps: number;
  simulatedMs: number;
};
export type WorldOptions = {
  seed: number;
  /** Nothing but these kinds of fault; null: as the seed says. */
  weather: readonly FaultKind[] | null;
  /** Nothing but ambushes whose names hold this; null: as the seed says. */
  ambush: string | null;
  /** For the registry's files; `template` is an empty registry. */
  dir: string;
  template: string;
  onTransition?: (transition: Transition) => void;
  onFault?: (kind: FaultKind, runId: string | null) => void;
};

/** After healing, everything has to be over within this much simulated time. */
const healedMs = 400_000;
const tracedOnFailure = 4000;
/** The cap of the registry's log, and as much again until a checkpoint comes round. */
const walMaxBytes = 2 * walCapBytes;

export function runWorld(options: WorldOptions): WorldResult {
  const random = createRandom(options.seed);
  const climate = drawClimate(random.fork(), options);
  const schedule = createSchedule();
  const trace = createTrace(schedule.now);
  const machine = createMachine(random.fork(), schedule.now);
  const dirs = createDirectories(schedule, random.fork());
  let violation: Violation | null = null;
  let daemon: Daemon | null = null;
  let life: Life | null = null;
  let lives = 0;
  let reboots = 0;
  let callOffStart: () => void = () => undefined;
  let ids = 0;

  const violate = (invariant: string, text: string): void => {
    trace.note(`VIOLATION of ${invariant}: ${text}`);
    violation ??= { invariant, text };
  };
  const faults = createFaults({
    random: random.fork(),
    enabled: climate.enabled,
    intensity: climate.intensity,
    later: (ms, act) => void schedule.after(ms, null, act),
    kill: (how, where) => {
      const kind = how === 'kill' ? 'daemon.kill' : 'machine.crash';
      checker.look();
      trace.note(`fault ${kind} ${where}`);
      faults.strike(kind, null);
      endDaemon(how);
    },
    struck: (kind, runId) => options.onFault?.(kind, runId),
  });
  const stage: Stage = {
    random: random.fork(),
    schedule,
    trace,
    machine,
    dirs,
    faults,
    journal: createJournal(schedule.now),
    plans: new Map<string, RunPlan>(),
    trainerEnded: new Map<string, () => void>(),
    runOf: new Map<string, string>(),
    endTrainer: new Map<string, () => void>(),
    violate,
  };
  const registry = createRegistry(stage, options.dir, options.template);
  let ambushed: ReturnType<typeof layAmbush> = () => undefined;
  const checker = createChecker({
    stage,
    reboots: () => reboots,
    commits: registry.commits,
    onTransition(transition) {
      options.onTransition?.(transition);
      const view = checker.runs().get(transition.run_id);
      if (view !== undefined) ambushed(transition.run_id, view, transition.from_state);
    },
  });
  const bus = createBus(stage, checker.stored);
  const wires = createWires(stage);
  const workers = createWorkers(stage, wires);

  const lose = (path: string): void => {
    stage.journal.of(path).directoryLost = true;
  };
  /** The process is gone at once; what the machine makes of it follows in a step of its own. */
  const endDaemon = (how: 'kill' | 'crash' | 'reboot'): void => {
    const [ended, was] = [life, daemon];
    life = null;
    daemon = null;
    checker.closed();
    if (ended !== null) ended.dead = true;
    schedule.after(0, null, () => {
      was?.reclaim();
      if (ended !== null) {
        bus.dropped(ended);
        wires.dropped(ended);
        workers.orphaned(ended);
      }
      registry.crashed(how === 'crash');
      if (how !== 'kill') {
        reboots += 1;
        machine.reboot();
        bus.kill(0, false);
        const lost = how === 'crash' ? dirs.lose(random, lose) : [];
        for (const dir of dirs.all()) dir.reader = null;
        trace.note(`the machine is booted again; lost: ${lost.join(' ')}`);
      }
      callOffStart();
      const pauseMs = random.between(1, faults.healed() || random.chance(0.4) ? 40 : 2_000);
      callOffStart = schedule.after(pauseMs, null, beginDaemon);
    });
  };
  const beginDaemon = (): void => {
    lives += 1;
    const born: Life = { name: `daemon ${lives}`, dead: false };
    life = born;
    trace.note(`${born.name} starts`);
    try {
      const opened = startDaemon({
        stage,
        life: born,
        registry,
        bus,
        workers,
        wires,
        checker,
        newId() {
          ids += 1;
          return runIdOf(ids);
        },
      });
      daemon = opened;
    } catch (error) {
      if (born.dead) return;
      trace.note(`${born.name} cannot start: ${error}`);
      if (faults.healed()) violate('no-surprise', `the daemon cannot start: ${stackOf(error)}`);
      endDaemon('kill');
    }
  };
  const stopDaemon = (): void => {
    const stopping = daemon;
    if (stopping === null) return;
    trace.note(`fault daemon.stop`);
    faults.strike('daemon.stop', null);
    daemon = null;
    const over = (): void => {
      if (life === stopping.life) endDaemon('kill');
    };
    stopping.close().then(over, over);
    schedule.after(3_000, null, over);
  };

  const endReboot = (how: 'kill' | 'stop' | 'crash' | 'reboot'): void => {
    if (how === 'stop') stopDaemon();
    if (how === 'stop' || how === 'kill') return;
    trace.note(`fault machine.${how}`);
    faults.strike(how === 'crash' ? 'machine.crash' : 'machine.reboot', null);
    endDaemon(how);
  };

  const clients = { stage, checker, daemon: () => daemon };
  beginDaemon();
  const count = random.between(5, 16);
  const submitMs = random.between(200, 12_000);
  for (let index = 0; index < count; index += 1) {
    const any = planRun(random.fork(), `r${index}`, random.int(submitMs), climate.mood);
    const plan = climate.ambush === null ? any : planForAmbush(any, climate.ambush, random.fork());
    stage.plans.set(plan.id, plan);
    playClient(clients, plan);
  }
  const faultyMs = faults.enabled.size === 0 ? 0 : submitMs + climate.lastsMs;
  const live = (): string[] =>
    [...checker.runs()].filter(([, view]) => !view.state.startsWith('done.')).map(([id]) => id);
  const weather = { stage, bus, registry, wires, workers, live, killDaemon: endReboot };
  brewWeather(weather, faultyMs);
  if (climate.ambush !== null) {
    const ask = createAsk(clients);
    ambushed = layAmbush(climate.ambush, { stage, weather, wires, registry, ask });
  }
  schedule.after(faultyMs, null, () => {
    trace.note('healed');
    faults.heal();
    resumePaused();
  });

  /** Somebody goes through the yard at the end: what was paused or held, and forgotten, is to go on. */
  const resumePaused = (): void => {
    for (const [runId, { state }] of checker.runs()) {
      const about = { run: runId, user: 'eve', reason: 'forgotten' };
      const { orchestrator } = daemon ?? {};
      if (state === 'queued') orchestrator?.release(about).catch(() => undefined);
      if (!state.startsWith('running.paused')) continue;
      orchestrator?.resume(about).catch(() => undefined);
    }
    schedule.after(3000, null, resumePaused);
  };
  const isOver = (): boolean =>
    faults.healed() &&
    checker.acknowledged().size > 0 &&
    schedule.now() > submitMs &&
    daemon !== null &&
    live().length === 0 &&
    [...stage.plans.keys()].every((id) => submitted(id)) &&
    bus.stored().length === checker.transitions() &&
    leasesLeft() === 0;
  const submitted = (id: string): boolean =>
    [...checker.runs()].some(
      ([runId, view]) => view.plan.id === id && checker.acknowledged().has(runId),
    );
  /** Leases that somebody holds, and events that the bus has not acknowledged. */
  const leasesLeft = (): number => {
    const left = 'SELECT (SELECT count(*) FROM leases) + (SELECT count(*) FROM outbox)';
    return Number(daemon?.raw.prepare(left).pluck().get() ?? 1);
  };

  let [looked, measured] = [0, 0];
  while (violation === null) {
    try {
      if (!schedule.step()) break;
    } catch (error) {
      if (!(error instanceof Dead)) violate('no-surprise', `the daemon crashed: ${stackOf(error)}`);
    }
    checker.look();
    if (schedule.now() > measured + 500) {
      measured = schedule.now();
      const wal = registry.walBytes();
      if (wal > walMaxBytes) violate('bounded', `the log of the registry has ${wal} bytes`);
    }
    if (faults.healed() && schedule.now() > looked + 500) {
      looked = schedule.now();
      if (isOver()) break;
      if (looked > faultyMs + submitMs + healedMs) {
        violate(
          'liveness',
          notOver(checker.runs(), bus.stored().length, checker.transitions(), leasesLeft()),
        );
      }
    }
  }
  settlePromises();
  const result: WorldResult = {
    seed: options.seed,
    violation,
    hash: trace.hash(),
    trace: violation === null ? [] : trace.last(tracedOnFailure),
    lifecycles: [...checker.runs().values()].filter(({ state }) => state.startsWith('done.'))
      .length,
    steps: schedule.steps(),
    simulatedMs: schedule.now(),
  };
  if (life !== null) (life as Life).dead = true;
  (daemon as Daemon | null)?.reclaim();
  registry.close();
  return result;
}

const letters = 'abcdefghijklmnopqrstuvwxyz234567';

function runIdOf(number: number): string {
  let id = '';
  let rest = number * 2_654_435_761;
  for (let index = 0; index < 8; index += 1) {
    id += letters[rest % 32];
    rest = Math.floor(rest / 32);
  }
  return id;
}

function notOver(
  runs: ReadonlyMap<string, { state: string }>,
  stored: number,
  transitions: number,
  leases: number,
): string {
  const left = [...runs].filter(([, { state }]) => !state.startsWith('done.'));
  const states = left.map(([runId, { state }]) => `${runId} ${state}`).join(', ');
  return `not over: ${states}; ${stored} of ${transitions} events on the bus; ${leases} leases or unacknowledged`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` caused by ${stackOf(error.cause)}`;
  return `${error.stack}${cause}`;
}
