/**
 * Builds the web console into dist/console, which the daemon serves, and does nothing when that is up to date.
 * `--check` exits 1 when it is not; `--dev URL` serves the sources, with the API of the daemon at URL.
 * Prints what a browser loads for its first page; more than the limit fails.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { InlineConfig } from 'vite';

/** Compressed JavaScript of the first page, whichever that is. */
export const firstPageMost = 250_000;

const root = path.dirname(import.meta.dirname);
const source = path.join(root, 'console');
const out = path.join(root, 'dist/console');
const stamp = path.join(root, 'dist/console.stamp');
/** What does not get smaller, or is not worth a file. */
const isCompressible = (name: string): boolean => /\.(js|css|html|svg|json)$/.test(name);

/** Loaded only when something is to be built: every start of a daemon may ask whether it is. */
const vite = () => import('vite');

async function config(): Promise<InlineConfig> {
  const { default: react } = await import('@vitejs/plugin-react');
  return {
    configFile: false,
    root: source,
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'es2023',
      // Its polyfill would be one more script; every browser that can run the page has it.
      modulePreload: { polyfill: false },
      // What is inlined is data:, which the policy refuses for all but images.
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  };
}

if (process.argv[1] === import.meta.filename) await main();

async function main(): Promise<void> {
  const dev = process.argv.indexOf('--dev');
  if (dev !== -1) return serve(process.argv[dev + 1] ?? '');
  const wanted = inputsHash();
  const isBuilt =
    fs.existsSync(path.join(out, 'index.html')) &&
    fs.existsSync(stamp) &&
    fs.readFileSync(stamp, 'utf8') === wanted;
  if (process.argv.includes('--check')) {
    process.exitCode = isBuilt ? 0 : 1;
    return;
  }
  if (isBuilt && !process.argv.includes('--force')) return;
  fs.rmSync(stamp, { force: true });
  const { build } = await vite();
  await build(await config());
  await compress();
  const bytes = firstPageBytes(out);
  const told = `console: ${Math.round(bytes / 1000)} kB of JavaScript for the first page, compressed`;
  process.stderr.write(`${told} (at most ${firstPageMost / 1000})\n`);
  if (bytes > firstPageMost) throw new Error('the first page is too large');
  fs.writeFileSync(stamp, wanted);
}

/** Of all that a build depends on. */
function inputsHash(): string {
  const hash = crypto.createHash('sha256');
  const own = fs
    .readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const shared = ['src/units.ts', 'src/contracts/gen/http.v1.ts', 'package-lock.json'];
  for (const file of [
    ...own,
    ...shared.map((name) => path.join(root, name)),
    import.meta.filename,
  ]) {
    hash.update(`${path.relative(root, file)}\0`);
    hash.update(fs.readFileSync(file));
  }
  return hash.digest('hex');
}

/** A .br and a .gz beside each file, as the daemon serves them. */
async function compress(): Promise<void> {
  const files = fs
    .readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && isCompressible(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files) {
    const bytes = fs.readFileSync(file);
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 10 };
    fs.writeFileSync(`${file}.br`, await promisify(zlib.brotliCompress)(bytes, { params }));
    fs.writeFileSync(`${file}.gz`, await promisify(zlib.gzip)(bytes, { level: 9 }));
  }
}

/**
 * Bytes of gzip that the first page takes: the entry with all that it imports, and the largest page
 * with what only that one imports. Throws where nothing is built.
 */
export function firstPageBytes(dir: string): number {
  const index = fs.readFileSync(path.join(dir, 'index.html'), 'utf8');
  const entries = [...index.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map(([, name = '']) => name);
  const always = closure(dir, entries);
  const lazy = entries.flatMap((entry) =>
    namedIn(dir, entry, /import\(["'`]\.\/([^"'`]+\.js)["'`]\)/g),
  );
  const more = lazy.map((page) => {
    const own = [...closure(dir, [page])].filter((name) => !always.has(name));
    return sizeOf(dir, own);
  });
  return sizeOf(dir, [...always]) + Math.max(0, ...more);
}

function closure(dir: string, names: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const next of namedIn(dir, name, /(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g))
      visit(next);
  };
  for (const name of names) visit(name);
  return found;
}

function namedIn(dir: string, name: string, pattern: RegExp): string[] {
  const text = fs.readFileSync(path.join(dir, name), 'utf8');
  return [...text.matchAll(pattern)].map(([, other = '']) => path.join(path.dirname(name), other));
}

function sizeOf(dir: string, names: readonly string[]): number {
  return names
    .map((name) => fs.statSync(path.join(dir, `${name}.gz`)).size)
    .reduce((sum, size) => sum + size, 0);
}

/** With the page's own origin in place of the daemon's, whose check it would fail. */
async function serve(daemon: string): Promise<void> {
  const proxy = { '/api': { target: daemon, changeOrigin: true, headers: { origin: daemon } } };
  const { createServer } = await vite();
  const server = await createServer({ ...(await config()), logLevel: 'info', server: { proxy } });
  await server.listen();
  server.printUrls();
}
