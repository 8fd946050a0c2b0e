import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { startChromium } from '../fixtures/chromium.ts';
import { consoleOf } from './http-fixture.ts';
import { startYard, type Yard } from './yard.ts';

/** What a script of a page gets to know. */
type Got = { status: number; text: string } | { failed: string };

function fetched(page: Page, url: string, how: object = {}): Promise<Got> {
  return page.evaluate(
    async ({ url, how }) => {
      try {
        const answer = await fetch(url, { credentials: 'include', ...how });
        return { status: answer.status, text: await answer.text() };
      } catch (error) {
        return { failed: String(error) };
      }
    },
    { url, how },
  );
}

/** The page exchanges the link by itself, and keeps what is to go with each change. */
async function logIn(context: BrowserContext, yard: Yard): Promise<{ page: Page; csrf: string }> {
  const { url } = await yard.client.openConsole();
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole('navigation', { name: 'pages' }).waitFor();
  return { page, csrf: await page.evaluate<string>("localStorage.getItem('runyard.csrf')") };
}

/** A site of somebody else's on this machine: its pages are empty. */
async function startSite(): Promise<{ port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>a game</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a name that leads here, and pages of other origins, get nothing of a browser that is logged in', async (t) => {
  const browser = await startChromium([
    '--host-resolver-rules=MAP evil.test 127.0.0.1',
    // The browser's own defence, which not every browser has: ours has to do.
    '--disable-features=LocalNetworkAccessChecks',
  ]);
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    await using yard = await startYard();
    await using site = await startSite();
    const address = await consoleOf(yard);
    const port = address.split(':')[1] ?? '';
    const context = await browser.newContext();
    const { page, csrf } = await logIn(context, yard);
    const { run_id: run } = await yard.client.submit({ command: ['true'], cwd: yard.home });

    // What the page itself may: else nothing below would mean anything.
    const own = await fetched(page, '/api/runs?all=true');
    assert('text' in own && own.text.includes(run), JSON.stringify(own));
    const drain = (how: object) => ({ method: 'POST', body: '{"on":true}', ...how });
    const isDrained = async () =>
      (await yard.client.health()).state.includes('drain') ||
      (await planText(yard)).includes('drain');
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict']);
    assert.equal(await page.evaluate('document.cookie'), '');

    // Rebinding: a page that came from evil.test before that name led here, on our very port.
    const rebound = await context.newPage();
    await rebound.route(`http://evil.test:${port}/game`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>a game</title>' }),
    );
    await rebound.goto(`http://evil.test:${port}/game`);
    for (const place of ['/api/runs', '/api/health', '/api/openapi.json', '/']) {
      const got = await fetched(rebound, place);
      assert('status' in got && got.status === 403, `${place}: ${JSON.stringify(got)}`);
      assert(!got.text.includes(run));
    }
    const direct = await rebound.goto(`http://evil.test:${port}/`);
    assert.equal(direct?.status(), 403);

    // Another origin: of another site, and of this one on another port, to which our cookie is sent.
    for (const host of ['evil.test', '127.0.0.1']) {
      const other = await context.newPage();
      await other.goto(`http://${host}:${site.port}/`);
      const places = [`http://127.0.0.1:${port}/api/runs`, `http://localhost:${port}/api/runs`];
      for (const place of places) {
        const got = await fetched(other, place);
        assert('failed' in got, `${host} read ${place}: ${JSON.stringify(got)}`);
      }
      for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded']) {
        const headers = { 'content-type': type, 'x-runyard-csrf': csrf };
        await fetched(other, `http://127.0.0.1:${port}/api/drain`, drain({ headers }));
        const simple = { mode: 'no-cors', headers: { 'content-type': 'text/plain' } };
        await fetched(other, `http://127.0.0.1:${port}/api/drain`, drain(simple));
      }
      const framed = await other.evaluate(framing(`http://127.0.0.1:${port}/`));
      assert.equal(framed, false);
      const stream = await other.evaluate(
        (url) =>
          new Promise<string>((resolve) => {
            const source = new EventSource(url, { withCredentials: true });
            source.onerror = () => {
              source.close();
              resolve('refused');
            };
            source.addEventListener('hello', () => resolve('open'));
          }),
        `http://127.0.0.1:${port}/api/stream`,
      );
      assert.equal(stream, 'refused', host);
    }
    assert.equal(await isDrained(), false, 'another origin changed something');

    // And the page's own stream opens, and its own change is made.
    const hello = await page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          const source = new EventSource('/api/stream');
          source.addEventListener('hello', (event) => {
            source.close();
            resolve((event as unknown as { data: string }).data);
          });
        }),
    );
    assert.match(hello, /"stream"/);
    const headers = { 'content-type': 'application/json', 'x-runyard-csrf': csrf };
    const done = await fetched(page, '/api/drain', drain({ headers }));
    assert('status' in done && done.status === 200, JSON.stringify(done));
    assert.equal(await isDrained(), true);
  } finally {
    await browser.close();
  }
});

/** Why a run would not start now. */
async function planText(yard: Yard): Promise<string> {
  const plan = await yard.client.plan({ command: ['true'], cwd: yard.home });
  return `${plan.verdict}: ${plan.text}`;
}

/** A script that says whether the console's page can be had in a frame. */
function framing(src: string): string {
  return `new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.onload = () => {
      try {
        // An error page of the browser has another origin, and no document of ours.
        resolve(frame.contentDocument?.title === 'Runyard');
      } catch {
        resolve(false);
      }
    };
    frame.src = ${JSON.stringify(src)};
    document.body.append(frame);
  })`;
}
