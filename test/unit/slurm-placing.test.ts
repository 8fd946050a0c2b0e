/** Where runs go, what they ask Slurm for, and what goes together nowhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOfRetry } from '../../src/actors/retry-run.ts';
import { compose } from '../../src/cli/compose.ts';
import type { Settings, TrainRunConfig } from '../../src/contracts/index.ts';
import { placed, requestOf } from '../../src/daemon/slurm/placing.ts';
import { RunyardError } from '../../src/errors.ts';
import type { RunRow } from '../../src/persistence/index.ts';
import { clusterPlace, slotsText } from '../../src/slots.ts';

type Rules = Settings['executor_rules'];

const config = (more: Partial<TrainRunConfig> = {}): TrainRunConfig => ({
  command: ['true'],
  ...more,
});
const yard = (executor: 'local' | 'slurm', executor_rules: Rules = []) => ({
  executor,
  executor_rules,
});
const where = (given: TrainRunConfig, settings: ReturnType<typeof yard>): string =>
  placed(given, settings, () => true).executor ?? 'local';

test('the word of a run goes before rules, rules before the setting, and the first rule that fits counts', () => {
  const rules: Rules = [
    { executor: 'slurm', gpus_min: 2 },
    { executor: 'local', project: 'toy' },
    { executor: 'slurm', project: 'toy' },
    { executor: 'slurm', tag: 'big', gpus_max: 1 },
    { executor: 'slurm', group: 'night' },
  ];
  const settings = yard('local', rules);
  assert.equal(where(config(), settings), 'local');
  assert.equal(where(config(), yard('slurm')), 'slurm');
  assert.equal(where(config({ executor: 'local' }), yard('slurm')), 'local');
  assert.equal(where(config({ gpus: 2 }), settings), 'slurm');
  assert.equal(where(config({ gpus: 2, executor: 'local' }), settings), 'local');
  assert.equal(where(config({ gpus: 1 }), settings), 'local');
  assert.equal(where(config({ project: 'toy' }), settings), 'local');
  assert.equal(where(config({ tags: ['small', 'big'] }), settings), 'slurm');
  assert.equal(where(config({ tags: ['big'], gpus: 2 }), settings), 'slurm');
  assert.equal(where(config({ group: 'night' }), settings), 'slurm');
});

test('what asks Slurm for something is Slurm’s, whatever the rules say', () => {
  const given = config({ slurm: { partition: 'gpu' } });
  assert.equal(where(given, yard('local', [{ executor: 'local' }])), 'slurm');
});

test('what goes together nowhere is refused with its field, the rule and a way out', () => {
  const refusals: [Partial<TrainRunConfig>, boolean, string, RegExp, RegExp][] = [
    [{ executor: 'local', slurm: { qos: 'x' } }, true, '/slurm', /run here/, /executor: slurm/],
    [{ executor: 'slurm' }, false, '/executor', /sbatch is not on the PATH/, /executor: local/],
    [{ executor: 'slurm', gpus: 0.5 }, true, '/gpus', /whole GPUs, not 0.5/, /gpus: 1/],
    [{ executor: 'slurm', gpu_memory_mib: 9 }, true, '/gpu_memory_mib', /memory/, /gpu:a100/],
    ...['--array=1-3', '--export=NONE', '--requeue', '--output=x', '--signal=USR1', '--wrap'].map(
      (flag): [Partial<TrainRunConfig>, boolean, string, RegExp, RegExp] => [
        { slurm: { flags: ['--exclusive', flag] } },
        true,
        '/slurm/flags',
        new RegExp(`^${flag} is for runyard`),
        /leave it out/,
      ],
    ),
  ];
  for (const [more, hasSlurm, field, rule, hint] of refusals)
    assert.throws(
      () => placed(config(more), yard('local'), () => hasSlurm),
      (error) => {
        assert.ok(error instanceof RunyardError && error.code === 'config_invalid');
        const [violation] = error.violations;
        assert.equal(violation?.field, field);
        assert.match(violation?.rule ?? '', rule);
        assert.match(violation?.hint ?? '', hint);
        return true;
      },
    );
});

test('flags that only begin like ours are the user’s', () => {
  const flags = ['--exclusive', '--nodelist=a', '--export-fil=x', '--constraint=a100'];
  assert.deepEqual(
    placed(config({ slurm: { flags } }), yard('local'), () => true).slurm?.flags,
    flags,
  );
});

test('a run’s wishes go over the yard’s, flags come after them, and Slurm’s limit leaves time for a stop', () => {
  const settings = {
    grace_s: 30,
    slurm: { partition: 'main', account: 'lab', flags: ['--nice'], time_s: 60, warn_s: 10 },
  } as unknown as Settings;
  const usual = requestOf(config(), settings);
  assert.deepEqual(
    [usual.partition, usual.account, usual.qos, usual.timeS, usual.gres, usual.flags],
    ['main', 'lab', undefined, 60, 'gpu', ['--nice']],
  );
  const own = requestOf(
    config({ gpus: 2, cpus: 4, memory_mib: 100, slurm: { partition: 'gpu', flags: ['--x'] } }),
    settings,
  );
  assert.deepEqual(
    [own.partition, own.account, own.gpus, own.cpus, own.memoryMib, own.flags],
    ['gpu', 'lab', 2, 4, 100, ['--nice', '--x']],
  );
  assert.equal(requestOf(config({ time_limit_s: 600 }), settings).timeS, 600 + 30 + 120 + 10);
  const both = config({ time_limit_s: 600, stop: { grace_s: 5 }, slurm: { time_s: 7 } });
  assert.equal(requestOf(both, settings).timeS, 7);
});

test('options of the command line become fields, over those of a file', async () => {
  const of = async (flags: object) =>
    (
      await compose({
        flags,
        words: ['true'],
        shell: { PATH: '/bin' },
        cwd: '/',
        umask: 0o22,
      })
    ).config;
  assert.equal((await of({ executor: 'slurm' })).executor, 'slurm');
  const { slurm, executor } = await of({
    partition: 'gpu',
    slurmTime: '1h30m',
    slurm: ['--exclusive', 'constraint=a100'],
  });
  assert.deepEqual(slurm, {
    partition: 'gpu',
    time_s: 5400,
    flags: ['--exclusive', '--constraint=a100'],
  });
  assert.equal(executor, undefined);
  assert.deepEqual((await of({ executor: 'local' })).slurm, undefined);
  for (const [flags, field] of [
    [{ executor: 'cloud' }, '--executor'],
    [{ executor: 'local', qos: 'x' }, '--executor'],
    [{ slurm: ['-p', 'gpu'] }, '--slurm'],
  ] as const)
    await assert.rejects(of(flags), (error) => {
      assert.equal(error instanceof RunyardError && error.violations[0]?.field, field);
      return true;
    });
});

test('a retry keeps what was asked of Slurm beside what is asked anew, and asks nothing of it when it comes back', () => {
  const row = (from: Partial<TrainRunConfig>) =>
    ({ run_id: 'x', finished_at: 'now', config: JSON.stringify(config(from)) }) as RunRow;
  const before = row({ executor: 'slurm', slurm: { partition: 'gpu', qos: 'low' } });
  assert.deepEqual(configOfRetry(before, { slurm: { partition: 'long' } }), {
    ...config(),
    executor: 'slurm',
    slurm: { partition: 'long', qos: 'low' },
  });
  const back = configOfRetry(before, { executor: 'local' }) as TrainRunConfig;
  assert.equal(where(back, yard('slurm')), 'local');
  const there = configOfRetry(row({ executor: 'local' }), { slurm: { qos: 'x' } });
  assert.equal(where(there as TrainRunConfig, yard('local')), 'slurm');
});

test('slots of a cluster read as node and job', () => {
  assert.equal(clusterPlace(['GPU-0', 'GPU-1']), null);
  assert.equal(slotsText(['0', '1']), '0,1');
  assert.equal(slotsText([]), '');
  assert.equal(slotsText(['slurm:17@node2']), 'node2 (job 17)');
  const slots = ['slurm:17_3@node2', 'slurm:17_3@node2/gpu0', 'slurm:17_3@node2/gpu1'];
  assert.deepEqual(clusterPlace(slots), { job: '17_3', node: 'node2', gpus: ['0', '1'] });
  assert.equal(slotsText(slots), 'node2 GPU 0,1 (job 17_3)');
});
