/** `runyard logs`: which lines, and how they look to a program and to a person. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { onTerminal } from '../fixtures/pty.ts';
import { startYard, type Yard } from './yard.ts';

const bin = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const env = { PATH: process.env.PATH ?? '' };

async function submit(yard: Yard, script: string): Promise<string> {
  const config = { command: ['sh', '-c', script], cwd: yard.home };
  return (await yard.client.submit(config, { env })).run_id;
}

async function logs(yard: Yard, ...args: string[]) {
  const own = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
  return execa(process.execPath, [bin, 'logs', ...args], { env: own, reject: false });
}

async function linesOf(yard: Yard, ...args: string[]): Promise<string[]> {
  const { stdout, stderr, exitCode } = await logs(yard, ...args);
  assert.equal(exitCode, 0, stderr);
  return stdout === '' ? [] : stdout.split('\n');
}

test('lines are chosen by number, pattern, time and stream, and the last ones of those', async () => {
  await using yard = await startYard();
  const script = 'for i in 1 2 3 4 5 6; do echo "loss=$i"; echo "other $i"; done; echo oh >&2';
  const run = await submit(yard, script);
  await yard.client.wait(run);
  assert.deepEqual(await linesOf(yard, run, '--grep', 'loss=[1-3]$'), [
    'loss=1',
    'loss=2',
    'loss=3',
  ]);
  assert.deepEqual(await linesOf(yard, run, '--grep', 'loss', '--tail', '2'), ['loss=5', 'loss=6']);
  const twice = ['--grep', 'loss', '--tail', '1', '--follow'];
  assert.deepEqual(await linesOf(yard, run, ...twice), ['loss=6']);
  assert.equal((await logs(yard, run, '--stderr')).stderr, 'oh');
  const all = (await linesOf(yard, run, '--json')).map((line) => JSON.parse(line));
  const third = all.find(({ text }) => text === 'loss=3');
  const rest = await linesOf(yard, run, '--from', String(third.seq), '--grep', '^loss');
  assert.deepEqual(rest, ['loss=3', 'loss=4', 'loss=5', 'loss=6']);
  // The offset is that of the line in its stream.
  const stdout = all.filter(({ stream }) => stream === 'stdout').map(({ text }) => `${text}\n`);
  assert.equal(stdout.join('').indexOf('loss=3'), third.offset);

  assert.equal((await linesOf(yard, run, '--since', '1h')).length, 12);
  assert.deepEqual(await linesOf(yard, run, '--since', '2999-01-01'), []);
  for (const [option, value] of [
    ['--since', 'yesterday'],
    ['--grep', '('],
    ['--from', 'x'],
  ] as const) {
    const wrong = await logs(yard, run, option, value);
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, new RegExp(option));
  }
});

test('a program gets the last state of a progress bar and no escapes, unless it asks for all', async () => {
  await using yard = await startYard();
  const script = `printf '\\033[31mred\\033[0m \\033[2Jtext\\n'
    i=0; while [ $i -lt 2000 ]; do i=$((i+1)); printf '\\r%4d/2000 [#####     ]' $i; done; echo`;
  const run = await submit(yard, script);
  await yard.client.wait(run);
  const lines = await linesOf(yard, run);
  assert.equal(lines[0], 'red text');
  // A bar of 40 KiB is cut, between two states.
  for (const line of lines.slice(1)) assert.match(line, /^ *\d+\/2000 \[##### {5}\]$/);
  assert.equal(lines.at(-1), '2000/2000 [#####     ]');
  const raw = (await logs(yard, run, '--raw')).stdout;
  assert.ok(raw.startsWith('\u001b[31mred\u001b[0m \u001b[2Jtext\n'));
  assert.equal(raw.split('\r').length, 2001);
});

test('on a terminal a bar that goes on is one line at the bottom, and colours are kept', async () => {
  await using yard = await startYard();
  const script = `printf '\\033[32mgreen\\033[2J\\n'
    for i in 1 2 3; do printf '\\rbar %d' $i; until [ -e go.$i ]; do sleep 0.02; done; done; echo; echo end`;
  const run = await submit(yard, script);
  const own = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, NO_COLOR: '' };
  const seat = onTerminal([runyard, 'logs', '-f', run], own);
  for (const state of [1, 2, 3]) {
    await seat.sees(new RegExp(`bar ${state}`));
    fs.writeFileSync(path.join(yard.home, `go.${state}`), '');
  }
  assert.equal(await seat.ended, 0);
  assert.ok(seat.seen().includes('\u001b[32mgreen\u001b[0m'));
  assert.ok(!seat.seen().includes('\u001b[2J'));
  const shown = stripVTControlCharacters(seat.seen()).split(/[\r\n]+/);
  const lines = shown.map((line) => line.trim()).filter((line) => line !== '');
  assert.deepEqual(lines.slice(-2), ['bar 3', 'end']);

  const plain = onTerminal([runyard, 'logs', run], { ...own, NO_COLOR: '1' });
  assert.equal(await plain.ended, 0);
  assert.ok(!plain.seen().includes('\u001b[32m'));
});

test('the last lines before a death are there, also for who followed', async () => {
  await using yard = await startYard();
  const script = 'echo first; printf end; kill -9 $$';
  const flood = `yes "a line of output" | head -c 8000000; echo; printf 'last words, no line break'; kill -9 $$`;
  for (const each of [script, flood]) {
    const run = await submit(yard, each);
    let text = '';
    for await (const chunk of yard.client.logs(run, { follow: true }))
      text = chunk.lines.at(-1)?.text ?? text;
    const done = await yard.client.wait(run);
    assert.equal(done.exit_signal, 'SIGKILL');
    assert.equal(text, each === flood ? 'last words, no line break' : 'end');
    const lines = await linesOf(yard, run, '--tail', '1');
    assert.deepEqual(lines, [text]);
  }
});
