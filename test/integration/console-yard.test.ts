import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { checkFits, checkLooks, openTab } from './console-fixture.ts';
import { startYard, until } from './yard.ts';

const sleeper = ['sh', '-c', 'sleep 600'];

test('the yard shows who has what, who waits and why, and drains and resumes', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard({ RUNYARD_GPUS: 'fake:3x24GiB' });
    const { client } = yard;
    const submit = async (name: string, rest: object): Promise<string> =>
      (await client.submit({ command: sleeper, cwd: '/tmp', name, ...rest }, { env: {} })).run_id;
    const whole = await submit('whole', { gpus: 1 });
    const halves = [
      await submit('half-a', { gpus: 0.5 }),
      await submit('half-b', { gpus: 0.25, gpu_memory_mib: 4096 }),
    ];
    for (const run of [whole, ...halves]) {
      await until(async () => (await client.get(run)).state === 'running.live', `${run} to start`);
    }
    const late = await submit('late', { gpus: 3 });
    const urgent = await submit('urgent', { gpus: 2, priority: 5 });
    await submit('held', { hold: true });

    const tab = await openTab(browser, yard);
    const { page } = tab;
    await page.keyboard.press('g');
    await page.keyboard.press('y');
    await page.getByRole('heading', { name: 'test', exact: true }).waitFor();
    const queue = page.getByRole('region', { name: 'queue' });
    await queue.getByRole('row', { name: /urgent/ }).waitFor();
    // By priority, then by the earlier submit.
    await until(async () => {
      const rows = await queue.locator('tbody tr td:nth-child(2)').allInnerTexts();
      return rows.join() === 'urgent,late,held';
    }, 'the order of the queue');
    const sentence = (await client.get(urgent)).why.split(';')[0] ?? '';
    assert.match(sentence, /needs 2 GPUs/);
    await queue.getByText(sentence).first().waitFor();
    const gpu = (index: number) => page.getByRole('group', { name: `GPU ${index}` });
    const shared = page.locator('.gpu', { hasText: 'half-a' });
    assert.equal(await shared.locator('.held').count(), 2);
    await page.locator('.gpu', { hasText: 'whole' }).getByText('held').waitFor();
    await page.getByLabel('chart of the daemon: serving.ok').waitFor();
    await page.locator('[data-state="serving.ok"].active').waitFor();
    // What the bus holds, and who reads it: as the API tells.
    const streams = page.getByRole('region', { name: 'streams' });
    await streams.getByRole('row', { name: /^TEST_EVENTS/ }).waitFor();
    assert.equal(await streams.locator('tbody tr').count(), 6);
    await client.exportReader('board', { expiresS: 3600 });
    const subscribers = page.getByRole('region', { name: 'subscribers' });
    await subscribers.getByText('board').waitFor();
    await checkFits(tab, 'yard');
    await checkLooks(tab, 'yard');

    // A GPU is drained with a reason, which everybody sees; and given out again.
    await gpu(2).getByRole('button', { name: 'Drain …' }).click();
    await page.getByLabel('Why, for those who wait').fill('new fans');
    await page.keyboard.press('Enter');
    await gpu(2)
      .getByText(/drained by .*: new fans/)
      .waitFor();
    const states = await Array.fromAsync(client.gpus(), ({ state }) => state);
    assert.equal(states[2], 'drained');
    // The whole yard, by the keyboard alone.
    await page.locator('main').focus();
    await page.keyboard.press('d');
    await page.getByLabel('Why, for those who wait').waitFor();
    await page.keyboard.type('power at six');
    await page.keyboard.press('Enter');
    await page.getByText(/Nothing new starts: drained by .*: power at six/).waitFor();
    await checkLooks(tab, 'yard-drained');
    await gpu(2).getByRole('button', { name: 'Resume' }).click();
    await gpu(2).getByText(/free$/).waitFor();
    await page.locator('main').focus();
    await page.keyboard.press('d');
    await page.getByText(/Nothing new starts/).waitFor({ state: 'detached' });
    assert.equal((await client.health()).drained, '');

    // What ends makes room, and the page goes on by itself.
    await client.stop(whole, { now: true });
    await queue.getByRole('row', { name: /urgent/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/run/${late}`);

    const looking = await openTab(browser, yard, { viewer: true });
    await looking.page.getByRole('link', { name: 'Yard', exact: true }).click();
    await looking.page.getByRole('group', { name: 'GPU 0' }).waitFor();
    assert.equal(await looking.page.getByRole('button', { name: /Drain/ }).count(), 0);
    await looking.page.getByRole('row', { name: /^TEST_EVENTS/ }).waitFor();
    assert.equal(await looking.page.getByText('board').count(), 0);
    assert.deepEqual([...tab.complaints, ...looking.complaints], []);
  } finally {
    await browser.close();
  }
});
