import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { eventsListed, litState, openTab, pointsOf, submitCounter } from './console-fixture.ts';
import { startYard, until } from './yard.ts';

test('a run appears, its chart moves and its curve grows; it is scrubbed back like a film, and another one is stopped', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { page, complaints } = await openTab(browser, yard);
    await page.getByText('runyard run --').waitFor();
    const counter = await submitCounter(yard, 'counter');
    const { id: other } = await submitCounter(yard, 'other');
    await submitCounter(yard, 'waits', { hold: true });

    // The list fills by itself; the chart of all runs counts them, and a press of a state filters.
    const live = page.locator('.fleet [data-state="running.live"]');
    await live.getByText('2').waitFor();
    await live.press('Enter');
    await page.waitForURL(/state=running\.live/);
    const rows = page.getByRole('grid', { name: 'runs' }).getByRole('row');
    // The head, and the two that run.
    await until(async () => (await rows.count()) === 3, 'the one that waits to be left out');
    await page.getByRole('link', { name: 'counter' }).click();

    await litState(page, 'running.live');
    await until(async () => (await pointsOf(page, 'loss')) > 3, 'the first points');
    const few = await pointsOf(page, 'loss');
    await until(async () => (await pointsOf(page, 'loss')) > few + 10, 'the curve to grow');

    // Its worker is heard again and again, which is no event of it.
    const heard = page.getByTitle('when its worker was heard last').locator('time');
    await heard.waitFor();
    const before = await heard.getAttribute('datetime');
    await until(async () => (await heard.getAttribute('datetime')) !== before, 'a later heartbeat');

    // Back, event by event, to the submit: the chart, the address and the cross-hair's value are of then.
    const first = page.getByRole('list', { name: 'events' }).getByRole('button').first();
    for (let i = 0; i < 5; i += 1) await page.keyboard.press('[');
    assert.equal(await first.getAttribute('aria-current'), 'step');
    await litState(page, 'queued');
    assert.equal(await page.locator('.run-chart [data-state="running.live"].active').count(), 0);
    await page.getByRole('heading', { name: 'run.submit' }).waitFor();
    await page.waitForURL(/at=\d+\.1$/);
    assert.equal(await page.getByTestId('value loss').textContent(), '–');
    await page.keyboard.press(']');
    await litState(page, 'allocating');
    // Sent to somebody, the address shows the same moment.
    await page.waitForURL(/at=\d+\.2$/);
    await page.reload();
    await litState(page, 'allocating');

    // The timeline is dragged: lines are of that moment.
    await page.keyboard.press('2');
    await page.waitForURL(/tab=logs/);
    const bar = page.getByRole('slider', { name: 'moment' });
    const box = await bar.boundingBox();
    assert(box !== null);
    await page.mouse.move(box.x + box.width * 0.9, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 10, { steps: 4 });
    await page.mouse.up();
    await litState(page, 'running.live');
    const lit = page.locator('.line.at');
    await lit.waitFor();
    assert.match((await lit.textContent()) ?? '', /loss=|checkpoint/);
    assert.notEqual(await page.getByTestId('value loss').textContent(), '–');

    // Live again by a key: the last line is followed, also the one that comes next.
    await page.keyboard.press('l');
    await page.getByText('following').waitFor();
    counter.finish();
    await litState(page, 'done.completed');
    await page.getByRole('log').getByText('loss=nan').waitFor();
    await until(async () => (await page.getByTestId('value loss').textContent()) === 'NaN', 'NaN');

    // Searched: only lines with it, and their count.
    await page.keyboard.press('/');
    await page.keyboard.type('CHECKPOINT 10');
    await page.getByText(/^\d+ lines with it/).waitFor();
    const texts = await page.locator('.line .text').allInnerTexts();
    assert(texts.length > 0);
    for (const text of texts) assert.match(text, /checkpoint 10/);

    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    const told = (await yard.events(counter.id)).map(({ seq }) => seq);
    await until(async () => (await eventsListed(page)).length === told.length, 'all events');
    assert.deepEqual(await eventsListed(page), told);

    // The other one is stopped from the list, with a reason.
    await page.keyboard.press('u');
    await page.getByRole('link', { name: 'other' }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('s');
    await page.getByLabel('Why, for whoever').fill('wrong seed');
    await page.keyboard.press('Enter');
    const row = rows.filter({ has: page.getByRole('link', { name: 'other' }) });
    await row.getByText('cancelled').waitFor();
    const stopped = await yard.client.get(other);
    assert.equal(stopped.stop_reason, 'wrong seed');
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});

test('a viewer is shown no way to change anything, and what it asks all the same is refused', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { id } = await submitCounter(yard, 'watched');
    const { page, origin } = await openTab(browser, yard, { viewer: true });
    await page.goto(`${origin}/run/${id}`);
    await litState(page, 'running.live');
    assert.equal(await page.getByRole('button', { name: 'Stop …' }).count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Pause', exact: true }).count(), 0);
    await page.goto(`${origin}/runs`);
    await page.getByRole('link', { name: 'watched' }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('s');
    await page.getByText('may look and change nothing').waitFor();
    // Past the page, with all that a viewer's tab has.
    const csrf = await page.evaluate<string>("localStorage.getItem('runyard.csrf')");
    const answer = await page.request.post(`${origin}/api/runs/${id}/stop`, {
      data: {},
      headers: { 'x-runyard-csrf': csrf, origin },
    });
    assert.equal(answer.status(), 403);
    assert.equal((await yard.client.get(id)).status, 'running');
  } finally {
    await browser.close();
  }
});
