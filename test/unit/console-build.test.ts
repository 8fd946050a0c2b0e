import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { firstPageBytes, firstPageMost } from '../../scripts/console.ts';

const dir = path.join(import.meta.dirname, '../../dist/console');

test('JavaScript of the first page stays within its limit, whichever page that is', () => {
  const bytes = firstPageBytes(dir);
  assert(bytes > 50_000, `${bytes} bytes are no page`);
  assert(bytes <= firstPageMost, `${bytes} bytes`);
});

test('the page has no script of its own within it, and each of its files lies compressed beside it', () => {
  const index = fs.readFileSync(path.join(dir, 'index.html'), 'utf8');
  const scripts = [...index.matchAll(/<script[^>]*>([^<]*)/g)];
  assert(scripts.length >= 2);
  for (const [tag, text] of scripts) {
    assert.match(tag, /src="/);
    assert.equal(text, '');
  }
  const files = fs.readdirSync(path.join(dir, 'assets')).filter((name) => /\.(js|css)$/.test(name));
  for (const name of files) {
    for (const ending of ['br', 'gz']) {
      assert(fs.existsSync(path.join(dir, 'assets', `${name}.${ending}`)), `${name}.${ending}`);
    }
  }
});
