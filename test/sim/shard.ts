/** World after world in one process: every `stride`th seed, until it has done enough or something is wrong. */
import { createRecorder, type Hits } from './coverage.ts';
import { Dead, type FaultKind } from './faults.ts';
import { scratch, template } from './registry.ts';
import { runWorld, type WorldResult } from './world.ts';

export type ShardOptions = {
  first: number;
  stride: number;
  /** Nothing but these kinds of fault; null: what each world draws. */
  weather: readonly FaultKind[] | null;
  /** Nothing but ambushes whose names hold this; null: what each world draws. */
  ambush: string | null;
  /** Whichever comes first. */
  lifecycles: number;
  untilMs: number;
  /** After each world; false ends the shard. */
  tell: (progress: {
    result: WorldResult;
    lifecycles: number;
    worlds: number;
    hits: Hits;
  }) => boolean;
};

export async function runShard(options: ShardOptions): Promise<void> {
  const place = scratch();
  const rejected: unknown[] = [];
  const note = (error: unknown): void => void (isDead(error) || rejected.push(error));
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  try {
    const empty = template(place.dir);
    const hits: Hits = new Map();
    let [lifecycles, worlds] = [0, 0];
    for (let seed = options.first; ; seed += options.stride) {
      // A world runs as a whole within one turn of the event loop, whose promises it settles itself.
      const result = await new Promise<WorldResult>((resolve, reject) => {
        setImmediate(() => {
          const { transition: onTransition, fault: onFault } = createRecorder(hits);
          try {
            resolve(
              runWorld({
                seed,
                weather: options.weather,
                ambush: options.ambush,
                dir: place.dir,
                template: empty,
                onTransition,
                onFault,
              }),
            );
          } catch (error) {
            reject(error);
          }
        });
      });
      if (rejected.length > 0) {
        const text = `nobody caught ${String((rejected[0] as Error).stack ?? rejected[0])}`;
        result.violation ??= { invariant: 'no-surprise', text };
      }
      lifecycles += result.lifecycles;
      worlds += 1;
      if (!options.tell({ result, lifecycles, worlds, hits })) return;
      if (result.violation !== null || lifecycles >= options.lifecycles) return;
      if (Date.now() > options.untilMs) return;
    }
  } finally {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
    place.remove();
  }
}

/** What a process said to itself while it was dying. */
function isDead(error: unknown): boolean {
  if (error instanceof Dead) return true;
  return error instanceof Error && error.cause !== undefined && isDead(error.cause);
}
