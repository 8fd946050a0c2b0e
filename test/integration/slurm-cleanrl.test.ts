/** CleanRL’s DQN as a job of a real Slurm: the same command, the same curve, the same console. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { startChromium } from '../fixtures/chromium.ts';
import { pythonOr, readScalars } from '../fixtures/writers.ts';
import { slurmTrouble } from '../slurm/packages.ts';
import { jobOf, type SlurmYard, startSlurmYard } from '../slurm/yard.ts';
import { openTab, pointsOf } from './console-fixture.ts';
import { until } from './yard.ts';

const trouble = await slurmTrouble();
const skip = trouble === '' ? false : trouble;
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', SDL_VIDEODRIVER: 'dummy' };
const script = ['-m', 'cleanrl.dqn', '--seed', '1', '--total-timesteps', '3000'];
const curve = 'charts/episodic_return';
/** CleanRL may have to be installed first. */
const timeout = 600_000;

type Point = { step: string; value: number };

test('CleanRL’s DQN runs by `executor: slurm` with its curve in the console, unchanged otherwise', {
  skip,
  timeout,
}, async (t) => {
  const python = await pythonOr(t);
  if (python === null) return;
  await using yard = await startSlurmYard({}, { executor: 'local' });
  const here = await trained(yard, python, 'local');
  const there = await trained(yard, python, 'slurm');
  const { gpu_slots: slots } = await yard.client.get(there.run);
  assert.match(String(slots), /^slurm:\d+@node\d$/);
  // Nothing tells the curves apart: the same file, the same points, and those of its own reader.
  const { files, scalars } = await readScalars(python, there.cwd);
  assert.equal(files, 1);
  const written = scalars.filter(([key]) => key === curve);
  assert.ok(written.length > 20, `${written.length} points`);
  assert.deepEqual(
    there.points.map(({ step, value }) => [curve, step, value]),
    written,
  );
  assert.deepEqual(there.points, here.points);
  await inConsole(t, yard, there.run);
});

async function trained(yard: SlurmYard, python: string, executor: 'local' | 'slurm') {
  const cwd = path.join(yard.home, executor);
  fs.mkdirSync(cwd);
  const command = [python, ...script, '--learning-starts', '1000'];
  const { run_id: run } = await yard.client.submit({ command, cwd, executor }, { env });
  const { status, failure_reason: why } = await yard.client.wait(run);
  assert.equal(status, 'completed', JSON.stringify(why));
  const points: Point[] = [];
  for await (const batch of yard.client.metrics(run, { key: curve }))
    for (const { source, step, value } of batch.points)
      if (source === 'tensorboard') points.push({ step, value });
  return { run, cwd, points };
}

async function inConsole(t: TestContext, yard: SlurmYard, run: string): Promise<void> {
  const browser = await startChromium();
  if ('missing' in browser) {
    t.diagnostic(`the console was not looked at: ${browser.missing}`);
    return;
  }
  try {
    const { page, origin, complaints } = await openTab(browser, yard);
    await page.goto(`${origin}/run/${run}`);
    await until(async () => (await pointsOf(page, curve)) > 20, 'the curve');
    const summary = await yard.client.get(run);
    const [, node = ''] = summary.gpu_slots[0]?.split('@') ?? [];
    await page.getByText(`${node} (job ${jobOf(summary)})`).waitFor();
    const shots = process.env.RUNYARD_SHOTS;
    if (shots !== undefined) await page.screenshot({ path: path.join(shots, 'slurm-run.png') });
    await page.goto(`${origin}/`);
    await page.getByText(`${node} (job ${jobOf(summary)})`).waitFor();
    if (shots !== undefined) await page.screenshot({ path: path.join(shots, 'slurm-runs.png') });
    assert.deepEqual(complaints, []);
    await page.goto(`${origin}/submit?like=${run}`);
    const where = page.getByLabel('where', { exact: true });
    assert.equal(await where.inputValue(), 'slurm');
    const group = page.getByRole('group', { name: 'asked of Slurm' });
    await group.getByLabel('partition').fill('ma in');
    await page
      .locator('[data-field="/slurm/partition"]')
      .getByText(/must match/)
      .waitFor();
    await group.getByLabel('partition').fill('main');
    const aside = page.getByRole('complementary', { name: 'what would become of it' });
    await aside.getByText('it is handed to Slurm at once').waitFor();
    if (shots !== undefined)
      await page.screenshot({ path: path.join(shots, 'slurm-submit.png'), fullPage: true });
  } finally {
    await browser.close();
  }
}
