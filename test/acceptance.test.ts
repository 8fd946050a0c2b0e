/** Every requirement has its row in docs/acceptance.md, and what is named there as its proof exists. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isOfPython, keyOf, readAcceptance, unproven } from '../scripts/acceptance.ts';
import { drills } from './drills/drills.ts';

const root = path.resolve(import.meta.dirname, '..');

/** What the product is judged by: intent, guardrails, parts, lifecycle, contract, failure modes. */
const counts = { N: 3, G: 7, A: 4, L: 6, C: 8, F: 10 };
const ids = Object.entries(counts).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
);

test('docs/acceptance.md has each requirement once, with a proof and a state', () => {
  const rows = readAcceptance();
  assert.deepEqual(
    rows.map(({ id }) => id),
    ids,
  );
  for (const { id, proofs, state } of rows) {
    assert.match(state, /^(holds|partly: .+|not yet(: .+)?)$/, id);
    assert.equal(proofs.length === 0, state.startsWith('not yet'), `${id} has a proof or none yet`);
    const isRun = proofs.some((proof) => !isOfPython(proof));
    assert.ok(isRun || proofs.length === 0, `${id} names what runs its tests in Python`);
  }
});

test('each test, drill and bench that docs/acceptance.md names is in the sources', () => {
  const wrong: string[] = [];
  for (const { id, proofs } of readAcceptance()) {
    for (const proof of proofs) {
      if (proof.kind === 'drill' && !drills.some(({ name }) => name === proof.name))
        wrong.push(`${id}: no drill ${proof.name}`);
      if (proof.kind === 'bench' && !fs.existsSync(path.join(root, `bench/${proof.name}.ts`)))
        wrong.push(`${id}: no bench ${proof.name}`);
      if (proof.kind === 'test' && !isThere(proof))
        wrong.push(`${id}: no test "${proof.title}" in ${proof.file}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('a proof that did not run, failed or was skipped is told as such', () => {
  const row = (text: string) => `| N1 | x | ${text} | holds |`;
  const named = ['one', 'two', 'three', 'four'].map((title) => `\`a.test.ts\` ${title}`);
  const read = readAcceptance(row([...named, 'drill `x`'].join('<br>')));
  const key = (title: string): string => keyOf({ file: 'a.test.ts', title });
  const { failed, skipped } = unproven(
    read,
    new Map([
      [key('one'), 'passed'],
      [key('two'), 'failed'],
      [key('three'), 'skipped'],
    ]),
  );
  assert.deepEqual(failed, ['N1: "two" (a.test.ts) failed', 'N1: "four" (a.test.ts) was not run']);
  assert.deepEqual(skipped, ['N1: "three" (a.test.ts) was skipped']);
  assert.throws(() => readAcceptance(row('somebody said so')), /neither test, drill nor bench/);
});

function isThere({ file, title }: { file: string; title: string }): boolean {
  const where = path.join(root, file);
  if (!fs.existsSync(where)) return false;
  const text = fs.readFileSync(where, 'utf8');
  if (file.endsWith('.py')) return new RegExp(`^(async )?def ${title}\\(`, 'm').test(text);
  return text.includes(`test('${title}'`) || text.includes(`'${title}',`);
}
