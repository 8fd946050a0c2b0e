/**
 * The one gate: generated files, format and lint, types, the recorder's own checks, then the tests.
 * `--linters` leaves the tests out. Last line: `N passed, N failed`, each check counted as one.
 */
import path from 'node:path';
import { execa } from 'execa';

const root = path.join(import.meta.dirname, '..');
const recorder = path.join(root, 'recorder');
const node = process.execPath;
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);
const limitMs = 300_000;

type Check = { name: string; command: readonly string[]; cwd?: string; silent?: boolean };

const checks: readonly Check[] = [
  {
    name: 'generated types and drawings are those of schemas and machines',
    command: [node, 'scripts/gen.ts', '--check'],
  },
  {
    name: 'format and lint',
    command: ['node_modules/@biomejs/cli-linux-x64/biome', 'ci', '--colors=off', '.'],
  },
  { name: 'types', command: [bin('tsc'), '--noEmit'] },
  { name: 'types of the console', command: [bin('tsc'), '--noEmit', '-p', 'console'] },
  { name: 'go vet', command: ['go', 'vet', './...'], cwd: recorder },
  // It prints what it would change, and exits 0.
  { name: 'gofmt', command: ['gofmt', '-l', '.'], cwd: recorder, silent: true },
];

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const check of checks) {
  const said = await problemsOf(check);
  if (said === null) counts.passed += 1;
  else counts.failed += 1;
  console.log(said === null ? `✔ ${check.name}` : `✖ ${check.name}\n${said}`);
}
if (!process.argv.includes('--linters')) await addTests();
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function problemsOf({ command, cwd = root, silent = false }: Check): Promise<string | null> {
  const [file = '', ...args] = command;
  const options = { cwd, all: true, reject: false, stdin: 'ignore', timeout: limitMs } as const;
  const { failed, all, shortMessage } = await execa(file, args, options);
  if (!failed && !(silent && all.trim() !== '')) return null;
  return all.trim() || (shortMessage ?? 'failed without a word');
}

async function addTests(): Promise<void> {
  const { exitCode, stdout } = await execa(node, ['scripts/test.ts'], {
    cwd: root,
    reject: false,
    stdin: 'ignore',
    stdout: ['pipe', 'inherit'],
    stderr: 'inherit',
  });
  const found = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m.exec(
    stdout.split('\n').at(-1) ?? '',
  );
  counts.passed += Number(found?.[1] ?? 0);
  counts.failed += Number(found?.[2] ?? 0);
  counts.skipped += Number(found?.[3] ?? 0);
  if (exitCode !== 0 && found?.[2] === undefined) counts.failed += 1;
}
