/** The Python client's own tests, with the newest and the oldest libraries that it supports. */
import { type TestContext, test } from 'node:test';
import { pytest } from '../fixtures/pytest.ts';
import { clientVenv, findPython, NotInstalled } from '../fixtures/python.ts';

test('the Python client with the newest protobuf, beside TensorBoard', (t) =>
  client(t, 'newest', ['--ignore=tests/qt']));

/** Files and types are the same whatever the library: of them it needs no second look. */
test('the Python client with the oldest protobuf, beside TensorBoard', (t) =>
  client(t, 'oldest', [
    ...['--ignore=tests/qt', '-k'],
    'test_calls or test_streams or messages_travel or log_needs',
  ]));

async function client(t: TestContext, libraries: 'newest' | 'oldest', args: string[]) {
  const python = await findPython();
  if (python === null) return t.skip('no Python of at least 3.10 with venv is on PATH');
  try {
    await pytest(t, await clientVenv(python, libraries), args);
  } catch (error) {
    if (!(error instanceof NotInstalled)) throw error;
    t.skip(`its packages could not be installed: ${error.message.slice(-500)}`);
  }
}
