import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { freeze, joinLate } from './late-subscriber.ts';
import { startYard, until } from './yard.ts';

const many = 50_000;
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

test('F4: who joins late gets each point once and in order, and then what comes, whatever is killed', async () => {
  await using yard = await startYard();
  const { count, wrong, expected, gaps, live, killed } = await joinLate(yard, many);
  assert.equal(wrong, 0, 'the first that was out of order');
  assert.deepEqual([count, gaps, live], [expected, 0, 1]);
  assert.deepEqual(killed, ['daemon', 'bus', 'worker', 'daemon', 'worker', 'bus']);
});

test('F4: subscribers that hang cost the daemon next to nothing, and nobody else anything', async () => {
  await using yard = await startYard();
  const script = `import os
f = open(os.environ['RUNYARD_METRICS'], 'a')
for i in range(200000): f.write('{"step": %d, "a name that is as long as they are": %r}\\n' % (i, i / 7))`;
  const { run_id: run } = await yard.client.submit(
    { command: ['python3', '-c', script], cwd: yard.home },
    { env },
  );
  const read = async (): Promise<number> => {
    let count = 0;
    for await (const batch of yard.client.metrics(run, { follow: true }))
      count += batch.points.length;
    return count;
  };
  // Whatever reading takes, it has taken before it is looked.
  assert.equal(await read(), 200_000);
  assert.equal(await read(), 200_000);
  const before = residentMib(yard.daemonPid());
  const hanging = 12;
  const usual = connectionsOf(yard.daemonPid());
  const frozen = await freeze(yard, run, hanging);
  assert.equal(await read(), 200_000);
  // All of it for each of them would be some 500 MiB.
  const grown = residentMib(yard.daemonPid()) - before;
  assert.ok(grown < 12 * hanging, `${grown} MiB for ${hanging}`);

  // One that hangs beside other calls of its own client.
  const points = yard.client.metrics(run, { follow: true })[Symbol.asyncIterator]();
  await points.next();
  assert.equal((await yard.client.health()).status, 'ok');
  assert.equal(await read(), 200_000);
  await points.return?.(undefined);

  // They vanish: nothing of them stays.
  await frozen[Symbol.asyncDispose]();
  await until(() => connectionsOf(yard.daemonPid()) <= usual, 'their connections to be gone');
  assert.equal(await read(), 200_000);
});

function residentMib(pid: number): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function connectionsOf(pid: number): number {
  return fs.readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}
