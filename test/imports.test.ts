/**
 * A trainer is a subprocess, never a library: nothing of ours can load one (F9). The import graph is walked from every
 * file of ours; a package that can load a trainer, or a Python within this process, is nowhere in it nor in the lock file.
 * `clients/python/tests/test_imports.py` does the same for Python.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseSync } from 'vite';
import { removeTree } from './remove-tree.ts';

const root = path.join(import.meta.dirname, '..');
const folders = ['src', 'console/src', 'scripts', 'bench', 'demo', 'examples', 'clients', 'test'];
const code = /\.(ts|tsx|mts|mjs|js|cjs)$/;

/** Trainers, what trains within a process, and what makes a Python of the process itself. */
const trainers =
  /^(cleanrl|corl|torch|tensorflow|onnxruntime|libtorch)|^@tensorflow\/|^@(pipcook|xenova|huggingface)\/|pythonia|pymport|pyodide|node-calls-python|python[.-]?(node|bridge|shell|embed)/;

type Import = { file: string; to: string | null };

test('nothing of ours can import a trainer', () => {
  const seen = ours();
  assert.ok(seen.files.size > 500, 'the whole of it is walked');
  assert.deepEqual(problemsOf(seen.imports, packagesOf('package.json')), []);
});

test('no package that is installed is a trainer, or makes a Python of this process', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, unknown> };
  const names = Object.keys(lock.packages).map((place) => place.replace(/^.*node_modules\//, ''));
  assert.ok(names.length > 100);
  assert.deepEqual(
    names.filter((name) => trainers.test(name)),
    [],
  );
});

test('no native library is loaded by hand', () => {
  const wrong = [...ours().files].filter((file) =>
    new RegExp(['process', 'dlopen'].join('\\.')).test(fs.readFileSync(file, 'utf8')),
  );
  assert.deepEqual(wrong, []);
});

test('an import of a trainer is found, however it is written', (t) => {
  const found = (text: string): string[] => {
    const place = madeUp(t, { 'src/a.ts': "import './b.ts';", 'src/b.ts': text, 'src/c.py': '' });
    return problemsOf(graphOf(place, ['src']).imports, new Set(['execa']));
  };
  assert.deepEqual(found("import { execa } from 'execa'; import 'node:fs';"), []);
  for (const line of [
    "import 'cleanrl';",
    "export * from 'corl/dqn';",
    "import type { X } from '@tensorflow/tfjs';",
    "await import('pythonia');",
    // In two parts, so that this file passes its own test.
    ['const x = require', "('torch');"].join(''),
    "import '../../elsewhere.ts';",
    "import './c.py';",
    'await import(name);',
    "import 'not-declared';",
  ]) {
    assert.equal(found(line).length, 1, line);
  }
});

let walked: ReturnType<typeof graphOf> | undefined;

/** Reading some hundred files takes a while: once is enough. */
function ours() {
  walked ??= graphOf(root, folders);
  return walked;
}

/** Every file below the folders, what they import, and what that imports in turn. */
function graphOf(top: string, inner: readonly string[]) {
  const waiting = inner.flatMap((name) => codeBelow(path.join(top, name)));
  const files = new Set(waiting);
  const imports: (Import & { top: string })[] = [];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const to of importsOf(file)) {
      imports.push({ top, file, to });
      if (to === null || !to.startsWith('.')) continue;
      const next = path.resolve(path.dirname(file), to);
      if (!code.test(next) || files.has(next) || !fs.existsSync(next)) continue;
      files.add(next);
      waiting.push(next);
    }
  }
  return { files, imports };
}

function problemsOf(
  imports: readonly (Import & { top: string })[],
  packages: ReadonlySet<string>,
): string[] {
  return imports.flatMap(({ top, file, to }) => {
    const name = path.relative(top, file);
    const say = (what: string): string[] => [`${name} ${what}`];
    if (to === null) return say('imports what it computes');
    if (to.startsWith('.')) {
      const target = path.resolve(path.dirname(file), to);
      if (path.relative(top, target).startsWith('..')) return say(`imports ${to}, outside`);
      return code.test(to) || /\.(css|json)$/.test(to)
        ? []
        : say(`imports ${to}, which is no code`);
    }
    const [first = '', second = ''] = to.split('/');
    const owner = to.startsWith('@') ? `${first}/${second}` : first;
    if (trainers.test(owner)) return say(`imports the trainer ${to}`);
    if (isBuiltin(to) || packages.has(owner)) return [];
    return say(`imports ${to}, which package.json does not name`);
  });
}

/** Modules that a file names, in whatever way; null for one that it computes. */
function importsOf(file: string): (string | null)[] {
  const text = fs.readFileSync(file, 'utf8');
  const { module, errors } = parseSync(file, text);
  assert.deepEqual(errors, [], file);
  const named = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
    ),
    ...[...text.matchAll(/\brequire\(\s*'([^']+)'\s*\)/g)].map(([, name = '']) => name),
  ];
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => {
    const written = text.slice(start, end);
    return /^(['"`])[^'"`$]*\1$/.test(written) ? written.slice(1, -1) : null;
  });
  return [...new Set([...named, ...dynamic])];
}

function packagesOf(file: string): ReadonlySet<string> {
  const about = JSON.parse(read(file)) as Record<string, object> & { name: string };
  // By its own name a package imports itself.
  return new Set([about.name, ...Object.keys({ ...about.dependencies, ...about.devDependencies })]);
}

function codeBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && code.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.split(path.sep).includes('node_modules'));
}

function madeUp(t: TestContext, files: Readonly<Record<string, string>>): string {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-imports-'));
  t.after(() => removeTree(place));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
    fs.writeFileSync(path.join(place, name), text);
  }
  return place;
}

function read(name: string): string {
  return fs.readFileSync(path.join(root, name), 'utf8');
}
