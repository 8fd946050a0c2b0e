/** How long a run is likely to take: as long as such runs took before. */
import type { TrainRunConfig } from '../contracts/index.ts';
import type { RunStore } from '../persistence/index.ts';
import type { Clock } from '../telemetry/index.ts';

/** How far back is looked, and how many of the same kind are enough. */
const lookedMost = 500;
const likeMost = 9;
/** How long what was looked up is good for. */
const keptMs = 10_000;

/** What the command of a run has in common with those of its kind, most alike first. */
function kinds(config: Pick<TrainRunConfig, 'command' | 'gpus'>): string[] {
  const words = config.command;
  // Everything but the seed; else the program and its script.
  const same = words.join(' ').replaceAll(/((?:^|\s)-*(?:random[-_])?seed[ =])\d+/g, '$1');
  return [same, words.slice(0, 2).join(' ')].map((text) => `${config.gpus ?? 0} ${text}`);
}

/** The median of the newest of its kind, in ms; null when there was none. */
export function createTookMs(
  store: Pick<RunStore, 'completedLately' | 'run'>,
  clock: Clock,
): (runId: string) => number | null {
  let known: { atMs: number; took: Map<string, number[]> } | null = null;
  const kindsOf = new Map<string, string[]>();
  const took = (): Map<string, number[]> => {
    const nowMs = clock.now().mono_ms;
    if (known !== null && nowMs - known.atMs < keptMs) return known.took;
    const found = new Map<string, number[]>();
    for (const { config, started_at, finished_at } of store.completedLately(lookedMost)) {
      const ms = Date.parse(finished_at) - Date.parse(started_at);
      for (const kind of kinds(JSON.parse(config) as TrainRunConfig)) {
        const like = found.get(kind) ?? [];
        if (like.length < likeMost) found.set(kind, [...like, ms]);
      }
    }
    known = { atMs: nowMs, took: found };
    kindsOf.clear();
    return found;
  };
  return (runId) => {
    const all = took();
    let own = kindsOf.get(runId);
    if (own === undefined) {
      const row = store.run(runId);
      own = row === undefined ? [] : kinds(JSON.parse(row.config) as TrainRunConfig);
      kindsOf.set(runId, own);
    }
    const like = own.map((kind) => all.get(kind)).find((each) => each !== undefined);
    return like === undefined ? null : ([...like].sort((a, b) => a - b)[like.length >> 1] ?? null);
  };
}
