/** The Qt bridge, its models and its guard, without a screen. */
import { test } from 'node:test';
import { pytest } from '../fixtures/pytest.ts';
import { clientVenv, findPython, NotInstalled } from '../fixtures/python.ts';
import { qtTrouble } from '../fixtures/qt.ts';

test('the Qt bridge with a real daemon', async (t) => {
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
  await pytest(t, own, ['tests/qt'], { QT_QPA_PLATFORM: 'offscreen' });
});
