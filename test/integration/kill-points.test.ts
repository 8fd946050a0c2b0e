/** Bugs that the chaos test found, each at the failpoint that shows it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { arm } from '../../src/failpoints.ts';
import { journalTrainer, startYard, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

/** A yard whose failpoints can be armed. Its directory of failpoints ends with it. */
async function yardWithFailpoints(use: (yard: Yard, failpoints: string) => Promise<void>) {
  const failpoints = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-points-'));
  try {
    await using yard = await startYard({ RUNYARD_FAILPOINTS: failpoints });
    await use(yard, failpoints);
  } finally {
    fs.rmSync(failpoints, { recursive: true });
  }
}

test('a recorder that dies before it claims its attempt is replaced', () =>
  yardWithFailpoints(async (yard, failpoints) => {
    arm(failpoints, 'recorder.begun');
    const journal = path.join(yard.home, 'journal');
    const command = journalTrainer(journal, 1, 3);
    const { run_id: run } = await yard.client.submit({ command, cwd: yard.home }, { env });
    const done = await yard.client.wait(run, { signal: AbortSignal.timeout(20_000) });
    assert.equal(done.exit_code, 3, done.why);
    assert.equal(fs.existsSync(path.join(failpoints, 'hits.jsonl')), true);
    assert.equal(fs.readFileSync(journal, 'utf8'), 'start\nend\n');
  }));
