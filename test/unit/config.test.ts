import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalJson,
  configDigest,
  loadSettings,
  resolveHome,
  validateConfig,
} from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';

function violationsOf(config: unknown): string[] {
  try {
    validateConfig(config);
  } catch (error) {
    assert(error instanceof RunyardError && error.code === 'config_invalid');
    for (const { rule, hint } of error.violations) assert(rule !== '' && hint !== '');
    return error.violations.map(({ field }) => field);
  }
  return [];
}

test('a configuration with a command alone is valid', () => {
  assert.deepEqual(violationsOf({ command: ['true'] }), []);
});

test('every broken rule is told at once, each with its field and a way out', () => {
  const fields = violationsOf({ comand: ['x'], gpus: '1', env: { A: 1 } });
  assert.deepEqual(fields.sort(), ['/comand', '/command', '/env/A', '/gpus']);
});

test('a misspelt field is answered with the one that was meant', () => {
  assert.throws(
    () => validateConfig({ command: ['x'], tiem_limit_s: 3 }),
    (error: RunyardError) => error.violations[0]?.hint === 'did you mean "time_limit_s"?',
  );
});

test('the digest does not depend on the order of the fields', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse());
      assert.equal(canonicalJson(turned), canonicalJson(value));
    }),
  );
  const config = validateConfig({ command: ['x'], gpus: 1 });
  assert.equal(configDigest(config), configDigest(validateConfig({ gpus: 1, command: ['x'] })));
  assert.match(configDigest(config), /^[0-9a-f]{64}$/);
});

test('options win over the environment, it over the file, it over the defaults', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-settings-'));
  try {
    fs.mkdirSync(path.join(dir, 'runyard'));
    const file = path.join(dir, 'runyard', 'config.yaml');
    fs.writeFileSync(file, 'parallel: 3\ngpus: none\nyard: lab\n');
    const env = { XDG_CONFIG_HOME: dir, HOME: dir, RUNYARD_GPUS: 'fake:2' };
    const { values, origins } = loadSettings(env, { yard: 'mine' });
    assert.deepEqual([values.parallel, values.gpus, values.yard], [3, 'fake:2', 'mine']);
    assert.deepEqual([origins.parallel, origins.grace_s], [file, 'default']);
    fs.writeFileSync(file, 'paralel: 3\n');
    assert.throws(() => loadSettings(env), { code: 'settings_invalid' });
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

test('state lives in RUNYARD_HOME, else in the XDG state directory', () => {
  assert.equal(resolveHome({ RUNYARD_HOME: '/x', HOME: '/h' }), '/x');
  assert.equal(resolveHome({ XDG_STATE_HOME: '/s', HOME: '/h' }), '/s/runyard');
  assert.equal(resolveHome({ HOME: '/h' }), '/h/.local/state/runyard');
});
