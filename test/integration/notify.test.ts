/** Hooks that are told of runs: by a real daemon that crashes, with hooks that fail, hang and leave things behind. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { type NotifyMessage, validatorOf } from '../../src/contracts/index.ts';
import type { RunyardError } from '../../src/errors.ts';
import { arm } from '../../src/failpoints.ts';
import { runHook } from '../../src/notify/index.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };

function scratch(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-notify-'));
  t.after(() => removeTree(dir));
  return dir;
}

/** Appends what it is told to a file. */
function appending(file: string): [string, ...string[]] {
  return ['sh', '-c', 'cat >> "$0"', file];
}

/** Each as the schema says. */
function told(file: string): NotifyMessage[] {
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const validate = validatorOf('notify-message.v1');
  return lines.map((line) => {
    const message = JSON.parse(line) as NotifyMessage;
    assert.ok(validate(message), `${line}: ${JSON.stringify(validate.errors)}`);
    return message;
  });
}

async function submit(yard: Yard, command: string[], more: object = {}): Promise<string> {
  return (await yard.client.submit({ command, cwd: yard.home, ...more }, { env })).run_id;
}

test('each end of a run is told, also over crashes of the daemon: never not, twice only with the same id', async (t) => {
  const dir = scratch(t);
  const [ends, bad, groups, waits] = ['ends', 'bad', 'groups', 'waits'].map((name) =>
    path.join(dir, name),
  ) as [string, string, string, string];
  const failpoints = path.join(dir, 'points');
  fs.mkdirSync(failpoints);
  const notify = [
    { on: ['done'], command: appending(ends) },
    { on: ['failed'], command: appending(bad), projects: ['p'] },
    { on: ['group'], command: appending(groups) },
    { on: ['waiting'], command: appending(waits), after_s: 1 },
  ];
  await using yard = await startYard(
    { RUNYARD_FAILPOINTS: failpoints, RUNYARD_PARALLEL: '2' },
    { settings: { notify } },
  );
  const first = await submit(yard, ['true'], { group: 'g', project: 'p' });
  await until(() => told(ends).length > 0, 'the first to be told');
  assert.equal(told(ends)[0]?.run?.run_id, first);
  assert.match(told(ends)[0]?.text ?? '', new RegExp(`\\(${first}\\) completed$`));
  await until(() => told(groups).length > 0, 'the group to be told');
  assert.deepEqual(told(groups)[0]?.group, { name: 'g', runs: 1, by_status: { completed: 1 } });

  const runs = [first];
  for (const [index, point] of (['notify.owed', 'notify.told'] as const).entries()) {
    const pid = yard.daemonPid();
    const go = path.join(dir, `go.${index}`);
    const command = ['sh', '-c', `while [ ! -e ${go} ]; do sleep 0.05; done; exit ${index + 3}`];
    runs.push(await submit(yard, command, { project: index === 0 ? 'p' : 'q' }));
    arm(failpoints, point);
    fs.writeFileSync(go, '');
    await until(() => !fs.existsSync(`/proc/${pid}`), `the daemon to die at ${point}`);
    await yard.up();
    await until(
      () => runs.every((run) => told(ends).some((each) => each.run?.run_id === run)),
      'each end to be told',
    );
    await until(() => told(bad).length > 0, 'the failure to be told');
  }
  const byRun = Map.groupBy(told(ends), (each) => each.run?.run_id);
  for (const [run, messages] of byRun)
    assert.equal(new Set(messages.map(({ id }) => id)).size, 1, `${run} has one id`);
  assert.equal(byRun.size, 3);
  assert.deepEqual([...new Set(told(bad).map(({ run }) => run?.run_id))], [runs[1]]);
  assert.equal(told(bad)[0]?.event, 'failed');

  const gate = path.join(dir, 'gate');
  const blocking = ['sh', '-c', `while [ ! -e ${gate} ]; do sleep 0.05; done`];
  await submit(yard, blocking, { cpus: 2 });
  const waiting = await submit(yard, ['true'], { cpus: 2 });
  await until(() => told(waits).length > 0, 'the one that waits to be told', 60_000);
  assert.deepEqual(
    told(waits).map(({ run, event }) => [run?.run_id, event]),
    [[waiting, 'waiting']],
  );
  fs.writeFileSync(gate, '');
  await yard.client.wait(waiting);
});

test('a run is told by the hooks that it names alone, and by none when it names none', async (t) => {
  const dir = scratch(t);
  const [chat, mail, nameless, groups] = ['chat', 'mail', 'nameless', 'groups'].map((name) =>
    path.join(dir, name),
  ) as [string, string, string, string];
  const notify = [
    { name: 'chat', on: ['done'], command: appending(chat) },
    { name: 'mail', on: ['done'], command: appending(mail), users: ['nobody-at-all'] },
    { name: 'chat', on: ['group'], command: appending(groups) },
    { on: ['done'], command: appending(nameless) },
  ];
  await using yard = await startYard({}, { settings: { notify } });
  const refused = (names: string[]) =>
    assert.rejects(submit(yard, ['true'], { notify: names }), (error: RunyardError) => {
      assert.equal(error.code, 'config_invalid');
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ['/notify/1'],
      );
      assert.match(error.violations[0]?.hint ?? '', /there are chat, mail/);
      return true;
    });
  await refused(['chat', 'caht']);
  const quiet = await submit(yard, ['true'], { notify: [], group: 'quiet' });
  const named = await submit(yard, ['true'], { notify: ['chat', 'mail'], group: 'loud' });
  for (const run of [quiet, named]) await yard.client.wait(run);
  const all = await submit(yard, ['true']);
  const runsIn = (file: string) => told(file).map(({ run }) => run?.run_id);
  await until(() => runsIn(nameless).includes(all), 'the last to be told');
  await until(() => runsIn(chat).length === 2 && told(groups).length === 1, 'the others too');
  assert.deepEqual(runsIn(chat).sort(), [named, all].sort());
  assert.deepEqual(runsIn(nameless), [all]);
  assert.deepEqual(told(mail), [], 'a name does not lift what a hook is for');
  assert.deepEqual(
    told(groups).map(({ group }) => group?.name),
    ['loud'],
  );
  const bin = path.resolve(import.meta.dirname, '../../bin/runyard');
  const submitted = await execa(bin, ['submit', '--no-notify', '--', 'true'], {
    env: { RUNYARD_HOME: yard.home },
  });
  const last = await submit(yard, ['true']);
  await until(() => runsIn(nameless).includes(last), 'a later one to be told');
  assert.ok(![...runsIn(chat), ...runsIn(nameless)].includes(submitted.stdout.trim()));
});

test('a hook that fails is seen in health and tried again; one that hangs is killed with what it left; no run waits for either', async (t) => {
  const dir = scratch(t);
  const [file, gate, pids] = ['told', 'gate', 'pids'].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  const failing =
    'cat > /dev/null; if [ ! -e "$1" ]; then echo no mail today >&2; exit 7; fi; echo ok >> "$0"';
  const hanging = 'sleep 987 & echo $! >> "$0"; echo $$ >> "$0"; sleep 987';
  const notify = [
    { on: ['done'], command: ['sh', '-c', failing, file, gate] },
    { on: ['failed'], command: ['sh', '-c', hanging, pids], timeout_s: 0.5 },
    { on: ['done'], command: ['/no/such/hook'], users: ['nobody-at-all'] },
  ];
  await using yard = await startYard({}, { settings: { notify } });
  const run = await submit(yard, ['sh', '-c', 'exit 1']);
  assert.equal((await yard.client.wait(run)).status, 'failed');
  const reason = await until(async () => {
    const { reasons, status } = await yard.client.health();
    const found = reasons.find(({ text }) => text.includes('no mail today'));
    return found === undefined ? null : { ...found, status };
  }, 'health to tell of the hook');
  assert.equal(reason.status, 'degraded');
  assert.equal(reason.part, 'notify');
  assert.match(reason.text, /^sh ended with code 7: no mail today; \d notifications? wait/);
  await until(() => fs.existsSync(pids), 'the other hook to begin');
  await until(() => {
    const found = fs.readFileSync(pids, 'utf8').trim().split('\n');
    return found.length >= 2 && found.every((pid) => !lives(Number(pid)));
  }, 'the hook and its child to be killed');
  assert.equal((await yard.client.wait(await submit(yard, ['true']))).status, 'completed');
  fs.writeFileSync(gate, '');
  await until(
    () => fs.existsSync(file) && fs.readFileSync(file, 'utf8') === 'ok\nok\n',
    'both to be told',
    60_000,
  );
});

test('a hook gets JSON on its standard input and a small environment; whatever it does, its end is told', async () => {
  const run = (command: string[], timeoutS = 20): Promise<string | null> =>
    runHook({ command, timeoutS }, { v: 1 }, { env: { ...env, SECRET: 'x', HOME: '/h' } });
  assert.equal(
    await run(['sh', '-c', '[ "$(cat)" = \'{"v":1}\' ] && [ -z "$SECRET" ] && [ "$HOME" = /h ]']),
    null,
  );
  assert.equal(await run(['true']), null, 'one that does not read');
  assert.equal(
    await run(['sh', '-c', 'sleep 300 & exit 0']),
    null,
    'what it leaves holds its pipes',
  );
  assert.equal(await run(['sh', '-c', 'echo a >&2; echo b >&2; exit 3']), 'ended with code 3: b');
  assert.match((await run(['/no/such/hook'])) ?? '', /ENOENT/);
  assert.equal(await run(['sleep', '300'], 0.1), 'did not end within 0.1 s and was killed');
});

test('runyard notify test runs the hooks, and says which failed', async (t) => {
  const dir = scratch(t);
  const file = path.join(dir, 'told');
  fs.mkdirSync(path.join(dir, 'runyard'));
  const settings = (notify: object[]): void =>
    fs.writeFileSync(path.join(dir, 'runyard/config.yaml'), JSON.stringify({ notify }));
  const bin = path.resolve(import.meta.dirname, '../../bin/runyard');
  const test = () =>
    execa(bin, ['notify', 'test'], { env: { XDG_CONFIG_HOME: dir }, reject: false });
  settings([{ on: ['done'], command: appending(file) }]);
  const good = await test();
  assert.equal(good.exitCode, 0, good.stderr);
  assert.equal(told(file)[0]?.event, 'test');
  settings([{ on: ['done'], command: ['sh', '-c', 'exit 4'] }]);
  const broken = await test();
  assert.equal(broken.exitCode, 1);
  assert.match(broken.stdout, /✗ sh -c exit 4: ended with code 4/);
  settings([{ on: ['dnoe'], command: ['true'] }]);
  assert.match((await test()).stderr, /notify\/0\/on\/0/);
});

function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
