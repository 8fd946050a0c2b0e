/** One world: a yard with its clients on simulated time, from a seed to its end. */
import { createBus } from './bus.ts';
import { createChecker, type Transition } from './checker.ts';
import { playClient } from './clients.ts';
import { type Daemon, startDaemon, walCapBytes } from './daemon.ts';
import { createDirectories } from './directories.ts';
import { createFaults, Dead, type FaultKind, faultKinds } from './faults.ts';
import { createJournal } from './journal.ts';
import { createMachine } from './kernel.ts';
import { type Mood, moods, planRun, type RunPlan } from './plan.ts';
import { createRandom, type Random } from './random.ts';
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
  const mood = random.chance(0.4) ? 'mixed' : random.pick(moods);
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
    ...drawWeather(random.fork(), mood, options.weather),
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
    violate,
  };
  const registry = createRegistry(stage, options.dir, options.template);
  const checker = createChecker({
    stage,
    reboots: () => reboots,
    commits: registry.commits,
    onTransition: (transition) => options.onTransition?.(transition),
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

  beginDaemon();
  const count = random.between(5, 16);
  const submitMs = random.between(200, 12_000);
  for (let index = 0; index < count; index += 1) {
    const plan = planRun(random.fork(), `r${index}`, random.int(submitMs), mood);
    stage.plans.set(plan.id, plan);
    playClient({ stage, checker, daemon: () => daemon }, plan);
  }
  const faultyMs =
    faults.enabled.size === 0
      ? 0
      : submitMs + random.between(500, mood === 'deaf' ? 45_000 : 12_000);
  const live = (): string[] =>
    [...checker.runs()].filter(([, view]) => !view.state.startsWith('done.')).map(([id]) => id);
  brewWeather(
    {
      stage,
      bus,
      registry,
      wires,
      workers,
      live,
      killDaemon: (how) => (how === 'stop' ? stopDaemon() : endReboot(how)),
    },
    faultyMs,
  );
  const endReboot = (how: 'kill' | 'crash' | 'reboot'): void => {
    if (how === 'kill') return;
    trace.note(`fault machine.${how}`);
    faults.strike(how === 'crash' ? 'machine.crash' : 'machine.reboot', null);
    endDaemon(how);
  };
  schedule.after(faultyMs, null, () => {
    trace.note('healed');
    faults.heal();
    resumePaused();
  });

  /** Somebody goes through the yard at the end: what was paused and forgotten is to go on. */
  const resumePaused = (): void => {
    for (const [runId, { state }] of checker.runs()) {
      if (!state.startsWith('running.paused')) continue;
      const about = { run: runId, user: 'eve', reason: 'forgotten' };
      daemon?.orchestrator.resume(about).catch(() => undefined);
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

/**
 * Which kinds of fault a world knows: few at a time, so that each meets calm weather too; or only one or two,
 * that strike much oftener.
 */
function drawWeather(
  random: Random,
  mood: Mood,
  wanted: readonly FaultKind[] | null,
): { enabled: ReadonlySet<FaultKind>; intensity: number } {
  if (wanted !== null) return { enabled: new Set(wanted), intensity: random.pick([2, 4, 6]) };
  // Nobody is deaf in calm weather.
  const always: readonly FaultKind[] = mood === 'deaf' ? ['worker.mute'] : [];
  if (random.chance(0.05)) return { enabled: new Set(always), intensity: 1 };
  const all = faultKinds.filter((kind) => kind !== 'leftovers');
  if (random.chance(0.4)) {
    const few = random.chance(0.3) ? random.pick(hardPairs) : [random.pick(all)];
    return { enabled: new Set([...few, ...always]), intensity: random.pick([2, 4, 6]) };
  }
  const share = random.pick([0.1, 0.25, 0.5]);
  return { enabled: new Set([...all.filter(() => random.chance(share)), ...always]), intensity: 1 };
}

/** What hurts most when it comes together: what is lost with the power, and why it was not safe yet. */
const hardPairs: readonly (readonly FaultKind[])[] = [
  ['machine.crash', 'daemon.kill'],
  ['machine.crash', 'rundir.full'],
  ['machine.crash', 'write.fails'],
  ['machine.crash', 'sync.fails'],
  ['daemon.kill', 'wire.late'],
  ['worker.kill', 'wire.loss'],
  ['worker.kill', 'daemon.kill'],
  ['clock.jump', 'machine.reboot'],
  ['bus.wiped', 'daemon.kill'],
];

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
