import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { checkFits, checkLooks, openTab } from './console-fixture.ts';
import { startYard, until } from './yard.ts';

/** A curve that rises to a height, with some noise that is the same each time. */
const trainer = (seed: number, height: number, points: number): string[] => [
  'awk',
  `BEGIN { for (i = 1; i <= ${points}; i++) printf "return=%.4f loss=%.5f step=%d\\n", ${height} * (1 - exp(-i / ${points / 5})) + 6 * sin(i * ${seed}.7), 2 * exp(-i / ${points / 4}) + 0.01 * ${seed}, i }`,
];

test('runs and groups are compared: curves, means over seeds, a table with the best', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard({ RUNYARD_PARALLEL: '4' });
    const { client } = yard;
    const ids: string[] = [];
    for (const [lr, height] of [
      ['0.001', 100],
      ['0.01', 160],
    ] as const) {
      for (const seed of [1, 2, 3]) {
        const config = {
          command: trainer(seed, height + 9 * seed, 400),
          cwd: yard.home,
          name: `lr-${lr}-s${seed}`,
          group: 'sweep1',
          params: { lr, seed: String(seed) },
        };
        ids.push((await client.submit(config, { env: {} })).run_id);
      }
    }
    const long = { command: trainer(9, 130, 6000), cwd: yard.home, name: 'long' };
    const { run_id: longId } = await client.submit(long, { env: {} });
    for (const id of [...ids, longId]) assert.equal((await client.wait(id)).status, 'completed');

    // What a page asks for first is thinned as a whole then.
    await until(
      async () => {
        const keys = await Array.fromAsync(client.metricKeys([longId], { key: 'return' }));
        return keys[0]?.count === 6000;
      },
      'all points',
      60_000,
    );

    const tab = await openTab(browser, yard);
    const { page } = tab;
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await page.getByRole('link', { name: 'g:sweep1' }).waitFor();
    await page.getByRole('checkbox', { name: /lr-0.01-s3/ }).waitFor();
    await checkLooks(tab, 'compare-choose');
    await page.getByRole('link', { name: 'g:sweep1' }).click();

    // Means over seeds first, where there are seeds.
    const figure = page.getByRole('figure', { name: 'curves of return' });
    await figure.getByText('2,400 points').waitFor();
    const rows = page.locator('tbody tr');
    await page.getByRole('columnheader', { name: 'mean ± std' }).waitFor();
    assert.equal(await rows.count(), 2);
    assert.match((await rows.nth(1).textContent()) ?? '', /^B1 2 30\.01\d+[\d.]* ± [\d.]+/);
    await rows.nth(1).locator('.best').getByText('★').waitFor();
    await checkFits(tab, 'compare');
    await checkLooks(tab, 'compare-means');
    await page.getByLabel('smoothing').selectOption('smoothed');

    // Each run, by the keyboard; the best of all is marked once.
    await page.locator('main').focus();
    await page.keyboard.press('m');
    await page.getByRole('columnheader', { name: 'seed' }).waitFor();
    assert.equal(await rows.count(), 6);
    assert.equal(await page.locator('td.best').count(), 1);
    await page.getByLabel('add a metric').selectOption('loss');
    await page.getByRole('figure', { name: 'curves of loss' }).waitFor();
    // For a loss the least is the best.
    assert.equal(await page.locator('td.best').count(), 2);
    await page.keyboard.press('Escape');
    await page.locator('main').focus();
    await page.keyboard.press('L');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.locator('tr.at', { hasText: 'lr-0.001-s2' }).waitFor();
    await checkLooks(tab, 'compare-each');
    const address = new URL(page.url());
    assert.equal(address.searchParams.get('log'), 'on');
    assert.equal(address.searchParams.get('keys'), 'return,loss');
    await page.reload();
    await page.getByRole('figure', { name: 'curves of loss' }).waitFor();
    await page.keyboard.press('w');
    await page.waitForURL(/x=wall/);

    // By id and by name; a thinned history says so; what is not there is told, and the rest is shown.
    await page.goto(`${tab.origin}/compare?runs=${ids[0]},long,nobody`);
    await page.getByText(/thinned: .* of 6,400/).waitFor();
    await page.getByText(/nobody/).waitFor();
    assert.equal(await rows.count(), 2);
    await page.goto(`${tab.origin}/compare?group=none`);
    await page.getByText('there is no run of the group none').waitFor();

    // A run that lives grows.
    const live = {
      command: [
        'sh',
        '-c',
        'i=0; while :; do i=$((i+1)); echo "return=$i step=$i"; sleep 0.1; done',
      ],
      cwd: yard.home,
      name: 'grows',
    };
    await client.submit(live, { env: {} });
    await page.goto(`${tab.origin}/compare?runs=grows,${ids[5]}`);
    const points = page.locator('figcaption');
    await points.getByText(/points/).waitFor();
    const before = await points.textContent();
    await until(async () => (await points.textContent()) !== before, 'more points');
    // The one that asked for `nobody`.
    const missing = /status of 404/;
    assert.deepEqual(
      tab.complaints.filter((text) => !missing.test(text)),
      [],
    );
  } finally {
    await browser.close();
  }
});
