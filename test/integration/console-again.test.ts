/** What people do with a run that is over, or that tried more than once; and with a tab that they leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Request } from 'playwright-core';
import { startChromium } from '../fixtures/chromium.ts';
import {
  checkFits,
  checkLooks,
  litState,
  openTab,
  pointsOf,
  submitCounter,
} from './console-fixture.ts';
import { startYard, until } from './yard.ts';

/** Fails the first time; its words are bold and red. */
const flaky = [
  'for i in 1 2 3; do echo "loss=0.$i step=$RUNYARD_ATTEMPT$i"; done',
  String.raw`printf '\033[1;31mthis is attempt %s\033[0m of \033]8;;http://x\007two\033]8;;\007\n' $RUNYARD_ATTEMPT`,
  '[ "$RUNYARD_ATTEMPT" = 2 ] || exit 3',
].join('; ');
const rules = [
  { key: 'loss', below: 0.01 },
  { key: 'loss', above: 100 },
] as const;

test('an earlier attempt is looked at, and another run like it is submitted', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { client, home } = yard;
    const base = { cwd: home, env: { PATH: process.env.PATH ?? '' } };
    const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];
    const { run_id: id } = await client.submit({
      ...base,
      command: sh(flaky),
      name: 'flaky',
      retry: { max: 1, on: [3], backoff_s: 0 },
      stop_when: rules,
    });
    assert.equal((await client.wait(id)).attempt, 2);
    const tab = await openTab(browser, yard);
    const { page, origin, complaints } = tab;

    // The latest attempt, then the one before: lines without escapes, bold as it was, points of its own.
    await page.goto(`${origin}/run/${id}?tab=logs`);
    const log = page.getByRole('log');
    await log.getByText('this is attempt 2', { exact: true }).waitFor();
    assert.equal(await log.locator('.bold').textContent(), 'this is attempt 2');
    await page.getByLabel('attempt', { exact: true }).selectOption('1');
    await page.waitForURL(/attempt=1/);
    await log.getByText('this is attempt 1', { exact: true }).waitFor();
    const lines = await page.locator('.line .text').allInnerTexts();
    assert.equal(lines.at(-1), 'this is attempt 1 of two');
    await until(async () => (await pointsOf(page, 'loss')) === 3, 'its points');
    await page.getByRole('figure', { name: 'curve of loss' }).getByText('step 13').waitFor();
    await checkFits(tab, 'run-attempt');
    await checkLooks(tab, 'run-attempt');

    // Scrubbed back into the first attempt, everything is of that attempt by itself.
    await page.goto(`${origin}/run/${id}?tab=logs`);
    await log.getByText('this is attempt 2', { exact: true }).waitFor();
    assert.match(await page.title(), /^✓ flaky/);
    await page.getByRole('slider', { name: 'moment' }).press('Home');
    await log.getByText('this is attempt 1', { exact: true }).waitFor();
    await page.keyboard.press('l');
    await log.getByText('this is attempt 2', { exact: true }).waitFor();

    // What is asked for and cannot be had is told, and takes nothing else with it.
    const long = 'x'.repeat(600);
    await page.goto(`${origin}/run/${id}?keys=${long},loss`);
    await page.getByText(/No more points come/).waitFor();
    await until(async () => (await pointsOf(page, 'loss')) === 3, 'the points of loss');

    // One like it: all rules are kept, and can be left out.
    await page.keyboard.press('e');
    await page.waitForURL(`**/submit?like=${id}`);
    await page.getByLabel('environment').waitFor();
    const more = page.getByRole('list', { name: 'further rules' });
    await more.getByText(JSON.stringify(rules[1])).waitFor();
    await checkFits(tab, 'submit-like');
    await checkLooks(tab, 'submit-like');
    await page.getByLabel('name', { exact: true }).fill('other');
    const button = page.getByRole('button', { name: 'Submit', exact: true });
    await page.getByText('starts at once').waitFor();
    await button.click();
    await page.waitForURL(/\/run\/[a-z2-7]{8}$/);
    await page.getByRole('heading', { name: 'other' }).waitFor();
    const other = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    const details = await page.request.get(`${origin}/api/runs/${other}`);
    const { config_json: text } = (await details.json()) as { config_json: string };
    assert.deepEqual(JSON.parse(text).stop_when, rules);
    // The one that is refused is told to the browser too.
    assert.deepEqual(
      complaints.filter((each) => !each.includes('400')),
      [],
    );
  } finally {
    await browser.close();
  }
});

test('a run that is over is retried by a button, and many from the list', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { client, home } = yard;
    const base = { cwd: home, env: { PATH: process.env.PATH ?? '' } };
    const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];
    const { run_id: other } = await client.submit({ ...base, command: ['true'] });
    await client.wait(other);
    const { page, origin, complaints } = await openTab(browser, yard);
    await page.goto(`${origin}/run/${other}`);
    await litState(page, 'done.completed');
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.getByText('retry of').waitFor();
    await page.getByRole('link', { name: other, exact: true }).waitFor();
    const again = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    assert.equal((await client.wait(again)).retry_of, other);
    const bad = await client.submit({ ...base, command: sh('exit 1'), name: 'bad' });
    const worse = await client.submit({ ...base, command: sh('exit 2'), name: 'worse' });
    for (const { run_id: each } of [bad, worse]) await client.wait(each);
    await page.goto(`${origin}/runs?status=failed`);
    await page.getByRole('link', { name: 'worse' }).waitFor();
    await page.getByRole('link', { name: 'bad' }).waitFor();
    for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key);
    await page.getByRole('button', { name: 'Retry 2' }).waitFor();
    await page.keyboard.press('r');
    await page.getByText('2 runs submitted again').waitFor();
    const found = await Array.fromAsync(client.list({ all: true }));
    assert.deepEqual(
      found.flatMap(({ retry_of: of }) => (of === '' || of === other ? [] : [of])).sort(),
      [bad.run_id, worse.run_id].sort(),
    );
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});

test('a tab that nobody sees gives up its line, and misses nothing; who logs out is out in every tab', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { page, context, origin } = await openTab(browser, yard);
    await page.getByText('runyard run --').waitFor();
    const isStream = (request: Request): boolean => request.url().includes('/api/stream');
    const given = page.waitForEvent('requestfailed', isStream);
    const look = (state: 'hidden' | 'visible') =>
      page.evaluate(`{
        Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }`);
    await page.evaluate('window.stayed = true');
    await look('hidden');
    await given;
    const counter = await submitCounter(yard, 'unseen');
    counter.finish();
    await yard.events(counter.id);
    assert.equal(await page.getByRole('link', { name: 'unseen' }).count(), 0);
    assert.equal(await page.getByText('Connection lost').count(), 0);
    const resumed = page.waitForEvent('request', isStream);
    await look('visible');
    assert.match((await resumed).url(), /pos=\d+/);
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'unseen' }) });
    await row.getByText('completed').waitFor();
    assert.equal(await page.evaluate('window.stayed'), true);

    const second = await context.newPage();
    await second.goto(`${origin}/yard`);
    await second.getByRole('heading', { name: 'test', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out').waitFor();
    await second.getByText('Nobody is logged in here').waitFor();
    assert.equal((await page.request.get(`${origin}/api/health`)).status(), 401);
  } finally {
    await browser.close();
  }
});
