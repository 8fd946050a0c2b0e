import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { isAlive } from '../../src/rundir/index.ts';
import { ensureStreams } from '../../src/transport/nats/index.ts';
import { names, startBus, storedMessages, streams, until, yard } from './bus-fixture.ts';

test('the next daemon adopts the server that runs', async () => {
  await using bus = await startBus();
  const first = await bus.server.ensure();
  const second = await (await bus.again()).ensure();
  assert.deepEqual(second.identity, first.identity);
  assert.equal(second.url, first.url);
});

test('a server killed with -9 comes back on the same port, with what it had acknowledged', async () => {
  await using bus = await startBus();
  const before = await bus.server.ensure();
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, 2 ** 26, () => 'e1');
  await nc.request(names.events('a'), 'kept');
  await nc.close();
  process.kill(before.identity.pid, 'SIGKILL');
  await until('it is dead', () => !isAlive(before.identity));
  const after = await bus.server.ensure();
  assert.equal(after.port, before.port);
  assert.notEqual(after.identity.pid, before.identity.pid);
  const again = await bus.daemon();
  const { epoch } = await ensureStreams(again, yard, 2 ** 26, () => 'e2');
  assert.equal(epoch, 'e1');
  assert.equal((await storedMessages(again, streams.events))[0]?.string(), 'kept');
  await again.close();
});

test('a port that somebody took meanwhile is given up for a new one, in a new address file', async () => {
  await using bus = await startBus();
  const before = await bus.server.ensure();
  process.kill(before.identity.pid, 'SIGKILL');
  await until('it is dead', () => !isAlive(before.identity));
  const thief = net.createServer().listen(before.port, '127.0.0.1');
  await new Promise((resolve) => thief.once('listening', resolve));
  try {
    const after = await bus.server.ensure();
    assert.notEqual(after.port, before.port);
    const written = JSON.parse(fs.readFileSync(bus.server.addressFile, 'utf8')) as typeof after;
    assert.equal(written.url, after.url);
  } finally {
    thief.close();
  }
});

test('two ensures at the same time start one server', async () => {
  await using bus = await startBus();
  await bus.server.stop();
  const [one, other] = await Promise.all([bus.server.ensure(), bus.server.ensure()]);
  assert.deepEqual(one.identity, other.identity);
});

test('a server that no address file tells of never shares its store with a second one', async () => {
  await using bus = await startBus();
  const stray = await bus.server.ensure();
  fs.rmSync(bus.server.addressFile);
  const next = await bus.server.ensure();
  assert.ok(next.identity.pid === stray.identity.pid || !isAlive(stray.identity));
});

test('a smaller storage limit at a later start costs no stream', async () => {
  await using bus = await startBus();
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, 2 ** 26, () => 'e1');
  await nc.request(names.events('a'), 'kept');
  await nc.close();
  await bus.server.stop();
  await (await bus.again(2 ** 25)).ensure();
  const again = await bus.daemon();
  const { epoch } = await ensureStreams(again, yard, 2 ** 25, () => 'e2');
  assert.equal(epoch, 'e1');
  assert.equal((await storedMessages(again, streams.events))[0]?.string(), 'kept');
  await again.close();
});

test('what holds the passwords is readable by the user alone', async () => {
  await using bus = await startBus();
  for (const file of ['credentials.json', 'nats.conf', 'address.json']) {
    assert.equal(fs.statSync(path.join(bus.dir, file)).mode & 0o077, 0, file);
  }
});
