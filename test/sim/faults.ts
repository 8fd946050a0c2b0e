/** What may go wrong in a world, and where: a seed enables some kinds, chance does the rest. */
import type { Random } from './random.ts';
import type { Life } from './schedule.ts';

/** Kinds that strike one attempt, and kinds that strike all. */
export const attemptFaults = [
  'worker.kill',
  'worker.mute',
  'recorder.kill',
  'recorder.fails',
  'trainer.kill',
  'wire.cut',
  'wire.loss',
  'wire.late',
  'wire.repeat',
  'rundir.lost',
  'rundir.full',
  'leftovers',
  'launch.refused',
] as const;
export const yardFaults = [
  'daemon.kill',
  'daemon.stop',
  'machine.crash',
  'machine.reboot',
  'bus.down',
  'bus.wiped',
  'bus.loss',
  'bus.late',
  'bus.repeat',
  'write.fails',
  'sync.fails',
  'clock.jump',
] as const;
export type FaultKind = (typeof attemptFaults)[number] | (typeof yardFaults)[number];
export const faultKinds: readonly FaultKind[] = [...attemptFaults, ...yardFaults];

/** Thrown where a process died: whoever catches it is dead, and can do nothing any more. */
export class Dead extends Error {
  constructor(life: Life) {
    super(`${life.name} is dead`);
  }
}

export type Faults = {
  readonly enabled: ReadonlySet<FaultKind>;
  readonly intensity: number;
  /** True when this kind strikes here; `runId` null: all runs. */
  chance(kind: FaultKind, probability: number, runId: string | null): boolean;
  /** For kinds that strike by chance: the next times that it could strike here it does, but for the first few. */
  arm(kind: FaultKind, runId: string | null, times: number, skip?: number): void;
  /** Notes that a kind struck. */
  strike(kind: FaultKind, runId: string | null): void;
  /** A point at which the daemon may be killed: throws if it is, or was. */
  point(life: Life, name: string): void;
  /** After so many points the daemon is killed, or the machine loses its power. */
  killAt(points: number, how: 'kill' | 'crash'): void;
  /** The same, so soon after one of the daemon's next acts on an attempt: its decision may not be on the disk yet. */
  killAfterAct(ms: number, how: 'kill' | 'crash'): void;
  /** From here on nothing goes wrong any more. */
  heal(): void;
  healed(): boolean;
};

export type FaultOptions = {
  random: Random;
  enabled: ReadonlySet<FaultKind>;
  /** How much likelier each is than in ordinary weather. */
  intensity: number;
  later: (ms: number, act: () => void) => void;
  /** Kills the daemon; told where. */
  kill: (how: 'kill' | 'crash', where: string) => void;
  struck: (kind: FaultKind, runId: string | null) => void;
};

/** Points right after an act that cannot be taken back. */
const acts = /^after a (wish|launch|worker)/;

export function createFaults(options: FaultOptions): Faults {
  const { random, enabled, intensity, kill, struck } = options;
  let healed = false;
  let armed: { ms: number; how: 'kill' | 'crash'; skip: number } | null = null;
  let left = Number.POSITIVE_INFINITY;
  let how: 'kill' | 'crash' = 'kill';
  const armedKinds: { kind: FaultKind; runId: string | null; left: number; skip: number }[] = [];
  const isArmed = (kind: FaultKind, runId: string | null): boolean => {
    const found = armedKinds.find(
      (each) =>
        each.kind === kind &&
        each.left > 0 &&
        (each.runId === null || runId === null || each.runId === runId),
    );
    if (found === undefined) return false;
    if (found.skip > 0) found.skip -= 1;
    else {
      found.left -= 1;
      return true;
    }
    return false;
  };
  return {
    enabled,
    intensity,
    chance(kind, probability, runId) {
      if (healed || !enabled.has(kind)) return false;
      if (!isArmed(kind, runId) && !random.chance(Math.min(0.5, probability * intensity)))
        return false;
      struck(kind, runId);
      return true;
    },
    arm(kind, runId, times, skip = 0) {
      armedKinds.push({ kind, runId, left: times, skip });
    },
    strike: struck,
    point(life, name) {
      if (!life.dead && !healed) {
        if (armed !== null && acts.test(name)) armed.skip -= 1;
        if (armed !== null && armed.skip < 0) {
          const { ms, how: so } = armed;
          armed = null;
          options.later(ms, () => {
            if (!healed && !life.dead) kill(so, `${Math.round(ms)} ms ${name}`);
          });
        }
        left -= 1;
        if (left <= 0) {
          left = Number.POSITIVE_INFINITY;
          kill(how, name);
        }
      }
      if (life.dead) throw new Dead(life);
    },
    killAt(points, wanted) {
      left = points;
      how = wanted;
    },
    killAfterAct(ms, wanted) {
      armed = { ms, how: wanted, skip: random.int(5) };
    },
    heal() {
      healed = true;
    },
    healed: () => healed,
  };
}
