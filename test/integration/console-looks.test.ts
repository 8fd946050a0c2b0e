/** Every page in light and dark: nothing for axe to find, room enough at 1280 × 720, and keys for all of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import {
  checkFits,
  checkLooks,
  litState,
  openTab,
  pointsOf,
  shoot,
  submitCounter,
} from './console-fixture.ts';
import { startYard, until } from './yard.ts';

const video = path.join(import.meta.dirname, '../fixtures/artifacts/header-first.mp4');

test('every page looks as it should, in light and dark', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const tab = await openTab(browser, yard);
    const { page, origin, complaints } = tab;
    const check = async (name: string): Promise<void> => {
      await checkFits(tab, name);
      await checkLooks(tab, name);
    };
    await page.getByText('runyard run --').waitFor();
    await check('runs-none');

    const base = { cwd: yard.home, env: { PATH: process.env.PATH ?? '' } };
    const failing = {
      command: ['sh', '-c', 'echo no >&2; exit 3'] as [string, ...string[]],
      ...base,
    };
    await yard.client.submit({ ...failing, name: 'fails', project: 'atari' });
    const { run_id: filmed } = await yard.client.submit({
      ...base,
      command: ['sh', '-c', `cp ${video} rl-video-step-100.mp4; echo loss=1 step=1`],
      isolate: true,
      artifacts: ['*.mp4'],
      name: 'filmed',
      project: 'mujoco',
      group: 'seeds',
    });
    await yard.events(filmed);
    const counter = await submitCounter(yard, 'counter', { project: 'atari' });
    await yard.client.submit({ ...base, command: ['true'], hold: true, name: 'held' });

    await page.getByRole('link', { name: 'held' }).waitFor();
    await page.locator('.fleet [data-state="running.live"]').getByText('1').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await check('runs');
    await page.keyboard.press('s');
    await page.getByRole('dialog').waitFor();
    await check('runs-stop');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await check('runs-keys');
    await page.keyboard.press('Escape');
    await page.goto(`${origin}/runs?q=nothing-like-that`);
    await page.getByText('No run is like that').waitFor();
    await check('runs-nothing-found');

    await page.goto(`${origin}/run/${counter.id}`);
    await litState(page, 'running.live');
    await until(async () => (await pointsOf(page, 'loss')) > 20, 'a curve');
    await check('run');
    await page.getByLabel('smoothing').selectOption('0.9');
    await page.keyboard.press('2');
    await page.getByRole('slider', { name: 'moment' }).press('ArrowLeft');
    await page.locator('.line.at').waitFor();
    await check('run-logs-then');
    counter.finish();
    await page.keyboard.press('l');
    await litState(page, 'done.completed');
    for (const [key, name] of [
      ['4', 'configuration'],
      ['5', 'attempts'],
      ['6', 'code'],
    ] as const) {
      await page.keyboard.press(key);
      await page.waitForURL(new RegExp(`tab=${name}`));
      await check(`run-${name}`);
    }
    await page.getByRole('button', { name: 'all states' }).click();
    await page.locator('.run-chart.whole svg').waitFor();
    await check('run-all-states');

    await page.goto(`${origin}/run/${filmed}?tab=artifacts`);
    const film = page.locator('video');
    await film.waitFor();
    await check('run-artifacts');
    const answer = await page.request.get(`${origin}${await film.getAttribute('src')}`);
    assert.equal(answer.headers()['content-type'], 'video/mp4');
    assert.deepEqual(await answer.body(), fs.readFileSync(video));

    await yard.client.remove(filmed);
    await page.getByText('This run was removed').waitFor();
    await check('run-removed');
    await page.goto(`${origin}/run/nosuchrun`);
    await page.getByText('There is no such run').waitFor();
    await check('run-missing');
    for (const place of ['compare', 'yard', 'submit']) {
      await page.goto(`${origin}/${place}`);
      await page.getByRole('main').getByRole('heading').first().waitFor();
      await check(place);
    }
    // Answers that are refusals are told to the browser's console too.
    assert.deepEqual(
      complaints.filter((text) => !text.includes('404')),
      [],
    );
    await page.goto(`${origin}/runs`);
    await page.getByRole('link', { name: 'held' }).waitFor();
    await yard.crash();
    await page.getByText('Connection lost since').waitFor();
    await checkLooks(tab, 'lost');
    await yard.up();
    await until(
      async () => (await page.getByText('Connection lost since').count()) === 0,
      'the line',
    );
  } finally {
    await browser.close();
  }
});

test('all of a run can be reached and done by keys alone', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const counter = await submitCounter(yard, 'keyed');
    const { page, complaints } = await openTab(browser, yard);
    const { keyboard } = page;
    await page.getByRole('link', { name: 'keyed' }).waitFor();
    await keyboard.press('/');
    await keyboard.type('keyed');
    await page.waitForURL(/q=keyed/);
    await keyboard.press('Escape');
    await keyboard.press('j');
    await keyboard.press('Enter');
    await litState(page, 'running.live');

    // Tab leads to the states of the chart, to the timeline and to the parts below.
    const reached = new Set<string>();
    for (let i = 0; i < 80 && !reached.has('tab'); i += 1) {
      await keyboard.press('Tab');
      reached.add(
        await page.evaluate(
          "document.activeElement?.getAttribute('data-state') !== null && document.activeElement?.closest('svg') ? 'state' : (document.activeElement?.getAttribute('role') ?? '')",
        ),
      );
    }
    for (const role of ['state', 'slider', 'tab'])
      assert(reached.has(role), [...reached].join(' '));
    await page.getByRole('slider', { name: 'moment' }).focus();
    await keyboard.press('Home');
    await litState(page, 'queued');
    await keyboard.press('End');
    await litState(page, 'running.live');
    await page.getByRole('tab', { name: 'events' }).focus();
    await keyboard.press('ArrowRight');
    await page.waitForURL(/tab=logs/);

    await keyboard.press('s');
    await page.getByRole('dialog').waitFor();
    await keyboard.type('enough');
    await keyboard.press('Enter');
    await litState(page, 'done.cancelled');
    assert.equal((await yard.client.get(counter.id)).stop_reason, 'enough');
    await shoot(page, 'run-cancelled');
    await keyboard.press('g');
    await keyboard.press('y');
    await page.waitForURL(/\/yard$/);
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});
