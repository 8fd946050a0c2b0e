/** One page in a real browser, watched for a while: its long tasks, its memory, and how soon it shows a change. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import type { TrainerClient } from '../../src/client/index.ts';
import { until } from '../../test/integration/yard.ts';

export type Look = {
  /** Milliseconds of each task of more than 50; without those in which we had it collect garbage. */
  longMs: number[];
  /** Of each change of a run in view, from its commit until the page shows it or what came after it. */
  changeMs: number[];
  /** After collecting garbage: MiB of JavaScript, and nodes of the document with those kept by scripts. */
  memory: { heapMib: number; nodes: number }[];
};
type Change = { run: string; text: string; atMs: number };

const drainMs = 1000;
/** What is committed in the last moments may rightly come later. */
const tailMs = 2000;

/** Runs within each page that is opened from now on. */
export async function prepare(page: Page): Promise<void> {
  await page.addInitScript(
    fs.readFileSync(path.join(import.meta.dirname, 'watch.page.js'), 'utf8'),
  );
}

/** Until its first row was painted. */
export async function shown(page: Page): Promise<void> {
  await page.waitForSelector('.runs [role=row] a');
  await until(() => page.evaluate('seen.usefulMs'), 'the first row to be painted');
}

/** Loads it anew, from the cache of nobody: how long until a row was painted, and what came as script. */
export async function load(page: Page): Promise<{ usefulMs: number; scriptBytes: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.reload({ waitUntil: 'commit' });
  await shown(page);
  await page.waitForLoadState('load');
  await session.detach();
  return page.evaluate(`({
    usefulMs: seen.usefulMs,
    scriptBytes: performance.getEntriesByType('resource')
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  })`);
}

/** `textOf`: how the page says a state. `memoryEveryMs`: how often the heap is measured, at the begin and end too. */
export async function look(
  page: Page,
  client: TrainerClient,
  options: { forMs: number; memoryEveryMs: number; textOf: (state: string) => string },
): Promise<Look> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const ours: { from: number; to: number }[] = [];
  const memory: Look['memory'] = [];
  const changes: Change[] = [];
  const weigh = async (): Promise<void> => {
    const from = Date.now();
    memory.push(await memoryOf(session));
    ours.push({ from, to: Date.now() });
  };
  const drain = async (): Promise<void> => {
    changes.push(...((await page.evaluate('seen.changes.splice(0)')) as Change[]));
  };
  await weigh();
  await page.evaluate('seen.longTasks.length = 0; seen.changes.length = 0');
  const beginMs = Date.now();
  const inView = (await page.evaluate('seen.read()')) as [string, string][];
  changes.push(...inView.map(([run, text]) => ({ run, text, atMs: beginMs })));
  let weighedMs = beginMs;
  while (Date.now() < beginMs + options.forMs) {
    await sleep(drainMs);
    await drain();
    if (Date.now() - weighedMs < options.memoryEveryMs) continue;
    weighedMs = Date.now();
    await weigh();
  }
  const endMs = Date.now();
  const longTasks = (await page.evaluate('seen.longTasks')) as { atMs: number; ms: number }[];
  await drain();
  await weigh();
  await session.detach();
  return {
    longMs: longTasks
      .filter(({ atMs, ms }) => !ours.some(({ from, to }) => atMs < to && atMs + ms > from))
      .map(({ ms }) => ms),
    changeMs: await latencies(client, changes, { beginMs, endMs: endMs - tailMs }, options.textOf),
    memory,
  };
}

async function memoryOf(session: CDPSession): Promise<Look['memory'][number]> {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string): number => metrics.find((each) => each.name === name)?.value ?? 0;
  return { heapMib: of('JSHeapUsedSize') / 2 ** 20, nodes: of('Nodes') };
}

/** Infinite for a change that was never shown. */
async function latencies(
  client: TrainerClient,
  changes: readonly Change[],
  { beginMs, endMs }: { beginMs: number; endMs: number },
  textOf: (state: string) => string,
): Promise<number[]> {
  const found: number[] = [];
  for (const [run, shown] of Map.groupBy(changes, (change) => change.run)) {
    const events: Committed[] = [];
    const { last_seq: last } = await client.get(run);
    for await (const { seq, at, from, to } of client.events(run)) {
      events.push({ atMs: Date.parse(at), text: textOf(to), before: textOf(from) });
      if (seq >= last) break;
    }
    events.forEach(({ atMs, text, before }, index) => {
      if (text === before || atMs < beginMs || atMs > endMs) return;
      const ms = shownAfter(atMs, events.slice(index), shown);
      if (ms !== null) found.push(ms);
    });
  }
  return found;
}

type Committed = { atMs: number; text: string; before: string };

/** `events`: it and all after it. Null where the run was soon back to what the page showed, so that there was nothing to see. */
function shownAfter(
  atMs: number,
  events: readonly Committed[],
  shown: readonly Change[],
): number | null {
  const isCurrent = (text: string, ms: number): boolean =>
    events.some((each) => each.atMs <= ms && each.text === text);
  const seen = shown.find((each) => each.atMs >= atMs && isCurrent(each.text, each.atMs));
  const before = shown.findLast((each) => each.atMs < atMs)?.text;
  const back = events.find((each) => each.text === before);
  if (back !== undefined && back.atMs < (seen?.atMs ?? Number.POSITIVE_INFINITY)) return null;
  return seen === undefined ? Number.POSITIVE_INFINITY : seen.atMs - atMs;
}
