/** The subscribers of `examples/leaderboard` against a real daemon: each killed in the middle, all of one result. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { execa } from 'execa';
import type { ReaderCredential } from '../../src/contracts/index.ts';
import { type Leaderboard, leaderboards } from '../fixtures/leaderboards.ts';
import { startYard, until, type Yard } from './yard.ts';

type Line = {
  run: string;
  best: number | string | null;
  step: string | null;
  attempt: number | null;
  points: number;
  nan: number;
  missing: number;
  status: string;
};

const key = 'eval/score';

function started(yard: Yard, { user, password, url }: ReaderCredential, board: Leaderboard) {
  const state = path.join(yard.home, `${board.name}.state.json`);
  return (...args: string[]) =>
    execa(board.command, [...board.args, '--key', key, '--state', state, ...args], {
      env: { NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password, RUNYARD_YARD: 'test' },
      reject: false,
      stdin: 'ignore',
    });
}

/** Points that a board has counted for a run. */
function counted(yard: Yard, { name }: Leaderboard, run: string): number {
  const file = path.join(yard.home, `${name}.state.json`);
  if (!fs.existsSync(file)) return 0;
  return JSON.parse(fs.readFileSync(file, 'utf8')).runs[run]?.points ?? 0;
}

async function submit(yard: Yard, script: string): Promise<string> {
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd: yard.home },
    { env: { PATH: process.env.PATH } },
  );
  return run;
}

/** A trainer that writes these values with their steps. */
const writing = (...points: [value: string, step: string][]): string =>
  points
    .map(([value, step]) => `echo '{"${key}":${value},"other":1e9,"step":${step}}'`)
    .map((echo) => `${echo} >> "$RUNYARD_METRICS"`)
    .join('; ');

/** Points with values from `from` on; then it waits for a file: of a FIFO that is read twice a word can be lost. */
const counting = (from: number, go: string): string =>
  `i=${from}; while [ $i -lt ${from + perPart} ]; do echo "{\\"${key}\\":$i,\\"step\\":$i}"; ` +
  `i=$((i+1)); done >> "$RUNYARD_METRICS"; until [ -e ${go} ]; do sleep 0.02; done`;
const perPart = 200;

async function dropEvents(yard: Yard): Promise<void> {
  const read = (name: string) => JSON.parse(fs.readFileSync(path.join(yard.home, name), 'utf8'));
  const { user, password: pass } = read('bus/credentials.json').daemon;
  const nc = await connect({ servers: read('bus/address.json').url, user, pass });
  await nc.request('$JS.API.STREAM.DELETE.TEST_EVENTS', '');
  await nc.close();
}

test('leaderboards in Node, Python and Go agree after kills, a removed run and a new epoch', async () => {
  const boards = await leaderboards();
  await using yard = await startYard();
  const go = path.join(yard.home, 'go');
  let said = 0;
  const say = (): void => {
    fs.writeFileSync(`${go}.${said}`, '');
    said += 1;
  };
  const odd = await submit(
    yard,
    writing(['"NaN"', '1'], ['7.25', '"9007199254740993"'], ['-3', '2']),
  );
  const endless = await submit(yard, writing(['"-Infinity"', '1'], ['"Infinity"', '2']));
  const nothing = await submit(yard, writing(['"NaN"', '1']));
  const doomed = await submit(yard, writing(['1000000', '1']));
  const long = await submit(
    yard,
    [0, 1, 2].map((n) => counting(n * perPart, `${go}.${n}`)).join('; '),
  );
  for (const run of [odd, endless, nothing, doomed]) await yard.client.wait(run);
  const made = await yard.client.exportReader('board');

  const live = boards.map((board) => started(yard, made, board)());
  for (const board of boards) {
    await until(() => counted(yard, board, long) === perPart, `${board.name} to count`, 60_000);
    await until(() => counted(yard, board, doomed) === 1, `${board.name} to see it`, 60_000);
  }
  say();
  // In the middle of what comes now; the last part comes when all are dead.
  for (const { pid } of live) process.kill(pid ?? 0, 'SIGKILL');
  await Promise.all(live);
  say();
  await yard.client.remove(doomed);
  await dropEvents(yard);
  say();
  const { last_seq: events } = await yard.client.wait(long);
  await until(async () => (await yard.client.health()).outbox_depth === 0, 'the new stream');
  await until(async () => (await pointsOf(yard, long)) === 3 * perPart, 'all points on the bus');
  assert.ok(events > 0);

  const common = { attempt: 1, missing: 0, status: 'done.completed' };
  const top = String(3 * perPart - 1);
  const expected: Line[] = [
    { run: endless, best: 'Infinity', step: '2', points: 2, nan: 0, ...common },
    { run: long, best: 3 * perPart - 1, step: top, points: 3 * perPart, nan: 0, ...common },
    { run: odd, best: 7.25, step: '9007199254740993', points: 3, nan: 1, ...common },
    { run: nothing, best: null, step: null, points: 1, nan: 1, ...common, attempt: null },
  ];
  for (const board of boards) {
    const { exitCode, stdout, stderr } = await started(yard, made, board)('--once');
    assert.equal(exitCode, 0, `${board.name}: ${stderr}`);
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as Line);
    assert.deepEqual(lines, expected, board.name);
    assert.match(stderr, /^events: a new epoch/, board.name);
    // A board without a past sees the same.
    fs.rmSync(path.join(yard.home, `${board.name}.state.json`));
    const fresh = await started(yard, made, board)('--once');
    assert.equal(fresh.stdout, stdout, board.name);
  }
});

async function pointsOf(yard: Yard, run: string): Promise<number> {
  let count = 0;
  for await (const { points } of yard.client.metrics(run, { key })) count += points.length;
  return count;
}
