/** What kind of world it is: its people's mood, which faults it knows, and whether there is an ambush. */
import { type Ambush, drawAmbush, kindsOf, lastsMs } from './ambush-plan.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { type Mood, moods } from './plan.ts';
import type { Random } from './random.ts';

export type Climate = {
  mood: Mood;
  enabled: ReadonlySet<FaultKind>;
  /** How much likelier each is than in ordinary weather. */
  intensity: number;
  ambush: Ambush | null;
  /** How long after the last submit things may go wrong. */
  lastsMs: number;
};

type Wanted = {
  /** Nothing but these kinds of fault; null: any. */
  weather: readonly FaultKind[] | null;
  /** Nothing but ambushes whose names hold this; null: as it comes. */
  ambush: string | null;
};

export function drawClimate(random: Random, wanted: Wanted): Climate {
  const ambush = drawn(random, wanted);
  if (ambush !== null) {
    const enabled = new Set(wanted.weather ?? kindsOf(ambush));
    // Little happens besides, and of other kinds hardly anything.
    if (wanted.weather === null && random.chance(0.2)) enabled.add(random.pick(faultKinds));
    enabled.delete('leftovers');
    return { mood: 'mixed', enabled, intensity: 0.3, ambush, lastsMs: lastsMs(ambush, random) };
  }
  const mood = random.chance(0.4) ? 'mixed' : random.pick(moods);
  return {
    mood,
    ...drawWeather(random, mood, wanted.weather),
    ambush: null,
    lastsMs: random.between(500, mood === 'deaf' ? 45_000 : 12_000),
  };
}

function drawn(random: Random, { weather, ambush }: Wanted): Ambush | null {
  return ambush !== null || random.chance(0.35) ? drawAmbush(random, ambush ?? '', weather) : null;
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
