/** What goes to a node with a job, and what may come back. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { type Parcel, parcelIn } from '../../src/executors/slurm/parcel.ts';
import { outputSizes, takePiece } from '../../src/executors/slurm/returned.ts';
import { scriptOf } from '../../src/executors/slurm/script.ts';
import type { FileMessage } from '../../src/executors/slurm/talk.ts';
import { gpusOf } from '../../src/worker/job/claim.ts';
import { grantedEnv } from '../../src/worker/job/index.ts';

const parcel = (word: string): Parcel =>
  ({
    v: 1,
    yard: 'test',
    spec: { runId: 'abcdefgh', attempt: 1, argv: ['sh', '-c', word], env: { A: word } },
    node_dir: '/tmp',
    store: '/store',
    mark: null,
    bus: { url: 'nats://h:1', user: 'u', password: 'p' },
    bus_wait_ms: 1000,
  }) as unknown as Parcel;

const words = [
  'plain',
  `it's "quoted" $HOME \`id\``,
  'two\nlines\n#runyard x',
  'ünïcode ✓',
  '%1\\',
];

function scratch(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-parcel-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

test('a parcel comes out of a script as it went in, for each task of an array', () => {
  const parcels = words.map(parcel);
  const script = scriptOf(['run yard', "it's"], parcels);
  for (const [index, each] of parcels.entries()) assert.deepEqual(parcelIn(script, index), each);
  assert.throws(() => parcelIn(script, words.length), /no parcel 5/);
});

test('the script is one for sh, starts its worker with Slurm’s variables alone, and replaces it only when it was killed', async (t) => {
  const dir = scratch(t);
  const log = path.join(dir, 'log');
  const worker = path.join(dir, "a worker's");
  const script = path.join(dir, 'script');
  fs.writeFileSync(
    worker,
    `#!/bin/sh
env > '${log}.env'; printf '%s\\n' "$@" >> '${log}'
[ "$(wc -l < '${log}')" -gt 5 ] && exit 3
kill -9 $$
`,
    { mode: 0o755 },
  );
  fs.writeFileSync(script, scriptOf([worker, 'x y'], words.map(parcel)));
  assert.equal((await execa('sh', ['-n', script])).exitCode, 0);
  const env = { PATH: process.env.PATH, HOME: dir, SLURM_JOB_ID: '17', LD_X: 'theirs' };
  const { exitCode } = await execa('sh', [script], { env, extendEnv: false, reject: false });
  assert.equal(exitCode, 3);
  const call = ['x y', 'worker', '--job', script];
  assert.deepEqual(fs.readFileSync(log, 'utf8').trim().split('\n'), [...call, ...call]);
  const seen = fs.readFileSync(`${log}.env`, 'utf8');
  assert.match(seen, /^SLURM_JOB_ID=17$/m);
  assert.doesNotMatch(seen, /LD_X/);
});

test('a run that asked for no GPU sees none, one that did sees what was granted', () => {
  const hidden = { CUDA_VISIBLE_DEVICES: '', HIP_VISIBLE_DEVICES: '', ROCR_VISIBLE_DEVICES: '' };
  assert.deepEqual(grantedEnv({}, { CUDA_VISIBLE_DEVICES: '0' }), hidden);
  const job = { SLURM_JOB_GPUS: '2,3', CUDA_VISIBLE_DEVICES: '0,1', SLURM_CPUS_PER_TASK: '4' };
  const given = grantedEnv({ OMP_NUM_THREADS: '1', OTHER: 'x' }, job);
  assert.deepEqual(given, {
    CUDA_VISIBLE_DEVICES: '0,1',
    HIP_VISIBLE_DEVICES: '0,1',
    ROCR_VISIBLE_DEVICES: '0,1',
    OMP_NUM_THREADS: '4',
  });
  assert.deepEqual(gpusOf(job), ['2', '3']);
  assert.deepEqual(gpusOf({}), []);
});

test('what comes back is taken in pieces, and is there for others only as a whole', (t) => {
  const dir = scratch(t);
  const places = { attempt: path.join(dir, 'attempt'), store: path.join(dir, 'store') };
  const take = (more: Partial<FileMessage>, text: string): void =>
    takePiece(
      places,
      { type: 'file', area: 'attempt', name: 'out.000001', offset: 0, last: true, ...more },
      Buffer.from(text),
    );
  take({ last: false }, 'ab');
  take({ offset: 2, last: false }, 'cd');
  // Told twice, after an answer that was lost.
  take({ offset: 2 }, 'cd');
  assert.deepEqual(outputSizes(places.attempt), { 'out.000001': 4 });
  take({ name: 'exit' }, '{}');
  assert.deepEqual(outputSizes(places.attempt), { exit: 2, 'out.000001': 4 });
  take({ removed: true }, '');
  assert.deepEqual(outputSizes(places.attempt), { exit: 2 });
  const model = path.join(places.store, 'v1/deep/model.pt');
  take({ area: 'store', name: 'v1/deep/model.pt', last: false }, 'half');
  assert.ok(!fs.existsSync(model));
  take({ area: 'store', name: 'v1/deep/model.pt', offset: 4 }, '+half');
  assert.equal(fs.readFileSync(model, 'utf8'), 'half+half');
  assert.deepEqual(fs.readdirSync(path.dirname(model)), ['model.pt']);
});

test('names that lead elsewhere, or are no file of an attempt, are refused, and nothing is written', (t) => {
  const dir = scratch(t);
  const places = { attempt: path.join(dir, 'home/attempt'), store: path.join(dir, 'home/store') };
  const outside = ['../x', 'a/../../x', '/etc/x', 'a//x', './x', 'a/.', '', '..', 'a\0b', 'a/'];
  const notTheirs = ['launch', 'job', 'spec.json', 'out.1', 'out.000001x', 'trainer', 'exit/x'];
  for (const removed of [false, true]) {
    for (const name of [...outside, ...notTheirs]) refused('attempt', name, removed);
    for (const name of outside) refused('store', name, removed);
  }
  assert.deepEqual(fs.readdirSync(dir), []);

  function refused(area: 'attempt' | 'store', name: string, removed: boolean): void {
    const message = { type: 'file', area, name, offset: 0, last: true, removed } as const;
    const take = () => takePiece(places, message, Buffer.from('x'));
    assert.throws(take, /no file of an attempt/, JSON.stringify(name));
  }
});
