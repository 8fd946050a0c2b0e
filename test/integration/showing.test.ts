import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openCalls } from '../../src/client/calls.ts';
import { readAll } from '../../src/client/streams.ts';
import type { Chart, RunDetails, RunEvent, Transition } from '../../src/contracts/index.ts';
import { startYard } from './yard.ts';

test('whatever the console shows is in the gRPC API', async () => {
  await using yard = await startYard();
  const address = `unix:${path.join(yard.home, 'daemon.sock')}`;
  const calls = openCalls({ address, deadlineMs: 60_000, where: yard.home });
  const all = <T>(method: string, request: object) =>
    Array.fromAsync(readAll(calls.read<T>(method, request)));
  try {
    // From before there is anything, to the end of two runs.
    const following = (async () => {
      const events: RunEvent[] = [];
      let ended = 0;
      const call = calls.read<RunEvent>('StreamYard', { after_pos: 0, follow: true });
      for await (const event of readAll(call)) {
        events.push(event);
        if (event.to.startsWith('done.')) ended += 1;
        if (ended === 2) break;
      }
      return events;
    })();
    const submit = () =>
      yard.client.submit({
        command: ['sh', '-c', 'printf 0123456789 > out.txt'],
        cwd: yard.home,
        artifacts: ['out.txt'],
      });
    const [{ run_id: id }] = await Promise.all([submit(), submit()]);
    const events = await following;
    assert.deepEqual(events, await all('StreamYard', { after_pos: 0 }));
    const half = events.slice(4);
    assert.deepEqual(await all('StreamYard', { after_pos: events[3]?.pos }), half);

    const run = { ref: id };
    const details = await calls.unary<RunDetails>('GetRunDetails', { run });
    assert.deepEqual(details.run, await yard.client.get(id));
    assert.equal(details.attempts.length, 1);
    const steps = await all<Transition>('ListTransitions', { run });
    assert.deepEqual(
      steps.map(({ event }) => event),
      await yard.events(id),
    );
    const last = JSON.parse(steps.at(-1)?.context_json ?? '');
    assert.deepEqual(last.exit.code, 0);
    const bytes = async (request: object) => {
      const parts = await all<{ data: Buffer }>('ReadArtifact', {
        run,
        name: 'out.txt',
        ...request,
      });
      return Buffer.concat(parts.map(({ data }) => data)).toString();
    };
    assert.equal(await bytes({}), '0123456789');
    assert.equal(await bytes({ offset: 3, length: 4 }), '3456');
    assert.equal(await bytes({ offset: 10 }), '');
    await assert.rejects(bytes({ name: '../../token' }), (error) => {
      assert.equal((calls.failure(error) as { code: string }).code, 'artifact_not_found');
      return true;
    });
    const chart = await calls.unary<Chart>('GetChart', { machine: 'run' });
    assert.match(chart.svg, /data-state="running\.live"/);
    const schema = await calls.unary<{ json: string }>('GetSchema', { name: 'settings.v1' });
    assert.equal(JSON.parse(schema.json).title, 'Settings');
    for (const name of ['../package', 'runyard/v1/orchestrator', '']) {
      await assert.rejects(calls.unary('GetSchema', { name }), { code: 'usage' }, name);
    }
  } finally {
    calls.close();
  }
});
