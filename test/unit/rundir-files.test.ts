/** The files of an attempt: what is accepted, what is judged, what is refused. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { RunyardError } from '../../src/errors.ts';
import {
  bootId,
  decodeEnv,
  encodeEnv,
  type Identity,
  identityOf,
  isAlive,
  judge,
  neverRan,
  readDrained,
  readLaunch,
  voidStart,
  writeAtomic,
} from '../../src/rundir/index.ts';

const otherBoot = '00000000-0000-0000-0000-000000000000';

function freshDir(t: TestContext, files: Record<string, string> = {}): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-rundir-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    fs.writeFileSync(path.join(dir, name), content);
  }
  return dir;
}

const withCode = (code: string) => (error: unknown) =>
  error instanceof RunyardError && error.code === code;

const self = (): Identity => identityOf(process.pid) ?? assert.fail('no identity of this process');
const claimBy = (identity: Identity) => `${JSON.stringify({ v: 1, ...identity, generation: 1 })}\n`;
const startLine = (boot_id: string = bootId()) =>
  `${JSON.stringify({ v: 1, boot_id, recorder_pid: 1, at: '2026-01-01T00:00:00.000Z' })}\n`;
const forkLine = ({ pid, start_time }: Identity) =>
  `${JSON.stringify({ pid, start_time, at: '2026-01-01T00:00:00.000Z' })}\n`;

test('this process lives; with another start time or boot it is somebody else', () => {
  assert.equal(isAlive(self()), true);
  assert.equal(isAlive({ ...self(), start_time: '1' }), false);
  assert.equal(isAlive({ ...self(), boot_id: otherBoot }), false);
  assert.equal(identityOf(2 ** 30), null);
});

test('a zombie is dead', async (t) => {
  // Never reaped by its parent, which goes on.
  const parent = execa('python3', [
    '-c',
    'import os, time\npid = os.fork()\nif pid == 0: os._exit(0)\nprint(pid, flush=True)\ntime.sleep(600)',
  ]);
  parent.catch(() => undefined);
  t.after(() => parent.kill('SIGKILL'));
  const [data] = await new Promise<unknown[]>((resolve) =>
    parent.stdout.once('data', (...seen) => resolve(seen)),
  );
  const pid = Number(String(data));
  const state = () => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0];
  for (const deadline = Date.now() + 10_000; state() !== 'Z' && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const identity = identityOf(pid);
  assert.ok(identity !== null && !isAlive(identity));
});

test('an empty directory and one that is not there are unclaimed', (t) => {
  assert.deepEqual(judge(freshDir(t)), { kind: 'unclaimed' });
  assert.deepEqual(judge('/no/such/directory'), { kind: 'unclaimed' });
});

test('a claim is judged by its recorder', (t) => {
  const alive = freshDir(t, { claim: claimBy(self()) });
  assert.deepEqual(judge(alive), { kind: 'claimed', recorderAlive: true, otherBoot: false });
  const dead = freshDir(t, { claim: claimBy({ ...self(), start_time: '1' }) });
  assert.deepEqual(judge(dead), { kind: 'claimed', recorderAlive: false, otherBoot: false });
  const old = freshDir(t, { claim: claimBy({ ...self(), boot_id: otherBoot }) });
  assert.deepEqual(judge(old), { kind: 'claimed', recorderAlive: false, otherBoot: true });
});

test('only what is void or was refused surely never ran', (t) => {
  const exitOf = (kind: string): string =>
    JSON.stringify({ v: 1, kind, code: 0, signal: 'SIGTERM', core: false });
  assert.equal(neverRan(freshDir(t)), false);
  assert.equal(neverRan(freshDir(t, { start: 'void\n' })), true);
  assert.equal(neverRan(freshDir(t, { exit: exitOf('noexec') })), true);
  assert.equal(neverRan(freshDir(t, { exit: exitOf('notstarted') })), true);
  // Its directory was removed while it ran: made anew, the recorder wrote the exit there.
  assert.equal(neverRan(freshDir(t, { exit: exitOf('exited') })), false);
  assert.equal(neverRan(freshDir(t, { exit: exitOf('signaled') })), false);
  assert.equal(neverRan(freshDir(t, { exit: '{' })), false);
});

test('a start counts as started, whatever is in it, and its trainer is known when line 2 is whole', (t) => {
  const claim = claimBy(self());
  const fork = forkLine(self());
  const cases: [start: string, known: boolean][] = [
    ['', false],
    ['something else', false],
    ['voi', false],
    [startLine(), false],
    [startLine() + fork.slice(0, -1), false],
    [startLine() + fork.slice(0, 20), false],
    [`${startLine()}{}\n`, false],
    [startLine() + fork, true],
  ];
  for (const [start, known] of cases) {
    const verdict = judge(freshDir(t, { claim, start }));
    assert.ok(verdict.kind === 'started', start);
    assert.deepEqual(verdict.trainer, known ? self() : null);
    assert.equal(verdict.trainerAlive, known);
  }
});

test('a trainer of another boot is dead, although its pid is in use again', (t) => {
  const claim = claimBy({ ...self(), boot_id: otherBoot });
  const verdict = judge(freshDir(t, { claim, start: startLine(otherBoot) + forkLine(self()) }));
  assert.ok(verdict.kind === 'started');
  const { trainerAlive, recorderAlive } = verdict;
  assert.deepEqual([trainerAlive, recorderAlive, verdict.otherBoot], [false, false, true]);
});

test('an exit outranks all else, and keeps the trainer', (t) => {
  const exit = JSON.stringify({ v: 1, kind: 'exited', code: 3 });
  const verdict = judge(freshDir(t, { exit, start: startLine() + forkLine(self()) }));
  assert.ok(verdict.kind === 'exited');
  assert.equal(verdict.record.code, 3);
  assert.deepEqual(verdict.trainer, self());
});

test('voiding is done once, holds for good, and fails once started', (t) => {
  const dir = freshDir(t);
  assert.equal(voidStart(dir), 'voided');
  assert.equal(voidStart(dir), 'voided');
  assert.deepEqual(judge(dir), { kind: 'voided' });
  assert.deepEqual(fs.readdirSync(dir), ['start']);
  for (const start of ['', 'void', startLine()]) {
    assert.equal(voidStart(freshDir(t, { start })), 'started');
  }
});

test('files that are only ever seen whole are read strictly', (t) => {
  const broken: [read: (dir: string) => unknown, name: string, contents: string[]][] = [
    [judge, 'claim', ['', '{', '[]', '{"boot_id":"x","pid":"1","start_time":"2","generation":1}']],
    [judge, 'exit', ['{}', '{"kind":"other"}', '{"kind":"exited"}', '{"kind":"signaled"}']],
    [readDrained, 'drained', ['{}', '{"stdout":{"bytes":1}}']],
    [readLaunch, 'launch.json', ['{}', '{"boot_id":"x","cwd":"/","argv":[1]}']],
  ];
  for (const [read, name, contents] of broken) {
    for (const content of contents) {
      const dir = freshDir(t, { [name]: content });
      assert.throws(() => read(dir), withCode('rundir_corrupt'), `${name}: ${content}`);
    }
  }
});

test('a file is written whole, with its mode, and leaves no draft', (t) => {
  const dir = freshDir(t);
  const file = path.join(dir, 'a');
  writeAtomic(file, 'one', { mode: 0o600 });
  writeAtomic(file, Buffer.from('two'), { mode: 0o600, sync: true });
  assert.equal(fs.readFileSync(file, 'utf8'), 'two');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.throws(
    () => writeAtomic(path.join(dir, 'no', 'a'), '', { mode: 0o600 }),
    withCode('home_unusable'),
  );
  assert.deepEqual(fs.readdirSync(dir), ['a']);
});

test('an environment comes back from its file as it was', () => {
  const name = fc
    .string({ minLength: 1, unit: 'binary' })
    .filter((value) => !/[=\0]/.test(value) && value.isWellFormed());
  const value = fc
    .string({ unit: 'binary' })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (env) => {
      assert.deepEqual(decodeEnv(encodeEnv(env)), env);
    }),
  );
});

test('of a doubled name the first counts, as for getenv; entries without a name are left out', () => {
  assert.deepEqual(decodeEnv(Buffer.from('A=1\0A=2\0=x\0junk\0B=\0A.B=c=d')), {
    A: '1',
    B: '',
    'A.B': 'c=d',
  });
});

test('an environment that no process can have is refused with the field', () => {
  for (const env of [{ 'A=B': '' }, { '': 'x' }, { A: 'a\0b' }]) {
    assert.throws(() => encodeEnv(env), withCode('config_invalid'));
  }
  assert.equal(encodeEnv({ A: undefined }).length, 0);
});
