/** What is done about libraries that Qt needs of the system, with a package manager and a Python that only pretend. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { qtTrouble } from '../fixtures/qt.ts';
import { removeTree } from '../remove-tree.ts';

const missing = 'ImportError: libEGL.so.1: cannot open shared object file';

/** A Python that fails until `mended` is there, and an apt-get that notes what it is asked and then does `apt`. */
function pretended(t: TestContext, apt: string): { python: string; asked: () => string } {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-qt-libraries-'));
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
    removeTree(place);
  });
  const script = (name: string, text: string): string => {
    const file = path.join(place, name);
    fs.writeFileSync(file, `#!/bin/sh\ncd '${place}'\n${text}\n`, { mode: 0o755 });
    return file;
  };
  const python = script('python', `[ -e mended ] || { echo '${missing}' >&2; exit 1; }`);
  script('apt-get', `echo "$*" >> asked\n${apt}`);
  process.env.PATH = `${place}:${before}`;
  const log = path.join(place, 'asked');
  return { python, asked: () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '') };
}

const isRoot = process.getuid?.() === 0;

test('what is there is not installed again', async (t) => {
  const { python, asked } = pretended(t, 'exit 1');
  fs.writeFileSync(path.join(path.dirname(python), 'mended'), '');
  assert.equal(await qtTrouble(python), '');
  assert.equal(asked(), '');
});

test('libraries are installed by apt-get, its lists brought up to date first', async (t) => {
  if (!isRoot) return t.skip('only root may install');
  const { python, asked } = pretended(t, 'case "$*" in *install*) touch mended ;; esac');
  assert.equal(await qtTrouble(python), '');
  const [lists, install, ...rest] = asked().trim().split('\n');
  assert.match(lists ?? '', / -y update$/);
  assert.match(install ?? '', / install --no-install-recommends .*libegl1 /);
  assert.deepEqual(rest, []);
});

test('what cannot be installed, or does not help, is said', async (t) => {
  const fails = pretended(t, 'exit 100');
  const said = await qtTrouble(fails.python);
  if (!isRoot) return assert.match(said, /libEGL.so.1.*; as root: apt-get install libegl1 /);
  assert.equal(said, `${missing}; and apt-get could not install what is missing`);
  assert.equal(await qtTrouble(pretended(t, 'exit 0').python), missing);
});
