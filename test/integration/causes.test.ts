/** What a failed run says of itself, by real programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startYard, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };

async function ended(yard: Yard, ...command: string[]) {
  const { run_id: run } = await yard.client.submit({ command, cwd: '/' }, { env });
  return yard.client.wait(run);
}

test('a failed run names its likely cause, and one that was stopped does not', async () => {
  await using yard = await startYard();
  const missing = await ended(yard, 'python3', '-c', 'import no_such_module_anywhere');
  const line = "ModuleNotFoundError: No module named 'no_such_module_anywhere'";
  assert.deepEqual(missing.failure_cause, { code: 'missing_module', text: line });
  assert.equal(missing.failure_reason?.text, `exited 1: ${line}`);
  assert.equal(missing.why, `exited 1: ${line}`);

  // The last words come after a flood, and with no line break at their end.
  const flood =
    'yes "some output of a training script" | head -c 20000000; printf "no such env" >&2; exit 3';
  const flooding = await ended(yard, 'sh', '-c', flood);
  assert.deepEqual(flooding.failure_cause, { code: 'last_words', text: 'no such env' });

  const signalled = await ended(yard, 'sh', '-c', 'kill -SEGV $$');
  assert.equal(signalled.failure_cause, null);
  assert.equal(signalled.failure_reason?.text, 'ended by SIGSEGV');

  const waiting =
    "trap 'echo ValueError: x >&2; exit 1' TERM; echo up; while :; do sleep 0.05; done";
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', waiting], cwd: '/' },
    { env },
  );
  for await (const _ of yard.client.logs(run, { follow: true })) break;
  await yard.client.stop(run);
  const stopped = await yard.client.wait(run);
  assert.deepEqual(
    [stopped.status, stopped.exit_code, stopped.failure_cause],
    ['cancelled', 1, null],
  );
  assert.equal((await ended(yard, 'true')).failure_cause, null);

  // A daemon that comes later knows it as well, also from the directories alone.
  await yard.crash();
  await yard.up();
  assert.deepEqual((await yard.client.get(missing.run_id)).failure_cause?.code, 'missing_module');
});
