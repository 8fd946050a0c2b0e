/**
 * The web console beside a thousand live runs that change state two hundred times a second: long tasks, memory,
 * how soon a change is seen, how soon the page is of use. `RUNYARD_BENCH_PAGES` (default `runs,run`) are watched, each for
 * `RUNYARD_BENCH_MINUTES` (default 1).
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { startChromium } from '../test/fixtures/chromium.ts';
import { startCrowd } from './crowd/index.ts';
import { type Look, load, look, prepare, shown } from './crowd/look.ts';
import { type Figure, percentile, round } from './measure.ts';

const live = 1000;
const real = 5;
const perSecond = 200;
const pages = (process.env.RUNYARD_BENCH_PAGES ?? 'runs,run').split(',');
const minutes = Number(process.env.RUNYARD_BENCH_MINUTES ?? 1);
/** Until what a fresh page builds up is there, and code that is used much was compiled. */
const warmMs = 10_000;
const loads = 5;

type Watched = Look & { delays: { p50: number; p99: number; max: number } };

export async function consolePage(): Promise<Figure[]> {
  const browser = await startChromium();
  if ('missing' in browser) {
    console.error(`console: ${browser.missing}`);
    return [];
  }
  try {
    await using crowd = await startCrowd(live - real, real);
    const { client } = crowd.yard;
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    const page = await context.newPage();
    await prepare(page);
    const stop = new AbortController();
    const stirring = crowd.stir(perSecond, stop.signal);
    await page.goto((await client.openConsole()).url);
    await shown(page);
    const loaded: Awaited<ReturnType<typeof load>>[] = [];
    for (let n = 0; n < loads; n += 1) loaded.push(await load(page));
    const forMs = minutes * 60_000;
    const watching = { forMs, memoryEveryMs: Math.max(20_000, forMs / 10) };
    const looks: [string, Watched][] = [];
    const watch = async (name: string, textOf: (state: string) => string): Promise<void> => {
      await sleep(warmMs);
      await crowd.delays();
      const seen = await look(page, client, { ...watching, textOf });
      tellMemory(name, seen);
      looks.push([name, { ...seen, delays: await crowd.delays() }]);
    };
    if (pages.includes('runs')) await watch('runs', rowText);
    if (pages.includes('run')) {
      crowd.favour(await openRun(page));
      await watch('run', (state) => state);
    }
    stop.abort();
    const rate = round(await stirring);
    const under = `${live} live runs, ${rate} transitions a second, ${minutes} min`;
    return [
      ...looks.flatMap(([name, seen]) => figuresOf(name, seen, under)),
      {
        metric: 'console_useful_ms',
        unit: 'ms',
        n: loads,
        p50: percentile(
          loaded.map(({ usefulMs }) => usefulMs),
          0.5,
        ),
        p99: percentile(
          loaded.map(({ usefulMs }) => usefulMs),
          1,
        ),
        load: under,
      },
      {
        metric: 'console_first_js_kb',
        unit: 'kB',
        n: 1,
        value: round(Math.max(...loaded.map(({ scriptBytes }) => scriptBytes)) / 1000),
        load: under,
      },
    ];
  } finally {
    await browser.close();
  }
}

/** While the rest goes on: whether it grows is seen in the row of them. */
function tellMemory(name: string, { memory }: Look): void {
  const row = memory.map(({ heapMib, nodes }) => `${heapMib.toFixed(1)} (${nodes})`).join(' ');
  console.error(`${name}: MiB (nodes) after collecting garbage: ${row}`);
}

function figuresOf(
  name: string,
  { longMs, changeMs, memory, delays }: Watched,
  load: string,
): Figure[] {
  const [first, last] = [memory[0], memory.at(-1)];
  const of = (metric: string): string => `console_${name}_${metric}`;
  return [
    {
      metric: of('long_tasks'),
      unit: 'tasks > 50 ms',
      n: minutes * 60,
      value: longMs.length,
      load,
    },
    { metric: of('longest_ms'), unit: 'ms', n: longMs.length, value: Math.max(0, ...longMs), load },
    {
      metric: of('change_ms'),
      unit: 'ms',
      n: changeMs.length,
      p50: percentile(changeMs, 0.5),
      p95: percentile(changeMs, 0.95),
      p99: percentile(changeMs, 0.99),
      load,
    },
    {
      metric: of('heap_mib'),
      unit: 'MiB',
      n: memory.length,
      value: round(last?.heapMib ?? 0),
      baseline: round(first?.heapMib ?? 0),
      ratio: round((last?.heapMib ?? 0) / (first?.heapMib ?? 1)),
      load,
    },
    {
      metric: of('nodes'),
      unit: 'nodes',
      n: memory.length,
      value: last?.nodes ?? 0,
      baseline: first?.nodes ?? 0,
      load,
    },
    {
      metric: of('daemon_delay_ms'),
      unit: 'ms',
      n: minutes * 60,
      p50: round(delays.p50),
      p99: round(delays.p99),
      load: `${load}; at most ${round(delays.max)} ms`,
    },
  ];
}

/** Of a run that the crowd plays: those that are real are newer, and first. */
async function openRun(page: Page): Promise<string> {
  await page.click(`.runs [role=row] >> nth=${real + 4} >> a`);
  await page.waitForSelector('.run-chart svg');
  return path.basename(new URL(page.url()).pathname);
}

/** As a row of the list says it. */
function rowText(state: string): string {
  const [status = '', ...inner] = state.split('.');
  if (status === 'done') return inner.join('.');
  const detail = inner.join('.');
  return status === 'running' && detail !== '' && detail !== 'live' ? detail : status;
}
