/**
 * Runs the tests: `npm test [-- NAME…]`, where a NAME is part of a test file's path.
 * Last line: `N passed, N failed`, with `, N skipped` if any. Fails too when something survived: a process that
 * carries this run's mark in its environment, or a directory in this run's temporary root.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { keyOf, readAcceptance, unproven } from './acceptance.ts';

type Counts = { passed: number; failed: number; skipped: number };

/** Many of them start daemons and servers, and then wait for them: three at a time keep two cores busy. */
const groups = [
  { dirs: ['unit', 'model', 'drills', '.'], concurrency: Math.max(2, os.availableParallelism()) },
  { dirs: ['integration', 'sim', 'chaos'], concurrency: Math.max(3, os.availableParallelism()) },
];
const testTimeoutMs = 300_000;
const overallMs = 2_400_000;
/** What was told to end may need a moment: a worker publishes for up to five seconds without a daemon. */
const settleMs = 8000;

const root = path.join(import.meta.dirname, '..');
const mark = crypto.randomBytes(8).toString('hex');
const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'ryt-'));
process.env.RUNYARD_TEST_MARK = mark;
process.env.TMPDIR = temp;
// A state directory of the user's must never be touched by a test that forgot to name its own.
process.env.RUNYARD_HOME = path.join(temp, 'no-home-was-named');

process.chdir(root);
/** Told again at the end: what a group printed is far up by then. */
const failures: string[] = [];
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
/** How each test ended, by its file and title. */
const ran = new Map<string, 'passed' | 'failed' | 'skipped'>();
const overall = AbortSignal.timeout(overallMs);
for (const { dirs, concurrency } of groups) {
  const files = dirs.flatMap(testFiles).filter(isWanted);
  if (files.length > 0 && !overall.aborted) await runGroup(files, concurrency);
}
if (overall.aborted) fail(`the tests took longer than ${overallMs / 60_000} minutes`);
for (const survivor of await survivors()) fail(survivor);
if (process.argv.length === 2) tellUnproven();
if (counts.passed + counts.failed + counts.skipped === 0) fail('no test was run');
fs.rmSync(temp, { recursive: true, force: true, maxRetries: 3 });
for (const failure of failures) fs.writeSync(1, `${failure}\n`);
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
fs.writeSync(1, `${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
process.exit(counts.failed > 0 ? 1 : 0);

function testFiles(dir: string): string[] {
  const folder = path.join(root, 'test', dir);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: dir !== '.' })
    .map((name) => path.join(folder, String(name)))
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
}

function isWanted(file: string): boolean {
  const names = process.argv.slice(2);
  return names.length === 0 || names.some((name) => path.relative(root, file).includes(name));
}

function fail(text: string): void {
  counts.failed += 1;
  fs.writeSync(1, `✖ ${text}\n`);
}

function note(data: { file?: string; name: string }, end: 'passed' | 'failed' | 'skipped'): void {
  ran.set(keyOf({ file: path.relative(root, data.file ?? ''), title: data.name }), end);
}

/** Of a whole run: what docs/acceptance.md names as a proof has run and passed, or is told as skipped. */
function tellUnproven(): void {
  const { failed, skipped } = unproven(readAcceptance(), ran);
  for (const text of failed) {
    fail(`docs/acceptance.md, ${text}`);
    failures.push(`✖ docs/acceptance.md, ${text}`);
  }
  for (const text of skipped) failures.push(`not proven here: ${text}`);
}

async function runGroup(files: string[], concurrency: number): Promise<void> {
  const events = run({
    files,
    concurrency,
    timeout: testTimeoutMs,
    signal: overall,
    execArgv: ['--conditions=development', '--disable-warning=ExperimentalWarning'],
  });
  const count = (data: { nesting: number; skip?: unknown; todo?: unknown; details: object }) => {
    // Suites are counted by their tests.
    if ((data.details as { type?: string }).type === 'suite') return null;
    return data.skip !== undefined || data.todo !== undefined ? 'skipped' : 'counted';
  };
  events.on('test:pass', (data) => {
    const kind = count(data);
    if (kind === 'skipped') counts.skipped += 1;
    if (kind === 'counted') counts.passed += 1;
    if (kind !== null) note(data, kind === 'counted' ? 'passed' : 'skipped');
  });
  events.on('test:fail', (data) => {
    // A suite fails by itself only when its own hooks do; its tests were counted.
    const error = data.details.error as (Error & { failureType?: string }) | undefined;
    if (error?.failureType === 'subtestsFailed') return;
    counts.failed += 1;
    note(data, 'failed');
    failures.push(`✖ ${data.name} (${path.relative(root, data.file ?? '')})\n${textOf(error)}`);
  });
  const printed = events.compose(spec as never) as NodeJS.ReadableStream;
  for await (const text of printed) fs.writeSync(1, String(text));
}

/** The cause, not the runner's own wrapping of it; no more of a long one than tells what it is. */
function textOf(error: Error | undefined): string {
  const told = error?.cause instanceof Error ? error.cause : error;
  const lines = String(told?.stack ?? told?.message ?? told).split('\n');
  return lines
    .slice(0, 25)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n');
}

/** What carries the mark or lies in the temporary root; processes are killed, by pid. */
async function survivors(): Promise<string[]> {
  const deadline = Date.now() + settleMs;
  let pids = markedPids();
  while (pids.length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    pids = markedPids();
  }
  const found = pids.map((pid) => `process ${pid} survived the tests: ${commandOf(pid)}`);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It went by itself in the meantime.
    }
  }
  // Node's own compile cache is no leak of ours.
  const left = fs.readdirSync(temp).filter((name) => name !== 'node-compile-cache');
  return [...found, ...left.map((name) => `${path.join(temp, name)} was left by the tests`)];
}

function markedPids(): number[] {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return fs
        .readFileSync(`/proc/${pid}/environ`, 'latin1')
        .includes(`RUNYARD_TEST_MARK=${mark}`);
    } catch {
      return false;
    }
  });
}

function commandOf(pid: number): string {
  try {
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return words.slice(0, 200) || '(ending)';
  } catch {
    return '(gone)';
  }
}
