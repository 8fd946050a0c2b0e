/** Long work in small parts: others are served in between. */
import type { Clock } from '../telemetry/index.ts';

/** Called between two parts: lets others in when it is time to, and then says true. */
export type Breath = () => Promise<boolean>;

/** How long others wait for a part of the work at most, if each of its steps is short. */
const partMs = 8;

export function createBreath(clock: Clock): Breath {
  let sinceMs = clock.now().mono_ms;
  return async () => {
    if (clock.now().mono_ms - sinceMs < partMs) return false;
    await new Promise<void>((resolve) => clock.later(resolve));
    sinceMs = clock.now().mono_ms;
    return true;
  };
}
