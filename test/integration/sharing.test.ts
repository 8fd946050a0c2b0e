/**
 * Two people on one machine: a daemon for each account, and nothing but the kernel between them (docs/sharing.md).
 * The accounts are numbers that nobody has; only root can take them on.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { connect } from '../../src/client/index.ts';
import { attemptDir } from '../../src/rundir/index.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const [ana, ben] = [64_101, 64_102];
const slowMs = 120_000;
/** Of a test run the usual place is its account's own. */
const forAll = '/tmp';

function temporary(name: string): string {
  return fs.mkdtempSync(path.join(forAll, `ry-${name}-`));
}

/** What an account sees when it runs a program, with nothing of ours around it. */
function as(account: number, program: string, args: readonly string[], home = '/') {
  return execa(program, args, {
    uid: account,
    gid: account,
    cwd: '/',
    env: { ...env, HOME: home, RUNYARD_HOME: home, XDG_CONFIG_HOME: home, RUNYARD_AUTOSTART: '' },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  });
}

/** Why it cannot be tried here, or false. */
async function hindrance(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'only root can take on two other accounts';
  const dir = temporary('account');
  try {
    fs.chownSync(dir, ana, ana);
    const wanted = `test -w '${dir}' && '${runyard}' --version`;
    const { exitCode, stderr } = await as(ana, 'sh', ['-c', wanted], dir);
    return exitCode === 0
      ? false
      : `another account cannot use this checkout, or ${forAll}: ${stderr}`;
  } finally {
    removeTree(dir);
  }
}

const skip = await hindrance();

async function submit(yard: Yard, user: string, config: Record<string, unknown>): Promise<string> {
  const given = { cwd: '/', stop: { grace_s: 1 }, ...config };
  return (await yard.client.submit(given, { env, user })).run_id;
}

async function live(yard: Yard, run: string): Promise<void> {
  const isLive = async () => (await yard.client.get(run)).state === 'running.live';
  await until(isLive, `${run} to live`, slowMs);
}

test('two accounts share a GPU: each waits for the other by name, and sees nothing else of it', {
  skip,
}, async (t) => {
  const common = temporary('common');
  t.after(() => removeTree(common));
  fs.chmodSync(common, 0o1777);
  const locks = path.join(common, 'locks');
  const how = (account: number) => {
    const home = temporary('yard');
    return { settings: { gpu_locks: locks }, account, home };
  };
  await using first = await startYard({ RUNYARD_GPUS: 'fake:1', HOME: common }, how(ben));
  await using second = await startYard({ RUNYARD_GPUS: 'fake:1', HOME: common }, how(ana));

  const held = await submit(first, 'ben', { command: ['sleep', '600'], gpus: 1 });
  await live(first, held);
  const dir = fs.statSync(locks);
  assert.deepEqual([dir.uid, dir.mode & 0o7777], [ben, 0o1777]);
  const holder = `run ${held} of ${ben}`;

  // Before anything of hers waits for it.
  const seen = await as(ana, runyard, ['gpus'], second.home);
  assert.equal(seen.exitCode, 0, seen.stderr);
  assert.match(seen.stdout, new RegExp(`\tforeign\t.*\t${holder}\t`));

  const waiting = await submit(second, 'ana', { command: ['sleep', '600'], gpus: 1 });
  const whyOf = async (yard: Yard, run: string) => (await yard.client.get(run)).why;
  await until(
    async () => (await whyOf(second, waiting)).includes(`fake-0 used by ${holder}`),
    'ana to be told of ben',
    slowMs,
  );

  // Whoever's daemon dies: the trainer has the lock, and its note stays.
  for (const yard of [first, second]) {
    await yard.crash();
    assert.equal((await as(ana, 'cat', [path.join(locks, 'fake-0.lock')])).exitCode, 0);
    if (yard === first) {
      const [gpu] = await Array.fromAsync(second.client.gpus());
      assert.equal(gpu?.foreign, holder);
    }
    await yard.up();
  }
  await live(first, held);
  await until(
    async () => (await whyOf(second, waiting)).includes(holder),
    'ana to wait for ben as before',
    slowMs,
  );
  assert.equal((await second.client.get(waiting)).state, 'queued');

  // Neither sees into the other's directory, its run, its token, or through its socket and port.
  for (const [yard, run, stranger] of [
    [first, held, ana],
    [second, waiting, ben],
  ] as const) {
    for (const file of ['token', 'scrape.token', 'registry.db', 'daemon.sock', 'daemon.json']) {
      const at = path.join(yard.home, file);
      assert(fs.existsSync(at), file);
      assert.match((await as(stranger, 'cat', [at])).stderr, /Permission denied/);
    }
    for (const at of [yard.home, path.join(yard.home, 'runs'), attemptDir(yard.home, run, 1)])
      assert.match((await as(stranger, 'ls', [at])).stderr, /Permission denied/);
    const { exitCode, stderr } = await as(stranger, runyard, ['ls'], yard.home);
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /cannot be read/);
    const { tcp } = JSON.parse(fs.readFileSync(path.join(yard.home, 'daemon.json'), 'utf8'));
    const guess = fs.readFileSync(
      path.join((yard === first ? second : first).home, 'token'),
      'utf8',
    );
    await assert.rejects(
      async () => {
        const client = await connect({ address: tcp, token: guess.trim() });
        await client.health().finally(() => client.close());
      },
      { code: 'unauthenticated' },
    );
  }

  // Given on as soon as it is let go of, and then the other way round.
  await first.client.stop(held, { now: true });
  await live(second, waiting);
  const again = await submit(first, 'ben', { command: ['true'], gpus: 1 });
  await until(
    async () => (await whyOf(first, again)).includes(`run ${waiting} of ${ana}`),
    'ben to be told of ana',
    slowMs,
  );
  await second.client.stop(waiting, { now: true });
  assert.equal((await first.client.wait(again)).status, 'completed');
  await until(
    () => fs.readdirSync(locks).every((name) => name.endsWith('.lock')),
    'both to note that they hold nothing',
  );
});

test('a note that somebody made up names nobody else, and is not written into', {
  skip,
}, async (t) => {
  const common = temporary('common');
  t.after(() => removeTree(common));
  fs.chmodSync(common, 0o1777);
  const locks = path.join(common, 'locks');
  const options = { settings: { gpu_locks: locks }, account: ben, home: temporary('yard') };
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1', HOME: common }, options);
  // Ana says that she has it, at great length or by a link, while nobody does.
  const lie = JSON.stringify([{ slot: 'fake-0', run_id: 'mine', since: '2026' }]);
  const note = path.join(locks, `held.${ana}.00000000.json`);
  await as(ana, 'sh', ['-c', `printf %s '${lie}' > ${note}`]);
  await as(ana, 'ln', ['-s', path.join(yard.home, 'token'), `${locks}/held.${ben}.00000000.json`]);
  await as(ana, 'mkfifo', [`${locks}/held.${ana}.00000001.json`]);
  const gpu = async () => (await Array.fromAsync(yard.client.gpus()))[0];
  assert.deepEqual([(await gpu())?.state, (await gpu())?.foreign], ['free', '']);
  const run = await submit(yard, 'ben', { command: ['true'], gpus: 1 });
  assert.equal((await yard.client.wait(run)).status, 'completed');
  assert.equal(fs.readFileSync(note, 'utf8'), lie);
});
