/** The Python client's own tests, with the newest and the oldest libraries that it supports. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { clientDir, clientVenv, findPython, NotInstalled } from '../fixtures/python.ts';
import { removeTree } from '../remove-tree.ts';

type Report = { name: string; when: string; outcome: string; why: string };

test('the Python client with the newest protobuf, beside TensorBoard', (t) =>
  pytest(t, 'newest', []));

/** Files and types are the same whatever the library: of them it needs no second look. */
test('the Python client with the oldest protobuf, beside TensorBoard', (t) =>
  pytest(t, 'oldest', ['-k', 'test_calls or test_streams or messages_travel or log_needs']));

async function pytest(t: TestContext, libraries: 'newest' | 'oldest', args: string[]) {
  const python = await findPython();
  if (python === null) return t.skip('no Python of at least 3.10 with venv is on PATH');
  let own: string;
  try {
    own = await clientVenv(python, libraries);
  } catch (error) {
    if (!(error instanceof NotInstalled)) throw error;
    return t.skip(`its packages could not be installed: ${error.message.slice(-500)}`);
  }
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-py-'));
  const report = path.join(place, 'report.jsonl');
  const temp = ['--basetemp', path.join(place, 'temp')];
  const env = {
    RUNYARD_TEST_NODE: process.execPath,
    RUNYARD_TEST_REPORT: report,
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const { all, exitCode } = await execa(
    own,
    ['-m', 'pytest', '-q', '--tb=short', ...temp, ...args],
    {
      cwd: clientDir,
      env,
      all: true,
      reject: false,
      stdin: 'ignore',
    },
  );
  const lines = fs.existsSync(report) ? fs.readFileSync(report, 'utf8').trim().split('\n') : [];
  removeTree(place);
  for (const { name, outcome, when, why } of lines.map((line) => JSON.parse(line) as Report)) {
    const title = name.replace(/^tests\/test_(\w+)\.py::test_/, '$1: ').replaceAll('_', ' ');
    await t.test(title, (one) => {
      if (outcome === 'skipped') return one.skip(why);
      assert.equal(outcome, 'passed', `${when}: ${why}`);
    });
  }
  assert.equal(exitCode, 0, all);
  assert.ok(lines.length > 5, all);
}
