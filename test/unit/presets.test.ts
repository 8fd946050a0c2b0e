import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withHelper } from '../../src/actors/index.ts';
import { captureEnv, capturePlan, validateConfig } from '../../src/contracts/index.ts';

const command: [string] = ['x'];

test('what is said itself wins over a preset', () => {
  assert.deepEqual(capturePlan({ command }), { artifacts: [], formats: null, printed: null });
  const preset = 'cleanrl';
  assert.ok(capturePlan({ command, preset }).artifacts.includes('videos/**'));
  assert.deepEqual(capturePlan({ command, preset, artifacts: [] }).artifacts, []);
});

test('wandb writes files where the preset or the configuration asks for it', () => {
  const preset = 'corl';
  assert.deepEqual(captureEnv({ command }, {}), {});
  assert.deepEqual(captureEnv({ command, preset }, {}), { WANDB_MODE: 'offline' });
  // Of the shell: a preset only fills in.
  assert.deepEqual(captureEnv({ command, preset }, { WANDB_MODE: 'online' }), {});
  assert.deepEqual(captureEnv({ command, wandb: 'offline' }, { WANDB_MODE: 'online' }), {
    WANDB_MODE: 'offline',
  });
  const env = { WANDB_MODE: 'disabled' };
  assert.deepEqual(captureEnv({ command, preset, wandb: 'offline', env }, {}), env);
});

test('an unknown preset names the field and what there is', () => {
  assert.throws(
    () => validateConfig({ command, preset: 'rllib' }),
    (error: { violations?: { field: string }[] }) => error.violations?.[0]?.field === '/preset',
  );
});

test('the helper hides nothing on the path of Python, and brings no working directory onto it', () => {
  const of = (configured: Record<string, string>, submitted: Record<string, string>) =>
    withHelper(configured, submitted).PYTHONPATH?.replace(/[^:]*\/clients\/python\/src$/, 'helper');
  assert.equal(of({}, {}), 'helper');
  assert.equal(of({}, { PYTHONPATH: '' }), 'helper');
  assert.equal(of({}, { PYTHONPATH: '/a:/b' }), '/a:/b:helper');
  assert.equal(of({ PYTHONPATH: '/c' }, { PYTHONPATH: '/a' }), '/c:helper');
});
