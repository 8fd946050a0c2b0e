/** Looking without a daemon: what is shown is true, and nothing is created or changed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import type { RunSummary } from '../../src/contracts/index.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

function cli(yard: Yard) {
  return async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(runyard, args, {
      env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_GPUS: 'none' },
      reject: false,
      stdin: 'ignore',
    });
    return { exitCode, stderr, lines: stdout.split('\n').filter(Boolean), stdout };
  };
}

async function listed(yard: Yard): Promise<RunSummary[]> {
  const { lines } = await cli(yard)('ls', '-a', '--offline', '--json');
  return lines.map((line) => JSON.parse(line) as RunSummary);
}

/** Names, sizes, times and bytes of the registry's files and names of all others at the top. */
function stateOf(home: string): unknown {
  const names = fs.readdirSync(home).sort();
  const registry = names
    .filter((name) => name.startsWith('registry.db'))
    .map((name) => {
      const { mtimeMs, size, ino } = fs.statSync(path.join(home, name));
      return { name, mtimeMs, size, ino };
    });
  return { names, registry };
}

test('ls, show and doctor work beside a daemon, without one, and without a registry; they change nothing', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '1' });
  const submit = async (command: string[], name: string): Promise<string> =>
    (await yard.client.submit({ command, cwd: yard.home, name }, { env })).run_id;
  const bad = await submit(['sh', '-c', 'exit 3'], 'bad');
  const before = await yard.client.wait(bad);
  const live = await submit(['sleep', '600'], 'live');
  await until(
    async () => (await yard.client.get(live)).state === 'running.live',
    'the run to live',
  );
  const waiting = await submit(['true'], 'waiting');
  const all: RunSummary[] = [];
  for await (const run of yard.client.list({ all: true })) all.push(run);
  const shapes = (runs: readonly RunSummary[]): unknown =>
    runs.map(({ run_id, name, state, exit_code }) => ({ run_id, name, state, exit_code }));

  assert.deepEqual(shapes(await listed(yard)), shapes(all));

  await yard.crash();
  const untouched = stateOf(yard.home);
  // What was committed last is in the log alone.
  assert.ok(fs.statSync(path.join(yard.home, 'registry.db-wal')).size > 0);
  const offline = await listed(yard);
  assert.deepEqual(shapes(offline), shapes(all));
  const whyOf = (run: string): string => offline.find(({ run_id }) => run_id === run)?.why ?? '';
  assert.match(whyOf(live), /^lives \(pid \d+\), no daemon$/);
  assert.match(whyOf(waiting), /waits for a daemon/);
  const shown = JSON.parse((await cli(yard)('show', 'bad', '--offline', '--json')).stdout);
  assert.deepEqual(
    [shown.exit_code, shown.events.length, shown.failure_reason],
    [3, before.last_seq, before.failure_reason],
  );
  const healthy = JSON.parse((await cli(yard)('doctor', '--offline', '--json')).stdout);
  const finding = (found: typeof healthy, part: string) =>
    found.findings.find((each: { part: string }) => each.part === part);
  assert.equal(finding(healthy, 'registry').state, 'ok');
  assert.equal(finding(healthy, 'daemon').text, 'not running');
  assert.match(finding(healthy, 'kills').text, /^(every process|best effort)/);
  assert.deepEqual(stateOf(yard.home), untouched);
  // Other tests have temporary directories of their own.
  const copies = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('runyard-offline-'));
  assert.deepEqual(copies, []);

  const kept = path.join(yard.home, 'kept');
  fs.mkdirSync(kept);
  for (const suffix of ['', '-wal', '-shm'])
    fs.renameSync(path.join(yard.home, `registry.db${suffix}`), path.join(kept, `r${suffix}`));
  assert.deepEqual(shapes(await listed(yard)), shapes(all));
  const fromDirs = await cli(yard)('show', bad.slice(0, 7), '--offline');
  assert.match(fromDirs.stderr, /from the run directories: there is no registry/);
  assert.match(fromDirs.stdout, /exited 3/);
  const broken = await cli(yard)('doctor', '--offline', '--json');
  assert.equal(broken.exitCode, 1);
  assert.match(finding(JSON.parse(broken.stdout), 'registry').hint, /--rebuild-registry/);
  assert.ok(!fs.existsSync(path.join(yard.home, 'registry.db')));
  assert.equal((await cli(yard)('show', 'nobody', '--offline')).exitCode, 1);

  for (const suffix of ['', '-wal', '-shm'])
    fs.renameSync(path.join(kept, `r${suffix}`), path.join(yard.home, `registry.db${suffix}`));
  await yard.up();
  assert.equal((await yard.client.get(live)).state, 'running.live');
  await yard.client.stop(live, { now: true });
});

test('without a home there is nothing to list, and no home is made', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-nohome-'));
  try {
    const home = path.join(dir, 'none');
    const { exitCode, stdout } = await execa(runyard, ['ls', '-a', '--offline'], {
      env: { RUNYARD_HOME: home, XDG_CONFIG_HOME: dir },
      reject: false,
    });
    assert.deepEqual([exitCode, stdout, fs.existsSync(home)], [0, '', false]);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

test('points are the same without a daemon, and what takes one is refused', async () => {
  await using yard = await startYard();
  const command = ['sh', '-c', 'for i in 1 2 3 4 5; do echo "step=$i loss=0.$i other=nan"; done'];
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home }, { env });
  await yard.client.wait(run);
  await until(async () => {
    let count = 0;
    for await (const row of yard.client.metricKeys([run])) count += row.count;
    return count === 10;
  }, 'the points in the run’s files');
  const online = await cli(yard)('metrics', run, '--json');
  assert.equal(online.lines.length, 10);
  await yard.crash();
  const runyard = cli(yard);
  assert.deepEqual((await runyard('metrics', run, '--offline', '--json')).lines, online.lines);
  const some = await runyard('metrics', run, '--offline', '--json', '--key', 'lo*', '--from', '4');
  assert.deepEqual(
    some.lines,
    online.lines.slice(3).filter((line) => line.includes('"loss"')),
  );
  const refused = await runyard('metrics', run, '--offline', '--follow');
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /--follow +does not go with --offline/);
});
