import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { checkLooks, openTab } from './console-fixture.ts';
import { startYard } from './yard.ts';

test('a link opens the console once; without one the page says how to get in', async (t) => {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    const { url } = await yard.client.openConsole();
    const outside = await openTab(browser, yard);
    await outside.context.clearCookies();
    await outside.page.goto(`${outside.origin}/runs`);
    await outside.page.getByText('runyard console', { exact: true }).waitFor();
    await checkLooks(outside, 'logged-out');

    // The link, opened in that very tab.
    await outside.page.goto(url);
    await outside.page.getByRole('navigation', { name: 'pages' }).waitFor();
    assert.doesNotMatch(outside.page.url(), /login/);
    assert.equal(new URL(outside.page.url()).hash, '');
    await outside.page.reload();
    await outside.page.getByRole('navigation', { name: 'pages' }).waitFor();

    // Behind another port of `ssh -L` the browser has the cookie and not what goes with it: a link heals that.
    await outside.page.evaluate("localStorage.removeItem('runyard.csrf')");
    await outside.page.goto((await yard.client.openConsole()).url);
    await outside.page.waitForFunction("localStorage.getItem('runyard.csrf') !== null");

    const late = await (await browser.newContext()).newPage();
    await late.goto(url);
    await late.getByText('this link was used').waitFor();

    const looking = await openTab(browser, yard, { viewer: true });
    await looking.page.getByText('viewer', { exact: true }).waitFor();
    for (const place of ['Compare', 'Yard', 'Submit', 'Runs']) {
      await looking.page.getByRole('link', { name: place, exact: true }).click();
      await looking.page.waitForURL(`**/${place.toLowerCase()}`);
    }
    assert.deepEqual(looking.complaints, []);
  } finally {
    await browser.close();
  }
});
