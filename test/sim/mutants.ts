/**
 * `npm run sim:mutants [-- NAME…]`: breaks the product on purpose, one bug at a time in a copy of its source,
 * and shows that the simulation catches it. A mutant is a file in test/sim/mutants:
 *
 *   name: what is wrong
 *   weather: the kinds of fault that show it, if it takes rare ones
 *   ambush: where runs are struck, if it takes rare states
 *   file: src/…
 *   find:
 *     lines to replace, as they stand there
 *   replace:
 *     what comes in their place
 *
 * with as many parts of file, find and replace as it takes. Two spaces before each line are taken off.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { type Mutant, mutate, readMutants } from './mutant.ts';

type Verdict = { mutant: string; caughtBy: string; lifecycles: number };

const root = path.join(import.meta.dirname, '..', '..');
const copied = [
  'src',
  'schemas',
  'test/sim',
  'test/fixtures/readers.ts',
  'test/fixtures/console.ts',
  'package.json',
];

const { values, positionals } = parseArgs({
  options: { lifecycles: { type: 'string', default: '12000' }, jobs: { type: 'string' } },
  allowPositionals: true,
});

const mutants = readMutants().filter(
  ({ name, file }) =>
    positionals.length === 0 || positionals.some((part) => `${file} ${name}`.includes(part)),
);
// Without a bug nothing is caught: the same budget, on the source as it is.
if (positionals.length === 0)
  mutants.unshift({ name: 'nothing is wrong', file: '', weather: '', ambush: '', edits: [] });

const verdicts: Verdict[] = [];
const queue = [...mutants];
const jobs = Number(values.jobs ?? os.availableParallelism());
await Promise.all(Array.from({ length: jobs }, work));
const escaped = verdicts.filter(
  ({ mutant, caughtBy }) => (caughtBy === '') !== (mutant === 'nothing is wrong'),
);
console.log(`\n${mutants.length - escaped.length} of ${mutants.length} as they should be`);
if (escaped.length > 0) process.exitCode = 1;

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const verdict = await judge(mutant);
    verdicts.push(verdict);
    const after = `${verdict.lifecycles} lifecycles`;
    const said =
      verdict.caughtBy === '' ? `not caught in ${after}` : `${verdict.caughtBy}, ${after}`;
    console.log(`${verdict.mutant.padEnd(60)} ${said}`);
  }
}

async function judge(mutant: Mutant): Promise<Verdict> {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-mutant-'));
  try {
    for (const each of copied) {
      fs.cpSync(path.join(root, each), path.join(copy, each), { recursive: true });
    }
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    mutate(copy, mutant);
    const args = ['test/sim/cli.ts', '--shard', '1/1', '--lifecycles', values.lifecycles];
    if (mutant.weather !== '') args.push('--weather', mutant.weather);
    if (mutant.ambush !== '') args.push('--ambush', mutant.ambush);
    const { stdout, stderr } = await execa(process.execPath, args, { cwd: copy, reject: false });
    const said = stdout
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    const broken = said.find(({ type }) => type === 'broken');
    const over = said.find(({ type }) => type === 'over');
    if (broken !== undefined) {
      const { invariant, text } = broken.violation as { invariant: string; text: string };
      const caughtBy = `${invariant} in seed ${broken.seed} (${text.split('\n')[0]?.slice(0, 80)})`;
      return { mutant: mutant.name, caughtBy, lifecycles: broken.lifecycles };
    }
    // A mutant that does not even run proves nothing.
    if (over === undefined)
      throw new Error(`"${mutant.name}" does not run:\n${stderr.slice(-2000)}`);
    return { mutant: mutant.name, caughtBy: '', lifecycles: over.lifecycles };
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
}
