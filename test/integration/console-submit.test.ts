import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { checkFits, checkLooks, openTab } from './console-fixture.ts';
import { startYard, until } from './yard.ts';

test('the form says as one types what would become of it, and leads to the run', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard({ RUNYARD_GPUS: 'fake:1x24GiB' });
    const { client, home } = yard;
    const tab = await openTab(browser, yard);
    const { page } = tab;
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    const command = page.getByLabel('command', { exact: true });
    await command.waitFor();
    const aside = page.getByRole('complementary', { name: 'what would become of it' });
    await aside.getByText('Type a command').waitFor();
    await checkFits(tab, 'submit');
    await checkLooks(tab, 'submit-empty');

    // By the keyboard: into the command, and on with the tabulator.
    await page.keyboard.press('i');
    await page.keyboard.type("no-such-program --name 'two words'");
    await page.keyboard.press('Tab');
    await page.keyboard.type(home);
    const field = page.locator('[data-field="/command"]');
    await field.getByText(/"no-such-program" must be an executable file/).waitFor();
    await aside.getByText('refused:').waitFor();
    // Rules of the schema, each beside its field, also where it was folded away.
    await command.fill(`sh -c 'echo "loss=$N step=1"; sleep 600' 'it'\\''s'`);
    await page.getByLabel('name', { exact: true }).fill('my first');
    await page.getByLabel('priority').fill('1000');
    await page.getByLabel('attempts after the first').fill('many');
    // What is said beside fields moves it: a press of the mouse could miss it.
    await page.getByText('More', { exact: true }).press('Enter');
    await page.getByLabel('CPU slots').fill('0');
    await page
      .locator('[data-field="/name"]')
      .getByText(/must match/)
      .waitFor();
    await page
      .locator('[data-field="/priority"]')
      .getByText(/must be <= 100/)
      .waitFor();
    await page
      .locator('[data-field="/retry/max"]')
      .getByText(/must be integer/)
      .waitFor();
    await page
      .locator('[data-field="/cpus"]')
      .getByText(/must be >= 1/)
      .waitFor();
    await aside.getByText('4 fields say why').waitFor();
    await page.locator('.submit .form').evaluate('document.querySelector("main").scrollTo(0, 0)');
    await checkLooks(tab, 'submit-refused');

    await page.getByLabel('name', { exact: true }).fill('first');
    await page.getByLabel('priority').fill('3');
    await page.getByLabel('attempts after the first').fill('2');
    await page.getByLabel('CPU slots').fill('');
    await page.getByLabel('environment').fill('N=0.5\nEMPTY=');
    await page.getByLabel('GPUs', { exact: true }).fill('1');
    await aside.getByText('starts at once').waitFor();
    await aside.getByText('on GPU 0').waitFor();
    await page.locator('[data-field="/name"] .said').waitFor({ state: 'detached' });

    // Somebody else takes the GPU: the answer changes without a key pressed.
    const other = { command: ['sleep', '600'], cwd: home, gpus: 1, name: 'other' };
    const { run_id: taken } = await client.submit(other, { env: {} });
    await aside.getByText('waits:').waitFor();
    await aside.getByText(new RegExp(`held by run ${taken}`)).waitFor();
    await checkLooks(tab, 'submit-waits');
    await client.stop(taken, { now: true });
    await aside.getByText('starts at once').waitFor();

    await page.keyboard.press('Control+Enter');
    await page.waitForURL('**/run/*');
    const id = page.url().split('/').at(-1) ?? '';
    const got = await page.request.get(`${tab.origin}/api/runs/${id}`);
    const details = (await got.json()) as { config_json: string };
    assert.deepEqual(JSON.parse(details.config_json), {
      ...JSON.parse(details.config_json),
      command: ['sh', '-c', 'echo "loss=$N step=1"; sleep 600', "it's"],
      cwd: home,
      name: 'first',
      priority: 3,
      gpus: 1,
      env: { N: '0.5', EMPTY: '' },
      retry: { max: 2 },
    });
    await until(async () => (await client.get(id)).state === 'running.live', 'its start');
    await page.getByRole('heading', { name: 'first' }).waitFor();

    // One like it: the form is filled in, and says what it waits for.
    await page.goto(`${tab.origin}/submit?like=${id}`);
    await page.getByLabel('environment').waitFor();
    assert.equal(await page.getByLabel('environment').inputValue(), 'N=0.5\nEMPTY=');
    assert.equal(await page.getByLabel('attempts after the first').inputValue(), '2');
    await aside.getByText(new RegExp(`held by run ${id}`)).waitFor();

    const looking = await openTab(browser, yard, { viewer: true });
    await looking.page.getByRole('link', { name: 'Submit', exact: true }).click();
    await looking.page.getByLabel('command', { exact: true }).fill('sleep 1');
    await looking.page.getByText('starts at once').waitFor();
    assert.ok(await looking.page.getByRole('button', { name: 'Submit' }).isDisabled());
    // What is refused as one types is told by the browser too.
    const refusal = /status of 400/;
    const others = [...tab.complaints, ...looking.complaints].filter((each) => !refusal.test(each));
    assert.deepEqual(others, []);
  } finally {
    await browser.close();
  }
});
