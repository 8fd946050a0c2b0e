import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { eventsListed, litState, openTab, pointsOf, submitCounter } from './console-fixture.ts';
import { startYard, until } from './yard.ts';

test('a laptop that was closed while the daemon was killed and started again misses nothing', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const counter = await submitCounter(yard, 'counter');
    const { page, context, origin, complaints } = await openTab(browser, yard);
    await page.goto(`${origin}/run/${counter.id}`);
    await litState(page, 'running.live');
    await until(async () => (await pointsOf(page, 'loss')) > 3, 'the first points');
    // What a page that was loaded anew would not have.
    await page.evaluate('window.stayed = true');

    await context.setOffline(true);
    await page.getByText('Connection lost since').waitFor();
    await yard.crash();
    await yard.up();
    await yard.client.pause(counter.id);
    await until(
      async () => (await yard.client.get(counter.id)).state === 'running.paused.confirmed',
      'the pause',
    );
    await yard.client.resume(counter.id);
    await until(
      async () => (await yard.client.get(counter.id)).state === 'running.live',
      'the going on',
    );
    counter.finish();
    const told = (await yard.events(counter.id)).map(({ seq }) => seq);
    const { run_id: later } = await yard.client.submit({
      command: ['true'],
      cwd: yard.home,
      name: 'later',
    });
    await yard.events(later);

    await context.setOffline(false);
    await litState(page, 'done.completed');
    await until(
      async () => (await page.getByText('Connection lost since').count()) === 0,
      'the line',
    );
    await until(async () => (await eventsListed(page)).length === told.length, 'all events');
    assert.deepEqual(await eventsListed(page), told);
    // It was in `paused` meanwhile, and the chart knows.
    await page.locator('.run-chart [data-state="running.paused"] .said').waitFor();
    // Each point once.
    let there = 0;
    for await (const batch of yard.client.metrics(counter.id, { key: 'loss' }))
      there += batch.points.length;
    await until(async () => (await pointsOf(page, 'loss')) === there, 'all points');
    await page.keyboard.press('u');
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'later' }) });
    await row.getByText('completed').waitFor();
    assert.equal(await page.evaluate('window.stayed'), true);
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});
