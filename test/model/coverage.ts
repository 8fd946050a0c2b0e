/** Which states and arrows of the real chart recorded histories went through. */

import type { ReplayedStep } from '../../src/machines/index.ts';
import { chart } from './chart.ts';

export type Coverage = {
  states: number;
  arrows: number;
  /** Names of what was not reached: states as JSON of their value, arrows as `chart.ts` names them. */
  missed: { states: string[]; arrows: string[] };
};

export function coverageOf(steps: readonly ReplayedStep[]): Coverage {
  const reached = new Set<string>();
  const taken = new Set<unknown>();
  for (const { before, event, next } of steps) {
    for (const { value } of [before, next]) reached.add(JSON.stringify(value));
    for (const arrow of chart.idle.getTransitionData(before as never, event as never)) {
      taken.add(arrow);
    }
  }
  const missed = {
    states: chart.states.filter((state) => !reached.has(state)),
    arrows: chart.transitions.filter((each) => !taken.has(each.transition)).map(({ id }) => id),
  };
  return {
    states: chart.states.length - missed.states.length,
    arrows: chart.transitions.length - missed.arrows.length,
    missed,
  };
}
