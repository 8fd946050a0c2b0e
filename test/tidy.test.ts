/** What a linter cannot hold: who imports whom, what machines may know, and the size of things. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '..');
const src = path.join(root, 'src');

/** Files of more than 300 lines, each with its reason. */
const argued: Readonly<Record<string, string>> = {
  'src/actors/queue.ts':
    'one object: who waits, who holds what, and what is granted and said of it',
  'src/actors/supervisor.ts': 'the life of a run’s actor: entered, committed, rebuilt, let go',
  'src/daemon/parts.ts': 'the composition root: wiring without decisions, in the order of a start',
};
const linesMax = 300;

/** Folders that decide and do nothing else. */
const pure: readonly string[] = ['machines', 'allocator'];

/**
 * Folders of src that each folder may import. What is missing here may import nothing of ours but
 * itself; `errors`, `gate`, `small`, `numbers`, `params`, `slots` and `units` are open to all, `failpoints` to all that have effects. Names with `type:` may be imported as types only.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  rundir: [],
  artifacts: ['rundir'],
  audit: ['type:telemetry'],
  telemetry: ['type:machines'],
  inventory: ['telemetry'],
  machines: ['type:contracts'],
  chart: [],
  testing: ['machines'],
  allocator: [],
  persistence: ['contracts', 'telemetry', 'rundir', 'type:machines'],
  processes: ['rundir'],
  executors: ['contracts', 'telemetry', 'rundir', 'processes', 'machines'],
  transport: ['audit', 'contracts', 'telemetry', 'rundir'],
  capture: [],
  history: ['rundir'],
  worker: [
    ...['artifacts', 'capture', 'contracts', 'telemetry', 'rundir', 'processes', 'machines'],
    ...['transport', 'executors', 'history'],
  ],
  actors: [
    ...['contracts', 'telemetry', 'rundir', 'machines', 'allocator', 'persistence', 'executors'],
  ],
  client: ['contracts'],
  // The daemon and the worker are the command line's own processes: loaded when they are to run.
  cli: [
    'client',
    'contracts',
    'dynamic:chart',
    'type:chart',
    'dynamic:machines',
    'dynamic:daemon',
    'dynamic:worker',
    'dynamic:offline',
    'dynamic:audit',
    'type:audit',
    'type:offline',
    'dynamic:backup',
    'dynamic:notify',
    'type:notify',
    'dynamic:transport',
    'type:transport',
  ],
  notify: ['type:contracts'],
  backup: ['audit', 'persistence', 'rundir'],
  offline: [
    ...['actors', 'contracts', 'executors', 'history', 'persistence', 'processes', 'rundir'],
    'telemetry',
  ],
  daemon: [
    ...['actors', 'allocator', 'artifacts', 'audit', 'contracts', 'executors', 'history'],
    ...['inventory', 'machines', 'notify'],
    ...['persistence', 'processes', 'rundir', 'telemetry', 'transport'],
  ],
};

type Import = { from: string; to: string; kind: 'value' | 'type' | 'dynamic' };

test('imports point one way', () => {
  const wrong = sourceImports().filter(({ from, to, kind }) => {
    const [mine, other] = [folderOf(from), folderOf(to)];
    if (
      mine === other ||
      ['errors', 'gate', 'small', 'numbers', 'params', 'slots', 'units'].includes(other)
    )
      return false;
    if (other === 'failpoints' && !pure.includes(mine)) return false;
    const may = allowed[mine] ?? [];
    if (may.includes(other)) return false;
    return !(kind !== 'value' && may.includes(`${kind}:${other}`));
  });
  assert.deepEqual(wrong.map(sentence), []);
});

test('outsiders come in by a folder’s index.ts alone', () => {
  const wrong = sourceImports().filter(({ from, to }) => {
    const other = folderOf(to);
    if (folderOf(from) === other || path.dirname(to) === src) return false;
    return path.basename(to) !== 'index.ts';
  });
  assert.deepEqual(wrong.map(sentence), []);
});

test('nobody imports daemon.ts but the command line, when it becomes the daemon', () => {
  const wrong = sourceImports().filter(
    ({ from, to, kind }) =>
      to === path.join(src, 'daemon.ts') && !(folderOf(from) === 'cli' && kind === 'dynamic'),
  );
  assert.deepEqual(wrong.map(sentence), []);
});

test('machines know no clock, no randomness, no process, no I/O and no `after:`', () => {
  const banned = [
    /\bDate\b/,
    /Math\.random/,
    /\bprocess\./,
    /from 'node:/,
    /\bafter:/,
    /\bsetTimeout\b/,
    /\bsetInterval\b/,
    /\bcrypto\b/,
  ];
  for (const folder of pure) {
    for (const file of files(path.join(src, folder), '.ts')) {
      const code = withoutComments(fs.readFileSync(file, 'utf8'));
      for (const pattern of banned) assert.doesNotMatch(code, pattern, relative(file));
      for (const name of packagesOf(code)) assert.equal(name, 'xstate', relative(file));
    }
  }
});

test('a source file has at most 300 lines, or an argued reason', () => {
  const long = files(src, '.ts')
    .filter((file) => !relative(file).startsWith('src/contracts/gen/'))
    .filter((file) => fs.readFileSync(file, 'utf8').split('\n').length - 1 > linesMax)
    .map(relative);
  assert.deepEqual(
    long.filter((file) => argued[file] === undefined),
    [],
  );
});

test('no file names a place of one machine', () => {
  // Put together here, so that this file passes its own test.
  const places = ['work', 'root'].map((name) => `/${name}/`);
  const wrong: string[] = [];
  for (const file of ownTextFiles()) {
    fs.readFileSync(file, 'utf8')
      .split('\n')
      .forEach((line, index) => {
        const bare = line.replaceAll(/\$\{?[\w.]+\}?\/(work|root)\//g, '');
        const named = places.some((place) => new RegExp(`(^|[\\s'"\`(=:])${place}`).test(bare));
        if (named) wrong.push(`${relative(file)}:${index + 1}`);
      });
  }
  assert.deepEqual(wrong, []);
});

test('what is left to do names its issue', () => {
  const open = new RegExp(
    `\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b(?!\\(#\\d+\\))`,
  );
  const wrong = ownTextFiles().filter((file) => {
    if (file.endsWith('tidy.test.ts') || file.endsWith('.md')) return false;
    return open.test(fs.readFileSync(file, 'utf8'));
  });
  assert.deepEqual(wrong.map(relative), []);
});

test('links in the documents lead to a file, and to a heading of it', () => {
  const pages = [...files(path.join(root, 'docs'), '.md')].concat(
    ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].map((name) => path.join(root, name)),
  );
  const wrong = pages.flatMap((page) =>
    [...fs.readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, to = '']) => to)
      .filter((to) => !/^\w+:/.test(to))
      .filter((to) => {
        const [file = '', heading = ''] = to.split('#');
        const target = file === '' ? page : path.resolve(path.dirname(page), file);
        if (!fs.existsSync(target)) return true;
        return heading !== '' && target.endsWith('.md') && !headingsOf(target).includes(heading);
      })
      .map((to) => `${relative(page)}: ${to}`),
  );
  assert.deepEqual(wrong, []);
});

/** As links name them. */
function headingsOf(page: string): string[] {
  return [...fs.readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('exports have names', () => {
  const wrong = codeFiles().filter((file) =>
    /^export (default\b|\* )/m.test(fs.readFileSync(file, 'utf8')),
  );
  assert.deepEqual(wrong.map(relative), []);
});

test('every folder of src has a door', () => {
  // Parts of the composition root, for daemon.ts alone; it is their door.
  const doorless = ['daemon'];
  const wrong = fs
    .readdirSync(src, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !doorless.includes(entry.name))
    .filter((entry) => !hasDoor(path.join(src, entry.name)))
    .map((entry) => entry.name);
  assert.deepEqual(wrong, []);
});

/** An index.ts, or folders that each have one. */
function hasDoor(folder: string): boolean {
  if (fs.existsSync(path.join(folder, 'index.ts'))) return true;
  const inner = fs.readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory());
  return inner.length > 0 && inner.every((e) => hasDoor(path.join(folder, e.name)));
}

function sourceImports(): Import[] {
  return files(src, '.ts').flatMap((from) => {
    const code = withoutComments(fs.readFileSync(from, 'utf8'));
    const found: Import[] = [];
    const add = (kind: Import['kind'], to: string): void => {
      if (to.startsWith('.')) found.push({ from, to: path.resolve(path.dirname(from), to), kind });
    };
    for (const [, head = '', to = ''] of code.matchAll(
      /^(?:import|export)\s([^;]*?)from\s+'([^']+)'/gm,
    )) {
      const inner = /^\s*\{([^}]*)\}\s*$/.exec(head)?.[1];
      const names = inner
        ?.split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
      const onlyTypes =
        head.startsWith('type ') || (names?.every((name) => name.startsWith('type ')) ?? false);
      add(onlyTypes ? 'type' : 'value', to);
    }
    for (const [, to = ''] of code.matchAll(/^import\s+'([^']+)'/gm)) add('value', to);
    for (const [, to = ''] of code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) add('dynamic', to);
    return found;
  });
}

function packagesOf(code: string): string[] {
  const all = [...code.matchAll(/from\s+'([^'.][^']*)'/g)].map(([, name = '']) => name);
  return [...new Set(all)];
}

/** First folder below src; `daemon` for daemon.ts, `errors` for errors.ts. */
function folderOf(file: string): string {
  return (path.relative(src, file).split(path.sep)[0] ?? '').replace(/\.ts$/, '');
}

function sentence({ from, to, kind }: Import): string {
  const how = kind === 'value' ? '' : ` (${kind})`;
  return `${relative(from)} imports ${relative(to)}${how}`;
}

function relative(file: string): string {
  return path.relative(root, file);
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

function files(folder: string, ending: string): string[] {
  return (
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => !file.split(path.sep).includes('node_modules'))
      // Definitions of others, as they were published.
      .filter((file) => !file.includes('fixtures/otlp/opentelemetry/'))
  );
}

function codeFiles(): string[] {
  const folders = ['src', 'test', 'demo', 'scripts', 'bench', 'examples', 'console'];
  return folders
    .map((name) => path.join(root, name))
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) => files(folder, '.ts'));
}

function ownTextFiles(): string[] {
  const endings = ['.ts', '.go', '.py', '.sh', '.md', '.json', '.yaml', '.proto'];
  const top = fs
    .readdirSync(root)
    .filter((name) => endings.includes(path.extname(name)) && name !== 'package-lock.json')
    .map((name) => path.join(root, name));
  const folders = [
    'src',
    'test',
    'demo',
    'scripts',
    'bench',
    'examples',
    'docs',
    'schemas',
    'recorder',
    'clients',
  ];
  const inner = folders
    .map((name) => path.join(root, name))
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) => endings.flatMap((ending) => files(folder, ending)));
  return [...top, ...inner];
}

test('the console imports of src what a browser can have: units, slots, parameters, and types of the contracts', () => {
  const folder = path.join(root, 'console/src');
  const wrong = [...files(folder, '.ts'), ...files(folder, '.tsx')].flatMap((file) =>
    [...fs.readFileSync(file, 'utf8').matchAll(/from '((?:\.\.\/)+src\/[^']+)'/g)]
      .map(([, to = '']) => path.relative(src, path.resolve(path.dirname(file), to)))
      .filter(
        (to) => !['units.ts', 'slots.ts', 'params.ts', 'contracts/gen/http.v1.ts'].includes(to),
      )
      .map((to) => `${relative(file)} imports ${to}`),
  );
  assert.deepEqual(wrong, []);
});
