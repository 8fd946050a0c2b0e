/** What a person at a terminal sees and can do: questions, ^C, colours, tables. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { ctrlC, onTerminal } from '../fixtures/pty.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

function envOf(yard: Yard): Record<string, string> {
  return { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, NO_COLOR: '' };
}

/** `runyard run` of a trainer that waits, followed on a terminal until its first line is there. */
async function following(yard: Yard, script = 'echo here; exec sleep 600') {
  const shell = ['sh', '-c', script];
  const seat = onTerminal([runyard, 'run', '--cwd', yard.home, '--', ...shell], envOf(yard));
  await seat.sees(/here/);
  const id = /run ([a-z2-7]{8})/.exec(stripVTControlCharacters(seat.seen()))?.[1] ?? '';
  return { seat, id };
}

test('the first ^C detaches: it says how to go on and how to stop, and the run goes on', async () => {
  await using yard = await startYard();
  const { seat, id } = await following(yard);
  seat.type(ctrlC);
  assert.equal(await seat.ended, 130);
  const seen = stripVTControlCharacters(seat.seen());
  assert.match(seen, new RegExp(`detached; run ${id} goes on`));
  assert.match(seen, new RegExp(`runyard logs -f ${id} · stop it: runyard stop ${id}`));
  assert.equal((await yard.client.get(id)).status, 'running');
});

test('a second ^C soon after stops the run, and its end is told', async () => {
  await using yard = await startYard();
  const { seat, id } = await following(yard);
  seat.type(ctrlC);
  await seat.sees(/detached/);
  seat.type(ctrlC);
  assert.equal(await seat.ended, 143);
  const run = await yard.client.get(id);
  assert.deepEqual([run.status, run.stop_reason], ['cancelled', 'stopped by ^C']);
  assert.match(stripVTControlCharacters(seat.seen()), /⊘ cancelled/);
});

test('^C while only looking on ends the looking, and says how to stop the run', async () => {
  await using yard = await startYard();
  const { seat: first, id } = await following(yard);
  const seat = onTerminal([runyard, 'logs', '-f', id], envOf(yard));
  await seat.sees(/here/);
  seat.type(ctrlC);
  assert.equal(await seat.ended, 130);
  assert.match(seat.seen(), new RegExp(`run ${id} goes on. Stop it: runyard stop ${id}`));
  assert.equal((await yard.client.get(id)).status, 'running');
  await yard.client.stop(id, { now: true });
  assert.ok([137, 143].includes((await first.ended) ?? 0));
});

test('tables have a heading, glyphs and colours, and fit into the window', async () => {
  await using yard = await startYard();
  const { seat, id } = await following(yard, `echo here; echo ${'x'.repeat(200)} >&2; exit 3`);
  assert.equal(await seat.ended, 3);
  for (const [noColor, colours] of [
    ['', true],
    ['1', false],
  ] as const) {
    const env = { ...envOf(yard), NO_COLOR: noColor };
    const list = onTerminal([runyard, 'ls', '-a'], env);
    assert.equal(await list.ended, 0);
    assert.equal(list.seen().includes('\x1b[31m'), colours, JSON.stringify(list.seen()));
    const [head = '', row = ''] = stripVTControlCharacters(list.seen()).split('\r\n');
    assert.match(head, /^ID +NAME +USER +STATE +TIME +GPU +LAST +WHY$/);
    assert.match(row, new RegExp(`^${id.slice(0, 4)} +sh +me +✗ failed +.* exited 3: x+…$`));
    const show = onTerminal([runyard, 'show', id], env);
    assert.equal(await show.ended, 0);
    assert.match(stripVTControlCharacters(show.seen()), /why +exited 3: x+ \(exit_nonzero\)/);
    for (const line of stripVTControlCharacters(list.seen()).split('\r\n')) {
      assert.ok(line.length <= 80, line);
    }
  }
});

test('a stop tells each step with its time', async () => {
  await using yard = await startYard();
  const { seat, id } = await following(yard);
  const stop = onTerminal([runyard, 'stop', id, '-m', 'wrong lr'], envOf(yard));
  assert.equal(await stop.ended, 0);
  assert.equal(await seat.ended, 143);
  const seen = stripVTControlCharacters(stop.seen());
  assert.match(seen, new RegExp(`^${id} cancelled: asked .* · ended by SIGTERM at .*`));
});

test('without a daemon a terminal is asked, and an empty answer starts one', async (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-ask-'));
  const env = {
    RUNYARD_HOME: path.join(home, 'state'),
    XDG_CONFIG_HOME: home,
    RUNYARD_GPUS: 'none',
  };
  t.after(async () => {
    await execa(runyard, ['down'], { env });
    removeTree(home);
  });
  const no = onTerminal([runyard, 'submit', '--', 'true'], env);
  await no.sees(/No daemon is running\. Start one\? \[Y\/n\] /);
  no.type('n\n');
  assert.equal(await no.ended, 3);
  const yes = onTerminal([runyard, 'run', '--', 'sh', '-c', 'exit 5'], env);
  await yes.sees(/\[Y\/n\] /);
  yes.type('\n');
  assert.equal(await yes.ended, 5);
  assert.match(yes.seen(), /ready .* · yard .* · no GPU · bus (starting|127\.0\.0\.1:\d+)/);
});

test('^C at the question starts nothing', async (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-ask-'));
  t.after(() => removeTree(home));
  const env = { RUNYARD_HOME: path.join(home, 'state'), XDG_CONFIG_HOME: home };
  const seat = onTerminal([runyard, 'submit', '--', 'true'], env);
  await seat.sees(/\[Y\/n\] /);
  seat.type(ctrlC);
  assert.notEqual(await seat.ended, 0);
  assert.equal(fs.existsSync(env.RUNYARD_HOME), false);
});

test('a warning is told before the start when the script was changed while it was queued', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '1' });
  const script = path.join(yard.home, 'train.sh');
  fs.writeFileSync(script, 'echo old\n');
  await execa('mkfifo', [path.join(yard.home, 'go')]);
  const first = await yard.client.submit(
    { command: ['sh', '-c', 'read x < go'], cwd: yard.home },
    { env: { PATH: process.env.PATH } },
  );
  const seat = onTerminal([runyard, 'run', '--cwd', yard.home, '--', 'sh', script], envOf(yard));
  await seat.sees(/run [a-z2-7]{8}/);
  fs.writeFileSync(script, 'echo new\n');
  await until(
    async () => (await yard.client.get(first.run_id)).status === 'running',
    'the first run to go',
  );
  fs.writeFileSync(path.join(yard.home, 'go'), 'x\n');
  assert.equal(await seat.ended, 0);
  const seen = stripVTControlCharacters(seat.seen());
  assert.match(seen, /warning: the script .*train\.sh was changed after the submit/);
  assert.match(seen, /^new/m);
  const show = await execa(runyard, ['show', '@last'], { env: envOf(yard) });
  assert.match(show.stdout, /^warning\tthe script .* was changed after the submit/m);
});
