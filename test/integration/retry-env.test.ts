/** A retry without an environment: it gets the one that the run had, or is told why not. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RunyardError } from '../../src/errors.ts';
import { startYard, until } from './yard.ts';

test('a retry has the environment of its run: always where there was none, else while the daemon remembers it', async () => {
  await using yard = await startYard();
  const { client, home } = yard;
  const said = path.join(home, 'said');
  const command = ['sh', '-c', `echo "$SECRET" >> ${said}`] as [string, ...string[]];
  const { run_id: bare } = await client.submit({ command, cwd: home, env: { SECRET: 'open' } });
  await client.wait(bare);
  const env = { SECRET: 'hidden', PATH: process.env.PATH };
  const { run_id: own } = await client.submit({ command, cwd: home }, { env });
  const { run_dir: dir } = await client.wait(own);
  await until(() => !fs.existsSync(path.join(dir, 'env')), 'the environment to be deleted');

  const again = async (run: string): Promise<void> => {
    const { run_id: id } = await client.retry(run);
    assert.equal((await client.wait(id)).status, 'completed');
  };
  await again(own);
  await again(bare);
  assert.deepEqual(linesOf(said), ['open', 'hidden', 'hidden', 'open']);

  await yard.crash();
  await yard.up();
  await again(bare);
  assert.equal(linesOf(said).at(-1), 'open');
  await assert.rejects(client.retry(own), (error) => {
    assert.ok(error instanceof RunyardError);
    assert.equal(error.code, 'input_missing');
    assert.match(error.message, new RegExp(`runyard retry ${own}`));
    return true;
  });
});

function linesOf(file: string): string[] {
  return fs.readFileSync(file, 'utf8').trimEnd().split('\n');
}
