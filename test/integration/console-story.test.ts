/** The whole story of an operator in one browser: a real CleanRL run, from the one-time link to its film. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { startChromium } from '../fixtures/chromium.ts';
import { pythonOr } from '../fixtures/writers.ts';
import {
  checkFits,
  checkLooks,
  eventsListed,
  litState,
  openTab,
  pointsOf,
  submitCounter,
  type Tab,
} from './console-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

/** It learns from the first thousand steps on, and films episodes 0, 1, 8, 27 …; about ten seconds. */
const cleanrl = '-m cleanrl.dqn --total-timesteps 12000 --learning-starts 1000 --capture-video';
const curve = 'charts/episodic_return';
/** It may install CleanRL first. */
const timeout = 600_000;
/** Of what others on a busy machine may hold up. */
const patienceMs = 60_000;

test('log in, submit CleanRL, watch it learn, scrub, see its film, stop another, close the laptop over a kill of the daemon', {
  timeout,
}, async (t) => {
  const python = await pythonOr(t);
  if (python === null) return;
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { client } = yard;
    const { id: other } = await submitCounter(yard, 'other');
    // The one-time link: what it carries is out of the address at once.
    const tab = await openTab(browser, yard);
    const { page, context, complaints } = tab;
    assert.equal(new URL(page.url()).hash, '');

    const id = await submitFromForm(tab, yard, python);
    await noteLit(page);
    await litState(page, 'running.live');
    await until(async () => (await pointsOf(page, curve)) > 2, 'the first returns', patienceMs);
    const few = await pointsOf(page, curve);
    await until(
      async () => (await pointsOf(page, curve)) > few + 5,
      'the curve to grow',
      patienceMs,
    );
    // Held in the middle, so that all that follows finds it there however slow this machine is.
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await litState(page, 'running.paused');
    await checkFits(tab, 'story-run');
    await checkLooks(tab, 'story-run');

    await scrub(page);
    await playFilm(tab);
    await stopOther(page, yard, other);

    // The laptop is closed; the daemon dies, another one comes, and the run goes on to its end.
    await page.goto(`${tab.origin}/run/${id}`);
    await noteLit(page);
    await litState(page, 'running.paused');
    await until(async () => (await pointsOf(page, curve)) > few, 'the curve again', patienceMs);
    await page.evaluate('window.stayed = true');
    await context.setOffline(true);
    await page.getByText('Connection lost since').waitFor();
    await yard.crash();
    await yard.up();
    await client.resume(id);
    const told = (await yard.events(id)).map(({ seq }) => seq);
    const { status, failure_reason: why } = await client.get(id);
    assert.equal(status, 'completed', JSON.stringify(why));
    await context.setOffline(false);

    // It catches up by itself, and without a gap.
    await litState(page, 'done.completed');
    await page.getByText('Connection lost since').waitFor({ state: 'detached' });
    await until(
      async () => (await eventsListed(page)).length === told.length,
      'all events',
      patienceMs,
    );
    assert.deepEqual(await eventsListed(page), told);
    assert.deepEqual(
      told,
      told.map((_, index) => index + 1),
    );
    let there = 0;
    for await (const { points } of client.metrics(id, { key: curve })) there += points.length;
    assert.ok(there > few + 5, `${there} points`);
    await until(async () => (await pointsOf(page, curve)) === there, 'all points', patienceMs);
    assert.equal(await page.evaluate('window.stayed'), true);
    // It moved under the eyes of whoever looked.
    const lit = await page.evaluate<string[]>('window.lit');
    assert.deepEqual([lit[0], lit.at(-1)], ['running.paused', 'done.completed']);
    await checkLooks(tab, 'story-over');
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});

/** By the form alone. Resolves to the run's id, with its page open. */
async function submitFromForm({ page }: Tab, yard: Yard, python: string): Promise<string> {
  const cwd = path.join(yard.home, 'project');
  fs.mkdirSync(cwd);
  await page.getByRole('link', { name: 'Submit', exact: true }).click();
  await page.getByLabel('command', { exact: true }).fill(`${python} ${cleanrl}`);
  await page.getByLabel('directory', { exact: true }).fill(cwd);
  await page.getByLabel('name', { exact: true }).fill('dqn');
  await page.getByLabel('project', { exact: true }).fill('cartpole');
  await page.getByLabel('preset', { exact: true }).selectOption('cleanrl');
  const env = ['PATH=/usr/bin:/bin', 'HOME=/nonexistent', 'SDL_VIDEODRIVER=dummy'];
  await page.getByLabel('environment').fill(env.join('\n'));
  const aside = page.getByRole('complementary', { name: 'what would become of it' });
  await aside.getByText('starts at once').waitFor();
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.waitForURL('**/run/*');
  return new URL(page.url()).pathname.split('/').at(-1) ?? '';
}

/** From now on the page keeps in `window.lit` which states of the chart were lit, one after the other. */
async function noteLit(page: Page): Promise<void> {
  await page.locator('.run-chart [data-state].active').first().waitFor();
  await page.evaluate(`{
    window.lit = [];
    const look = () => {
      const state = [...document.querySelectorAll('.run-chart [data-state].active')].at(-1)?.dataset.state;
      if (state !== undefined && state !== window.lit.at(-1)) window.lit.push(state);
    };
    look();
    new MutationObserver(look).observe(document.querySelector('.run-chart'), {
      attributes: true, attributeFilter: ['class'], subtree: true, childList: true,
    });
  }`);
}

/** Back to the submit and to the first point: the chart, the event with what the chart knew, the value are of then. */
async function scrub(page: Page): Promise<void> {
  const steps = page.getByRole('list', { name: 'events' }).getByRole('button');
  await steps.first().click();
  await litState(page, 'queued');
  assert.equal(await page.locator('.run-chart [data-state="running.paused"].active').count(), 0);
  await page.getByRole('heading', { name: 'run.submit' }).waitFor();
  await page.getByText('What the chart knew then').waitFor();
  assert.equal(await page.getByTestId(`value ${curve}`).textContent(), '–');
  await page.waitForURL(/at=\d+\.1$/);
  await page
    .getByRole('button', { name: /→ running\.live/ })
    .first()
    .click();
  await litState(page, 'running.live');
  await page.keyboard.press('l');
  await litState(page, 'running.paused');
  assert.notEqual(await page.getByTestId(`value ${curve}`).textContent(), '–');
}

/** The newest film of the run plays. */
async function playFilm(tab: Tab): Promise<void> {
  const { page } = tab;
  await page.getByRole('tab', { name: 'artifacts' }).click();
  const film = page.locator('video').last();
  await film.waitFor();
  await film.hover();
  await page.waitForFunction(
    `[...document.querySelectorAll('video')].some(
      (each) => each.currentTime > 0 && each.readyState >= 2 && each.videoWidth > 0 && each.error === null)`,
  );
  await page.mouse.move(0, 0);
  await page.waitForFunction(
    `[...document.querySelectorAll('video')].every((each) => each.paused)`,
  );
  await checkFits(tab, 'story-films');
  await checkLooks(tab, 'story-films');
}

async function stopOther(page: Page, yard: Yard, other: string): Promise<void> {
  await page.keyboard.press('u');
  await page.getByRole('link', { name: 'other' }).click();
  await litState(page, 'running.live');
  await page.getByRole('button', { name: 'Stop …' }).click();
  await page.getByLabel('Why, for whoever').fill('wrong seed');
  await page.keyboard.press('Enter');
  await litState(page, 'done.cancelled');
  const { status, stop_reason: reason } = await yard.client.get(other);
  assert.deepEqual([status, reason], ['cancelled', 'wrong seed']);
}
