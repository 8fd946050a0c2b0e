/** The package as others get it: packed, installed in an empty place, type-checked against, and run. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { removeTree } from '../remove-tree.ts';

const root = path.resolve(import.meta.dirname, '../..');
const bin = path.join(root, 'node_modules/.bin');

test('the package installs elsewhere, has types, and runs a training from its own files alone', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-pack-'));
  t.after(() => removeTree(dir));
  const [home, app, state] = ['home', 'app', 'state'].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [home, app]) fs.mkdirSync(each);
  const packed = await execa('npm', ['pack', '--json', '--pack-destination', dir], {
    cwd: root,
    env: { RUNYARD_PACK: 'host' },
  });
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] },
  ];
  const names = files.map((file) => file.path);
  for (const name of ['dist/cli/main.js', 'dist/client/index.d.ts', 'dist/console/index.html'])
    assert.ok(names.includes(name), name);
  for (const name of ['schemas/settings.v1.schema.json', 'docs/charts/run.svg', 'docs/notify.md'])
    assert.ok(names.includes(name), name);
  assert.deepEqual(
    names.filter((name) => /^(src|test|bench|node_modules|\.cache)\/|\.env|\.tgz$/.test(name)),
    [],
  );

  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    RUNYARD_HOME: state,
    RUNYARD_GPUS: 'none',
    RUNYARD_NATS_SERVER: path.join(root, '.cache/bin/nats-server'),
    TMPDIR: os.tmpdir(),
    // Where packages come from is the machine's to say; all else is empty.
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) =>
        /^(npm_config_|https?_proxy|no_proxy|NODE_EXTRA_CA)/i.test(name),
      ),
    ),
  };
  const options = { cwd: app, env, extendEnv: false, stdin: 'ignore' } as const;
  const registry = (await execa('npm', ['config', 'get', 'registry'])).stdout.trim();
  fs.writeFileSync(path.join(app, 'package.json'), '{"type":"module","private":true}');
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--registry', registry];
  await execa('npm', ['install', ...quiet, path.join(dir, filename)], options);
  const machines = fs
    .globSync('node_modules/**/xstate/package.json', { cwd: app })
    .map((file) => path.dirname(file));
  assert.deepEqual(machines, ['node_modules/xstate'], 'the charts and their user have one XState');

  fs.writeFileSync(
    path.join(app, 'app.ts'),
    `import { connect, type TrainerClient } from 'runyard';
import { runMachine } from 'runyard/machines';
const client: TrainerClient = await connect();
const { run_id } = await client.submit({ command: ['sh', '-c', 'echo step=1 loss=0.5; exit 3'], cwd: process.cwd() });
const done = await client.wait(run_id);
const code: number = done.exit_code;
// @ts-expect-error: a run has no such field
done.exit_kode;
console.log(JSON.stringify({ code, status: done.status, machine: runMachine.id }));
client.close();
`,
  );
  fs.copyFileSync(
    path.join(root, 'test/fixtures/outsider.model.ts'),
    path.join(app, 'charts.test.ts'),
  );
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--skipLibCheck',
  ];
  const types = ['--types', 'node', '--typeRoots', path.join(root, 'node_modules/@types')];
  const checked = await execa(
    path.join(bin, 'tsc'),
    [...flags, ...types, 'app.ts', 'charts.test.ts'],
    {
      ...options,
      reject: false,
    },
  );
  assert.equal(checked.exitCode, 0, checked.stdout);

  const modelled = await execa(
    process.execPath,
    ['--test', '--test-reporter=spec', 'charts.test.ts'],
    {
      ...options,
      reject: false,
    },
  );
  assert.equal(modelled.exitCode, 0, modelled.stdout);
  assert.match(modelled.stdout, /^ℹ pass 3$/m);

  const runyard = path.join(app, 'node_modules/.bin/runyard');
  try {
    await execa(runyard, ['up'], options);
    const ran = await execa(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'app.ts'],
      options,
    );
    assert.deepEqual(JSON.parse(ran.stdout), { code: 3, status: 'failed', machine: 'run' });
    const { stdout } = await execa(runyard, ['doctor', '--json'], { ...options, reject: false });
    const recorder = (
      JSON.parse(stdout) as { findings: { part: string; text: string }[] }
    ).findings.find(({ part }) => part === 'recorder');
    assert.match(recorder?.text ?? '', /app\/node_modules\/runyard\/prebuilt\//);
  } finally {
    await execa(runyard, ['down', '--stop-runs'], { ...options, reject: false });
  }
});
