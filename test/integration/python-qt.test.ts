/** The Qt bridge, its models and its guard, without a screen. */
import { type TestContext, test } from 'node:test';
import { pytest } from '../fixtures/pytest.ts';
import { clientVenv, findPython, NotInstalled } from '../fixtures/python.ts';
import { qtTrouble } from '../fixtures/qt.ts';

test('the Qt bridge with a real daemon', (t) =>
  qt(t, ['bridge', 'faults', 'flood', 'guard', 'package_qt']));

test('the models and widgets of Qt, ten thousand runs in them', (t) =>
  qt(t, ['clicks', 'models', 'seeds', 'video', 'widgets']));

test('the Qt window with a real daemon', (t) => qt(t, ['app', 'window']));

/** Each in a process of its own: what one leaves of Qt is not the next one's. */
async function qt(t: TestContext, parts: string[]): Promise<void> {
  const python = await findPython();
  if (python === null) return t.skip('no Python of at least 3.10 with venv is on PATH');
  let own: string;
  try {
    own = await clientVenv(python, 'qt');
  } catch (error) {
    if (!(error instanceof NotInstalled)) throw error;
    return t.skip(`its packages could not be installed: ${error.message.slice(-500)}`);
  }
  const trouble = await qtTrouble(own);
  if (trouble !== '') return t.skip(`Qt does not run here: ${trouble}`);
  const files = parts.map((part) => `tests/qt/test_${part}.py`);
  await pytest(t, own, files, { QT_QPA_PLATFORM: 'offscreen' });
}
