/** Probes, the headline and the bundle of a real daemon, with secrets planted wherever one might lie. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { removeTree } from '../remove-tree.ts';
import { startYard, until } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

test('a bundle holds none of the secrets in environment, settings, configurations and logs; probes and headline tell the same', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-bundle-'));
  t.after(() => removeTree(dir));
  const planted = (where: string): string => `planted-${where}-Zx81qWv`;
  const hook = ['curl', `https://chat.example.org/${planted('settings')}`] as [string, ...string[]];
  await using yard = await startYard(
    { WANDB_API_KEY: planted('daemon-env') },
    { settings: { notify: [{ on: ['group'], command: hook }], disk_floor_mib: 0 } },
  );
  const { run_id: run } = await yard.client.submit(
    {
      command: ['sh', '-c', 'exit 3', planted('command')],
      cwd: yard.home,
      name: planted('name'),
      note: planted('note'),
      tags: [planted('tag')],
      params: { key: planted('param') },
      env: { TOKEN: planted('config-env') },
    },
    { env: { PATH: process.env.PATH ?? '', HF_TOKEN: planted('run-env') } },
  );
  await yard.client.wait(run);
  const live = await yard.client.submit(
    { command: ['sleep', '600'], cwd: yard.home },
    { env: { PATH: process.env.PATH ?? '', HF_TOKEN: planted('live-env') } },
  );
  await until(
    async () => (await yard.client.get(live.run_id)).state === 'running.live',
    'the run to live',
  );
  const log = [
    { level: 50, msg: 'it failed', err: { type: 'Error', message: `token=${planted('log')}` } },
    { level: 30, msg: 'x', url: planted('log-field'), err: { message: planted('live-env') } },
  ];
  const lines = [...log.map((each) => JSON.stringify(each)), `password: ${planted('log-text')}`];
  fs.writeFileSync(path.join(yard.home, 'logs/daemon.out'), `${lines.join('\n')}\n`);

  const file = path.join(dir, 'report.tar.gz');
  const env = {
    RUNYARD_HOME: yard.home,
    XDG_CONFIG_HOME: yard.home,
    OPENAI_API_KEY: planted('own-env'),
    SOME_THING: planted('own-plain-env'),
  };
  const made = await execa(runyard, ['doctor', '--bundle', file], { env, reject: false });
  assert.match(made.stderr, /report\.tar\.gz: .*daemon\.log.*look through it/);
  assert.equal(fs.statSync(file).mode & 0o077, 0);
  const out = path.join(dir, 'out');
  fs.mkdirSync(out);
  await execa('tar', ['-xzf', file, '-C', out]);
  const token = fs.readFileSync(path.join(yard.home, 'token'), 'utf8').trim();
  for (const name of fs.readdirSync(out)) {
    const text = fs.readFileSync(path.join(out, name), 'utf8');
    assert.doesNotMatch(text, /planted-|Zx81qWv/, name);
    assert.equal(text.includes(token), false, `${name} holds no token`);
  }
  const read = (name: string) => JSON.parse(fs.readFileSync(path.join(out, name), 'utf8'));
  assert.ok(read('runs.json').some((each: { run_id: string }) => each.run_id === run));
  assert.equal(read('status.json').yard, 'test');
  assert.ok(read('findings.json').some(({ part }: { part: string }) => part === 'sessions'));
  assert.match(fs.readFileSync(path.join(out, 'daemon.log'), 'utf8'), /"msg":"it failed"/);
  const again = await execa(runyard, ['doctor', '--bundle', file], { env, reject: false });
  assert.match(again.stderr, /is there already/);

  const probe = async (what: string): Promise<[number, { status: string; parts: string[] }]> => {
    const { console: address } = await until(
      async () =>
        yard.client.health().then((found) => (found.console && found.bus_connected ? found : null)),
      'console and bus',
    );
    const answer = await fetch(`http://${address}/${what}`);
    return [answer.status, (await answer.json()) as { status: string; parts: string[] }];
  };
  assert.deepEqual(await probe('readyz'), [200, { status: 'ok', parts: [] }]);

  // All of the disk is too little for a floor like this.
  await yard.client.shutdown({ keepBus: true });
  await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to end');
  const config = path.join(yard.home, 'runyard/config.yaml');
  fs.writeFileSync(config, JSON.stringify({ disk_floor_mib: 2 ** 40 }));
  await yard.up();
  assert.deepEqual(await probe('readyz'), [503, { status: 'degraded', parts: ['disk'] }]);
  assert.deepEqual(await probe('healthz'), [200, { status: 'degraded', parts: ['disk'] }]);
  const { stdout } = await execa(runyard, ['status'], { env });
  assert.match(
    stdout,
    /^headline\tdegraded: disk \d+ % full, new runs refused, 1 run unaffected$/m,
  );
});
