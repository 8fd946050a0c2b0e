/** `runyard hold --gpus`: slots for work at a terminal, on a pseudo-terminal, with fake GPUs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import type { RunSummary } from '../../src/contracts/index.ts';
import { ctrlC, onTerminal } from '../fixtures/pty.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

/** A place for temporary files that holds have to themselves. */
function tempOf({ home }: Yard): string {
  const dir = path.join(home, 'temp');
  fs.mkdirSync(dir, { recursive: true });
  return dir;
}

function hold(yard: Yard, ...args: string[]) {
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, NO_COLOR: '1' };
  return onTerminal([runyard, 'hold', ...args], { ...env, TMPDIR: tempOf(yard) });
}

/** The one hold that is not over. */
async function held(yard: Yard): Promise<RunSummary> {
  return until(async () => {
    for await (const run of yard.client.list()) if (run.gpu_slots.length > 0) return run;
    return null;
  }, 'a hold');
}

const left = (yard: Yard): string[] =>
  fs.readdirSync(tempOf(yard)).filter((name) => name.startsWith('ry-hold'));

test('a command gets the GPU and the terminal, and its end gives the GPU back', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const script =
    'echo on $CUDA_VISIBLE_DEVICES of $RUNYARD_RUN_ID; test -t 0 && read x; echo got $x; exit 3';
  const seat = hold(yard, '--gpus', '1', '--for', '2h', '--', 'sh', '-c', script);
  await seat.sees(/on fake-0 of/);
  const run = await held(yard);
  assert.deepEqual([run.name, run.gpu_slots], ['hold-sh', ['fake-0']]);
  // Who comes next is told who has it, and may give up.
  const next = hold(yard, '--gpus', '1', '--', 'true');
  await next.sees(new RegExp(`\\(\\^C gives up\\) needs 1 GPU; fake-0 held by run ${run.run_id}`));
  next.type(ctrlC);
  assert.equal(await next.ended, 125);
  assert.equal((await yard.client.health()).runs_queued, 0);
  seat.type('word\n');
  assert.equal(await seat.ended, 3);
  assert.match(seat.seen(), /GPU fake-0 until .*given back when this ends/);
  assert.match(seat.seen(), /got word\r\ngiven back: GPU fake-0/);
  const { status, exit_code } = await yard.client.get(run.run_id);
  assert.deepEqual([status, exit_code], ['failed', 3]);
  assert.deepEqual(left(yard), []);
});

test('^C is for the program, and without one a shell is started', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const seat = hold(yard, '--gpus', '0.5');
  await seat.sees(/given back when this ends/);
  const { run_id: run } = await held(yard);
  seat.type('echo ready $((1+1)); exec 2>&1; sleep 600\n');
  await seat.sees(/ready 2/);
  seat.type(ctrlC);
  seat.type('echo still here $((2+2))\n');
  await seat.sees(/still here 4/);
  seat.type('exit 7\n');
  assert.equal(await seat.ended, 7);
  // How a shell's last command went says nothing about the hold.
  assert.equal((await yard.client.wait(run)).status, 'completed');
});

test('a stop, and the end of its time, end the program', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const script = 'echo begun; exec sleep 600';
  const stopped = hold(yard, '--gpus', '1', '--', 'sh', '-c', script);
  await stopped.sees(/begun/);
  const { run_id: run } = await held(yard);
  await yard.client.stop(run, { reason: 'mine now' });
  assert.equal(await stopped.ended, 129);
  assert.match(stripVTControlCharacters(stopped.seen()), /stopped by .*: mine now: ending sh/);
  assert.equal((await yard.client.wait(run)).status, 'cancelled');
  const timed = hold(yard, '--gpus', '1', '--for', '1s', '--', 'sh', '-c', script);
  assert.equal(await timed.ended, 129);
  assert.match(timed.seen(), /the time is over: ending sh/);
  assert.deepEqual(left(yard), []);
});

test('the GPU is held as long as the program lives, whoever else is killed', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const at = (name: string): string => path.join(yard.home, name);
  const script = `trap '' HUP; echo $PPID > ${at('parent')}; until [ -f ${at('go')} ]; do sleep 0.1; done`;
  const seat = hold(yard, '--gpus', '1', '--', 'sh', '-c', script);
  await until(() => fs.existsSync(at('parent')) && fs.readFileSync(at('parent'), 'utf8'), 'it');
  await yard.crash();
  process.kill(Number(fs.readFileSync(at('parent'), 'utf8')), 'SIGKILL');
  await seat.ended;
  await yard.up();
  const run = await held(yard);
  await until(
    async () => (await yard.client.get(run.run_id)).state === 'running.live',
    'the hold to be found again',
  );
  fs.writeFileSync(at('go'), '');
  assert.equal((await yard.client.wait(run.run_id)).status, 'completed');
  assert.deepEqual(left(yard), []);
});

test('a detached hold prints for a shell how the GPU is used, and is given back by a stop', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const ask = (...args: string[]) =>
    execa(runyard, ['hold', ...args], {
      env: { RUNYARD_HOME: yard.home, TMPDIR: tempOf(yard) },
      reject: false,
    });
  const { stdout } = await ask('--gpus', '1', '--for', '2h', '--detach');
  const run = await held(yard);
  assert.match(stdout, /^export CUDA_VISIBLE_DEVICES=fake-0$/m);
  assert.match(stdout, new RegExp(`^export RUNYARD_RUN_ID=${run.run_id}$`, 'm'));
  // With our marker the user's own programs would be ended with the hold.
  assert.doesNotMatch(stdout, /RUNYARD_RUN_DIR/);
  assert.equal(run.state, 'running.live');
  await yard.client.stop(run.run_id);
  assert.equal((await yard.client.wait(run.run_id)).status, 'cancelled');
  for (const [args, words] of [
    [['--gpus', '1', '--detach'], /--detach +goes with --for/],
    [['--gpus', '1'], /command +is missing/],
    [
      ['--gpus', '1', '--', 'no-such-program'],
      /command +"no-such-program" is not a program on your PATH/,
    ],
    [[], /run +is missing/],
  ] as const) {
    const refused = await ask(...args);
    assert.equal(refused.exitCode, 2, refused.stderr);
    assert.match(refused.stderr, words);
  }
  assert.deepEqual(left(yard), []);
});
