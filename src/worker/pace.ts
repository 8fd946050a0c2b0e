/**
 * How often points are sent. The bus keeps so many messages of a run: a run that prints a number each
 * moment, for days, would push out its own beginning. The first ones go at once, later ones once a second.
 */
export type Pace = {
  isDue(): boolean;
  sent(): void;
};

/** Of some 100,000 messages that are kept of a run (src/transport/nats/streams.ts). */
const burst = 1000;
const perSecond = 1;

export function createPace(nowMs: () => number = () => performance.now()): Pace {
  let left = burst;
  let refilledMs = nowMs();
  const refill = (): void => {
    const now = nowMs();
    left = Math.min(burst, left + ((now - refilledMs) / 1000) * perSecond);
    refilledMs = now;
  };
  return {
    isDue() {
      refill();
      return left >= 1;
    },
    sent() {
      refill();
      left = Math.max(0, left - 1);
    },
  };
}
