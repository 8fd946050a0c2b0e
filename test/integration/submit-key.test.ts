import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startYard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

test('submits under one key at the same time give one run', async () => {
  await using yard = await startYard();
  const config = { command: ['true'], cwd: yard.home };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => yard.client.submit(config, { env, key: 'nightly' })),
  );
  assert.equal(new Set(answers.map(({ run_id: id }) => id)).size, 1);
  assert.equal(answers.filter(({ created }) => created).length, 1);
  assert.deepEqual(fs.readdirSync(path.join(yard.home, 'runs')), [answers[0]?.run_id]);
  await yard.client.wait('@last');
});
