/**
 * Directed weather: a world whose runs are led into one state, struck there by one fault, and then made to leave
 * it by one event. Chance alone hardly ever brings the rarer of these together.
 */
import { type Ambush, causesOf } from './ambush-plan.ts';
import type { View } from './checker.ts';
import { toldByWorkers } from './coverage.ts';
import type { ClientWish } from './plan.ts';
import type { Random } from './random.ts';
import type { Registry } from './registry.ts';
import type { Stage } from './stage.ts';
import { strike, type WeatherOptions } from './weather.ts';
import type { Wires } from './wire.ts';

export type AmbushOptions = {
  stage: Stage;
  weather: WeatherOptions;
  wires: Wires;
  registry: Registry;
  ask: (runId: string, wish: ClientWish) => void;
};

/** How often a run falls into it. */
const most = 3;

/** To be called with each transition that was committed. */
export function layAmbush(
  ambush: Ambush,
  options: AmbushOptions,
): (runId: string, view: View, from: string) => void {
  const { stage, wires, weather } = options;
  const { state, event, fault } = ambush;
  const random = stage.random.fork();
  const laid = new Map<string, number>();
  const after = (ms: number, act: () => void): void =>
    void stage.schedule.after(ms, null, () => {
      if (!stage.faults.healed()) act();
    });
  const hold = (runId: string, ms: number): void => {
    stage.journal.muted.add(runId);
    wires.hold(runId, ms);
  };
  const blow = (runId: string): void => {
    strike(weather, fault, runId);
    // Somebody kills what then cannot die.
    if (fault === 'leftovers') strike(weather, 'trainer.kill', runId);
    // Its worker would tell that the launch has failed; another one tries again.
    if (fault === 'recorder.fails')
      after(random.next() * 30, () => strike(weather, 'worker.kill', runId));
    if (fault === 'rundir.full') after(1, () => strike(weather, 'worker.kill', runId));
  };
  const spring = (runId: string, view: View): void => {
    const count = (laid.get(runId) ?? 0) + 1;
    laid.set(runId, count);
    if (count > most) return;
    const soon = random.pick([20, 20, 400, 1_000]) * random.next();
    const at = beforeDeadline(ambush, view, stage.schedule.now(), random) ?? soon;
    const apart = random.pick([1, 10, 30, 300, 2_500]) * random.next();
    if (state === 'running.starting') {
      if (fault === 'recorder.fails') hold(runId, 2_000);
      else if (random.chance(0.5)) hold(runId, random.pick([0, 2_000, 5_000]));
      else wires.mute(runId, random.pick([0, 500, 2_000]));
    }
    if (state !== 'running.starting' && random.chance(0.3))
      hold(runId, random.pick([100, 1_000, 10_000]));
    // Some events take time to come about: then the fault strikes while they are on their way.
    const isLost = fault === 'rundir.lost' && toldByWorkers.test(event);
    const isFirst = isLost || random.chance(0.4);
    // Once it is lost a worker says nothing else: what it said before is on its way.
    if (isLost && random.chance(0.7)) wires.mute(runId, random.between(500, 5_000));
    after(at + (isFirst ? apart : 0), () => blow(runId));
    after(at + (isFirst ? 0 : apart), () => provoke(ambush, options, after, view, runId, random));
  };
  return (runId, view, from) => {
    if (stage.faults.healed()) return;
    if (view.state === state && from !== view.state) spring(runId, view);
    if (from === view.state) return;
    if (view.state === 'running.starting') waylayRecorder(ambush, options, runId, view.attempt);
    if (view.state === 'allocating.preflight') prepare(ambush, options, runId, random);
    const step = leads(ambush, view.state);
    if (step === null) return;
    after(random.next() * 1_500, () => {
      if (view.state === state) return;
      if (step.hold) hold(runId, random.pick([0, 300, 2_000, 4_000]));
      if (step.act === 'rundir.lost') strike(weather, 'rundir.lost', runId);
      else if (step.act !== 'mute') options.ask(runId, step.act);
      else if (state === 'running.silent') muteFor(options, runId, random);
      else wires.mute(runId, random.pick([300, 3_000]));
    });
  };
}

function muteFor({ weather, wires }: AmbushOptions, runId: string, random: Random): void {
  strike(weather, 'worker.mute', runId);
  wires.mute(runId, random.between(12_000, 30_000));
}

/** What has to be ready before the state is entered, because it lasts no time. */
function prepare(
  { state, event }: Ambush,
  { stage, registry }: AmbushOptions,
  runId: string,
  random: Random,
): void {
  if (state === 'allocating.leasing') registry.failWrites(random.int(4), random.between(1, 4));
  if (event === 'effect.failed') {
    stage.faults.arm('rundir.full', runId, random.between(1, 2));
    stage.faults.arm('launch.refused', runId, 1);
  } else if (state === 'running.starting') {
    const { faults } = stage;
    // What is prepared can be written, but not for whom it is.
    if (faults.enabled.has('rundir.full')) faults.arm('rundir.full', runId, 1, random.int(3));
    if (faults.enabled.has('write.fails')) registry.failWrites(random.int(7), 1);
  }
}

/** Kills the recorder between its claim and its start, or between its start and the fork. */
function waylayRecorder(
  { state, event }: Ambush,
  { stage, weather, wires, ask }: AmbushOptions,
  runId: string,
  attempt: number,
): void {
  const isVoid = event === 'attempt.voided';
  if (!isVoid && (event !== 'trainer.vanished' || state !== 'running.starting')) return;
  const path = `/sim/runs/${runId}/attempts/${attempt}`;
  const unwatch = stage.dirs.watch(path, () => {
    const dir = stage.dirs.find(path);
    if (stage.faults.healed() || dir === null || dir.claim === null) return;
    const hasStarted = dir.start?.voided === false;
    if (isVoid ? dir.start !== null : !hasStarted) return;
    unwatch();
    if (state.startsWith('stopping.')) {
      stage.journal.muted.add(runId);
      wires.hold(runId, 3_000);
      ask(runId, 'stop');
    }
    strike(weather, 'recorder.kill', runId);
  });
}

type Step = { act: ClientWish | 'mute' | 'rundir.lost'; hold: boolean };

/** How a run is led from where it is towards the state. */
function leads({ state, event }: Ambush, at: string): Step | null {
  const isEnding = /^stopping\.(terminating|killing)$/.test(state);
  if (at === 'running.live') {
    if (state === 'running.silent') return { act: 'mute', hold: false };
    if (/^running\.(paused|resuming)/.test(state)) {
      return { act: 'pause', hold: state === 'running.paused.asked' };
    }
    if (isEnding) return { act: 'stop', hold: true };
    if (state === 'stopping.releasing') return { act: 'rundir.lost', hold: false };
  }
  if (at === 'running.paused.confirmed' && state === 'running.resuming') {
    return { act: 'resume', hold: event !== 'trainer.stalled' };
  }
  return null;
}

/** A moment before its time limit; null where that is not what is waited for. */
function beforeDeadline({ event }: Ambush, view: View, now: number, random: Random): number | null {
  const limit = view.plan.config.time_limit_s;
  if (event !== 'limit.reached' || limit === undefined || view.leasedAt === null) return null;
  const left = view.leasedAt + 1_000 * limit - now;
  return random.chance(0.7) && left > 0 ? Math.max(0, left - random.next() * 200) : null;
}

const asked: Readonly<Record<string, readonly ClientWish[]>> = {
  'run.stop': ['stop', 'stop --now'],
  'run.pause': ['pause'],
  'run.resume': ['resume'],
  'run.hold': ['hold'],
  'run.release': ['release'],
};

/** Makes the event come about; some come by themselves. */
function provoke(
  ambush: Ambush,
  options: AmbushOptions,
  after: (ms: number, act: () => void) => void,
  view: View,
  runId: string,
  random: Random,
): void {
  const { state, event } = ambush;
  const { stage, weather, wires, ask } = options;
  const wishes = asked[event];
  if (wishes !== undefined) {
    const wish = random.pick(wishes);
    // The daemon may be away.
    for (const ms of [0, 20, 300, 800, 1_500, 2_200]) {
      after(ms, () => {
        if (view.state === state) ask(runId, wish);
      });
    }
  } else if (event === 'trainer.exited') stage.endTrainer.get(runId)?.();
  else if (event === 'worker.heard') wires.mute(runId, 0);
  else if (event === 'worker.silent') muteFor(options, runId, random);
  else if (event === 'start.timed_out') {
    strike(weather, 'worker.mute', runId);
    wires.hold(runId, 125_000);
  }
  if (event !== 'attempt.voided') {
    for (const kind of causesOf(ambush)) strike(weather, kind, runId);
  }
  if (event === 'trainer.stalled' && state === 'running.resuming') {
    stage.journal.muted.add(runId);
    wires.hold(runId, 9_000);
  }
  if (state === 'running.silent' && toldByWorkers.test(event)) {
    after(random.next() * 700, () => {
      wires.mute(runId, 0);
      strike(weather, 'wire.cut', runId);
    });
  }
}
