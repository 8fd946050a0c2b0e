/** The web console of a yard in a real browser, as its people use it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { consoleOf } from './http-fixture.ts';
import type { Yard } from './yard.ts';

export const screen = { width: 1280, height: 720 };
export type Scheme = 'light' | 'dark';

export type Tab = {
  page: Page;
  context: BrowserContext;
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  /** What the page complained of: errors of scripts, and what the policy refused. */
  complaints: string[];
};

/** Opens the console by a link, and waits until it shows the runs. */
export async function openTab(
  browser: Browser,
  yard: Yard,
  options: { scheme?: Scheme; viewer?: boolean } = {},
): Promise<Tab> {
  await consoleOf(yard);
  const { url } = await yard.client.openConsole({ viewer: options.viewer === true });
  const context = await browser.newContext({
    viewport: screen,
    colorScheme: options.scheme ?? 'light',
    // What moves would be seen half way in a picture.
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const text = message.text();
    // A line that is down is told by the browser too.
    if (message.type() === 'error' && !text.includes('net::ERR')) complaints.push(text);
  });
  await page.goto(url);
  await page.getByRole('navigation', { name: 'pages' }).waitFor();
  return { page, context, origin: new URL(url).origin, complaints };
}

const axeSource = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'));

/** What axe finds wrong with the page as it is now: one line each. */
export async function axeFinds(page: Page): Promise<string[]> {
  // Through the debugger, to which the policy of the page does not apply.
  await page.evaluate(axeSource.toString());
  const found = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as {
    violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) =>
      `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`.replaceAll('\n', ' '),
    ),
  );
}

const shotsDir = path.resolve(import.meta.dirname, '../../.cache/console-shots');

/** Kept in `.cache/console-shots`, or where RUNYARD_SHOTS says, so that people can look at them. */
export async function shoot(page: Page, name: string): Promise<void> {
  const { RUNYARD_SHOTS: dir = shotsDir } = process.env;
  fs.mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: path.join(dir, `${name}.png`) });
}

/** Of the page as it is, in both schemes: a picture each, and nothing for axe to find. */
export async function checkLooks({ page }: Tab, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await shoot(page, `${name}-${colorScheme}`);
    assert.deepEqual(await axeFinds(page), [], `${name} in ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The page needs no more room than the screen has from left to right. */
export async function checkFits({ page }: Tab, name: string): Promise<void> {
  const wide = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  assert.equal(wide, 0, `${name} is ${wide} px too wide`);
}

/**
 * A trainer that counts: a loss for each step until its directory has a file `stop`, and a word on standard
 * error for each tenth. `cwd` is below the yard's home.
 */
export async function submitCounter(
  yard: Yard,
  name: string,
  config: object = {},
): Promise<{ id: string; finish(): void }> {
  const cwd = path.join(yard.home, `cwd-${name}`);
  fs.mkdirSync(cwd);
  const script = `i=0; while [ ! -e stop ]; do i=$((i+1)); echo "loss=0.$((9-i%9)) return=$((i*3)) step=$((i*10))"
    [ $((i%10)) = 0 ] && echo "checkpoint $i" >&2; sleep 0.05; done; echo loss=nan step=$((i*10+10))`;
  const { run_id: id } = await yard.client.submit({
    command: ['sh', '-c', script],
    env: { PATH: process.env.PATH ?? '' },
    cwd,
    name,
    ...config,
  });
  return { id, finish: () => fs.writeFileSync(path.join(cwd, 'stop'), '') };
}

/** The state of the run's chart that is lit, and no other one. */
export function litState(page: Page, state: string): Promise<void> {
  return page.locator(`.run-chart [data-state="${state}"].active`).waitFor();
}

/** How many points the curve says it has. */
export async function pointsOf(page: Page, name: string): Promise<number> {
  const text = (await page.getByTestId(`points ${name}`).textContent()) ?? '';
  // `23 points`, `thinned: 1,129 of 1,469`.
  const [, count = '0'] = /([\d,]+)(?: points?)?$/.exec(text) ?? [];
  return Number(count.replaceAll(',', ''));
}

/** Numbers of the events that the page of a run lists. */
export async function eventsListed(page: Page): Promise<number[]> {
  const items = await page.getByRole('list', { name: 'events' }).getByRole('listitem').all();
  return Promise.all(items.map(async (item) => Number(await item.getAttribute('data-seq'))));
}
