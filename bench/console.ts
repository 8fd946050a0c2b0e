/**
 * The web console beside a thousand live runs that change state two hundred times a second: long tasks, memory,
 * how soon a change is seen, how soon the page is of use. `RUNYARD_BENCH_MINUTES` (default 1) says for how long.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { startChromium } from '../test/fixtures/chromium.ts';
import { startCrowd } from './crowd/index.ts';
import { type Figure, percentile, round } from './measure.ts';

const live = 1000;
const real = 5;
const perSecond = 200;
const minutes = Number(process.env.RUNYARD_BENCH_MINUTES ?? 1);
/** How often a run is watched on its way to the screen. */
const sampleMs = 500;

/** Runs within the page. */
const watching = path.join(import.meta.dirname, 'crowd/watch.page.js');
type States = Record<string, { text: string; atMs: number }[]>;

export async function consolePage(): Promise<Figure[]> {
  const browser = await startChromium(['--enable-precise-memory-info', '--js-flags=--expose-gc']);
  if ('missing' in browser) {
    console.error(`console: ${browser.missing}`);
    return [];
  }
  await using crowd = await startCrowd(live - real, real);
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    const page = await context.newPage();
    const { url } = await crowd.yard.client.openConsole();
    const { usefulMs, kilobytes } = await open(page, url);
    await watch(page);
    const stop = new AbortController();
    const stirring = crowd.stir(perSecond, stop.signal);
    const heap: number[] = [];
    const latencies: number[] = [];
    const endMs = performance.now() + minutes * 60_000;
    let nextHeapMs = 0;
    while (performance.now() < endMs) {
      latencies.push(...(await changesSeen(page, crowd.yard.client.events)));
      if (performance.now() >= nextHeapMs) {
        nextHeapMs = performance.now() + 15_000;
        heap.push(await heapMib(page));
      }
      await sleep(sampleMs);
    }
    stop.abort();
    const rate = await stirring;
    const longMs = (await page.evaluate('seen.longMs')) as number[];
    const n = minutes * 60;
    const load = `${live} live runs, ${round(rate)} transitions a second, ${minutes} min`;
    const [first = 0] = heap;
    const last = heap.at(-1) ?? 0;
    return [
      { metric: 'console_long_tasks', unit: 'tasks > 50 ms', n, value: longMs.length, load },
      {
        metric: 'console_longest_task',
        unit: 'ms',
        n: longMs.length,
        value: Math.max(0, ...longMs),
        load,
      },
      {
        metric: 'console_change_ms',
        unit: 'ms',
        n: latencies.length,
        p50: percentile(latencies, 0.5),
        p99: percentile(latencies, 0.95),
        load: `${load}; p99 is p95`,
      },
      {
        metric: 'console_heap_mib',
        unit: 'MiB',
        n: heap.length,
        value: round(last),
        baseline: round(first),
        ratio: round(last / first),
        load,
      },
      { metric: 'console_useful_ms', unit: 'ms', n: 1, value: round(usefulMs), load },
      { metric: 'console_first_js_kb', unit: 'kB', n: 1, value: round(kilobytes), load },
    ];
  } finally {
    await browser.close();
  }
}

/** Opens the list of runs: how long until a row is there, and how much script came for that. */
async function open(page: Page, url: string): Promise<{ usefulMs: number; kilobytes: number }> {
  await page.goto(url);
  await page.waitForSelector('[role=row] a');
  // Again, logged in and from the cache of nobody: what somebody waits for each morning.
  const session = await page.context().newCDPSession(page);
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.reload({ waitUntil: 'commit' });
  await page.waitForSelector('[role=row] a');
  const found = (await page.evaluate(`({
    usefulMs: performance.now(),
    bytes: performance.getEntriesByType('resource')
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  })`)) as { usefulMs: number; bytes: number };
  return { usefulMs: found.usefulMs, kilobytes: found.bytes / 1000 };
}

async function watch(page: Page): Promise<void> {
  await page.evaluate(fs.readFileSync(watching, 'utf8'));
}

type Events = (run: string) => AsyncIterable<{ event: string; at: string; to: string }>;

/** Of the changes that the page has shown lately: how long after their commit. */
async function changesSeen(page: Page, events: Events): Promise<number[]> {
  const states = (await page.evaluate(
    'const found = seen.states; seen.states = {}; found',
  )) as States;
  const latencies: number[] = [];
  // A few of them: asking for events is work for the daemon too.
  const changed = Object.entries(states).filter(([, list]) =>
    list.some(({ text }) => /paused/.test(text)),
  );
  for (const [run, list] of changed.slice(0, 3)) {
    const paused: number[] = [];
    for await (const { event, at } of events(run)) {
      if (event === 'trainer.paused') paused.push(Date.parse(at));
    }
    for (const { text, atMs } of list) {
      const before = paused.filter((ms) => ms <= atMs).at(-1);
      if (/paused/.test(text) && before !== undefined) latencies.push(atMs - before);
    }
  }
  return latencies;
}

async function heapMib(page: Page): Promise<number> {
  return (await page.evaluate(
    'globalThis.gc?.(); performance.memory.usedJSHeapSize / 2 ** 20',
  )) as number;
}
