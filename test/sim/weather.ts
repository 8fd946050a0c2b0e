/** When which fault strikes: drawn in advance, so that a seed is the whole story. */
import type { Bus } from './bus.ts';
import type { FaultKind } from './faults.ts';
import type { Process } from './kernel.ts';
import type { Registry } from './registry.ts';
import type { Stage } from './stage.ts';
import type { Wires } from './wire.ts';
import type { Workers } from './worker.ts';

export type WeatherOptions = {
  stage: Stage;
  bus: Bus;
  registry: Registry;
  wires: Wires;
  workers: Workers;
  /** The runs that are not over. */
  live: () => string[];
  killDaemon: (how: 'kill' | 'stop' | 'crash' | 'reboot') => void;
};

/** How often each kind strikes within ten seconds, when it is enabled. The others strike by chance. */
const perTenSeconds: Partial<Record<FaultKind, number>> = {
  'daemon.kill': 3,
  'daemon.stop': 0.5,
  'machine.crash': 1,
  'machine.reboot': 0.4,
  'bus.down': 1.5,
  'bus.wiped': 0.7,
  'worker.kill': 3,
  'worker.mute': 1.5,
  'recorder.kill': 1.5,
  'trainer.kill': 1.5,
  'wire.cut': 3,
  'rundir.lost': 0.6,
  'write.fails': 2,
  'clock.jump': 4,
};

export function brewWeather(options: WeatherOptions, untilMs: number): void {
  const { stage } = options;
  const random = stage.random.fork();
  for (const [kind, often] of Object.entries(perTenSeconds) as [FaultKind, number][]) {
    if (!stage.faults.enabled.has(kind)) continue;
    let at = 0;
    for (;;) {
      at += (-Math.log(1 - random.next()) * 10_000) / (often * stage.faults.intensity);
      if (at >= untilMs) break;
      stage.schedule.after(at, null, () => strike(options, kind, null));
    }
  }
}

/** Strikes this run, or any that lives. */
export function strike(options: WeatherOptions, kind: FaultKind, target: string | null): void {
  const { stage, bus, registry, wires, workers } = options;
  const { random, faults, machine, dirs, trace } = stage;
  const live = target === null ? options.live() : [target];
  const runId = live.length === 0 ? null : random.pick(live);
  const hit = (what: string, which: string | null): void => {
    trace.note(`fault ${kind} ${what}`);
    faults.strike(kind, which);
  };
  const ofRun = (process: { marker: string | null }): string => process.marker?.split('/')[3] ?? '';
  switch (kind) {
    case 'daemon.kill':
      // Not now, but in the midst of what it does next.
      trace.note('the daemon is about to be killed');
      if (target !== null) faults.killAt(1 + random.int(3), 'kill');
      else if (random.chance(0.3)) faults.killAfterAct(random.next() * 60, 'kill');
      else faults.killAt(1 + random.int(40), 'kill');
      return;
    case 'daemon.stop':
      options.killDaemon('stop');
      return;
    case 'machine.crash':
      if (target !== null || random.chance(0.3)) options.killDaemon('crash');
      else if (random.chance(0.5)) faults.killAfterAct(random.next() * 60, 'crash');
      else faults.killAt(1 + random.int(40), 'crash');
      return;
    case 'machine.reboot':
      options.killDaemon('reboot');
      return;
    case 'bus.down':
    case 'bus.wiped':
      hit('', null);
      bus.kill(random.between(0, 3000), kind === 'bus.wiped');
      return;
    case 'worker.kill': {
      const busy = workers.busy().filter((each) => target === null || each === target);
      const which = busy.length === 0 ? null : random.pick(busy);
      if (which !== null && workers.kill(which)) hit(which, which);
      return;
    }
    case 'worker.mute':
      if (runId === null) return;
      hit(runId, runId);
      stage.journal.muted.add(runId);
      wires.mute(runId, random.chance(0.5) ? random.between(11_000, 20_000) : random.int(5_000));
      return;
    case 'recorder.kill': {
      const dirOf = ({ identity }: { identity: { start_time: string } }) =>
        dirs.all().find(({ claim }) => claim?.start_time === identity.start_time);
      const isTarget = (each: Process): boolean => {
        const dir = dirOf(each);
        return target === null || dir === undefined || dir.path.split('/')[3] === target;
      };
      const all = machine.live('recorder').filter(isTarget);
      if (all.length === 0) return;
      const recorder = random.pick(all);
      const dir = dirOf(recorder);
      hit(dir?.path ?? 'unclaimed', dir?.path.split('/')[3] ?? null);
      recorder.onSignal('SIGKILL');
      return;
    }
    case 'trainer.kill': {
      const all = machine
        .live('trainer')
        .filter((each) => target === null || ofRun(each) === target);
      if (all.length === 0) return;
      const trainer = random.pick(all);
      hit(ofRun(trainer), ofRun(trainer));
      if (trainer.marker !== null) stage.journal.of(trainer.marker).endedBy = 'somebody';
      trainer.onSignal('SIGKILL');
      return;
    }
    case 'wire.cut':
      if (runId !== null && wires.cut(runId)) hit(runId, runId);
      return;
    case 'rundir.lost': {
      const all = dirs.all().filter(({ path }) => live.includes(path.split('/')[3] ?? ''));
      if (all.length === 0) return;
      const dir = random.pick(all);
      hit(dir.path, dir.path.split('/')[3] ?? '');
      stage.journal.of(dir.path).directoryLost = true;
      dirs.remove(dir.path);
      return;
    }
    case 'write.fails':
      registry.failWrites(target === null ? random.int(6) : 0, random.between(1, 6));
      return;
    case 'clock.jump':
      hit('', null);
      machine.jump(random.between(-3_600_000, 3_600_000));
      return;
    default:
      if (target === null) throw new Error(`${kind} strikes by chance`);
      faults.arm(kind, target, random.between(1, 3));
  }
}
