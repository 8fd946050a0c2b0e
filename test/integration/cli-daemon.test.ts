/** The daemon from the command line: up and down, two on one home, started by the way, settings. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

/** A command line with a home of its own; whatever runs there at the end is taken down. */
function cli(t: TestContext, more: Record<string, string> = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-cli-'));
  const home = path.join(dir, 'state');
  const env = { RUNYARD_HOME: home, XDG_CONFIG_HOME: dir, RUNYARD_GPUS: 'none', ...more };
  const ry = async (...args: string[]) => {
    const options = { env, reject: false, stdin: 'ignore' } as const;
    const { exitCode, stdout, stderr } = await execa(runyard, args, options);
    return { exitCode, stdout, stderr };
  };
  t.after(async () => {
    await ry('down', '--stop-runs');
    fs.rmSync(dir, { recursive: true });
  });
  return { ry, home, dir };
}

test('a second up says that it is up and ends with 0, a second daemon names the first and ends with 1', async (t) => {
  const { ry, home } = cli(t);
  const first = await ry('up');
  assert.equal(first.exitCode, 0, first.stderr);
  assert.match(first.stdout, /^ready .* · yard /);
  const { pid, socket, tcp } = JSON.parse((await ry('status', '--json')).stdout);
  const second = await ry('up');
  assert.equal(second.exitCode, 0);
  assert.match(second.stdout, new RegExp(`^already up \\(pid ${pid}\\)`));
  const daemon = await ry('daemon');
  assert.equal(daemon.exitCode, 1);
  assert.equal(
    daemon.stderr,
    `runyard: a daemon runs already for ${home}: pid ${pid}, endpoint unix:${socket} and ${tcp}`,
  );
  // Both at once: one of them starts it.
  assert.equal((await ry('down')).stdout, 'down');
  const both = await Promise.all([ry('up', '--json'), ry('up', '--json')]);
  assert.deepEqual(
    both.map(({ exitCode }) => exitCode),
    [0, 0],
  );
  const [one, other] = both.map(({ stdout }) => JSON.parse(stdout));
  assert.equal(one.pid, other.pid);
});

test('down lets live runs go on, and the next up finds them', async (t) => {
  const { ry } = cli(t);
  await ry('up');
  const id = (await ry('submit', '--', 'sleep', '600')).stdout;
  assert.equal((await ry('down')).stdout, 'down · 1 run goes on; found again by: runyard up');
  await ry('up');
  assert.equal(JSON.parse((await ry('show', id, '--json')).stdout).status, 'running');
  assert.equal((await ry('down', '--stop-runs')).stdout, 'down');
  await ry('up');
  assert.equal(JSON.parse((await ry('show', id, '--json')).stdout).status, 'cancelled');
});

test('RUNYARD_AUTOSTART=1 starts a daemon by the way; the id alone is on stdout', async (t) => {
  const { ry } = cli(t, { RUNYARD_AUTOSTART: '1' });
  const submitted = await ry('submit', '--', 'sh', '-c', 'exit 4');
  assert.match(submitted.stdout, /^[a-z2-7]{8}$/, submitted.stderr);
  assert.match(submitted.stderr, /^ready /m);
  assert.equal((await ry('wait', submitted.stdout)).exitCode, 4);
});

test('settings come from the file, variables over it, options over those, and --origin says which', async (t) => {
  const { ry, dir } = cli(t, { RUNYARD_YARD: 'lab' });
  fs.mkdirSync(path.join(dir, 'runyard'));
  const file = path.join(dir, 'runyard', 'config.yaml');
  fs.writeFileSync(file, 'parallel: 3\nyard: other\ngrace_s: 5\n');
  const { stdout } = await ry('config', 'show', '--origin');
  const rows = new Map(stdout.split('\n').map((line) => [line.split('\t')[0], line]));
  assert.equal(rows.get('parallel'), `parallel\t3\t${file}`);
  assert.equal(rows.get('yard'), 'yard\tlab\tenvironment');
  assert.equal(rows.get('warm_workers'), 'warm_workers\t1\tdefault');
  await ry('up', '--parallel', '5');
  const status = JSON.parse((await ry('status', '--json')).stdout);
  assert.deepEqual([status.parallel, status.yard], [5, 'lab']);
  fs.writeFileSync(file, 'paralel: 3\n');
  const wrong = await ry('config', 'check');
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stderr, /\/paralel +is not a known field — did you mean "parallel"\?/);
});

test('a run’s file is checked without a daemon', async (t) => {
  const { ry, dir } = cli(t);
  const file = path.join(dir, 'run.yaml');
  fs.writeFileSync(file, 'command: [python, train.py]\ngpus: 1\n');
  assert.deepEqual((await ry('config', 'check', file)).stdout, 'ok');
  fs.writeFileSync(file, 'command: python train.py\n');
  const wrong = await ry('config', 'check', file);
  assert.equal(wrong.exitCode, 4);
  assert.match(wrong.stderr, /\/command +must be array/);
});
