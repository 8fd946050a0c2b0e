/** Real trainers and real writers, without an edit: CleanRL's DQN, and the wandb package. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ArtifactItem } from '../../src/contracts/index.ts';
import { pythonOr, readScalars } from '../fixtures/writers.ts';
import { startYard, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', SDL_VIDEODRIVER: 'dummy' };
const scripts = path.resolve(import.meta.dirname, '../fixtures/writers');
/** Enough to learn from, and to be over in seconds. */
const short = ['--total-timesteps', '3000', '--learning-starts', '1000'];
const timeout = 600_000;

type Value = [key: string, step: string, value: number | string];

test('CleanRL as it is: every scalar of its event file, as TensorBoard’s own reader finds them', {
  timeout,
}, async (t) => {
  const python = await pythonOr(t);
  if (python === null) return;
  await using yard = await startYard();
  const { run, cwd } = await train(yard, python, ['-m', 'cleanrl.dqn', ...short]);
  const { files, scalars } = await readScalars(python, cwd);
  assert.equal(files, 1);
  assert.ok(scalars.length > 100, `${scalars.length} scalars`);
  assert.deepEqual(await pointsOf(yard, run, 'tensorboard'), sorted(scalars));
});

test('CleanRL with videos and a model: all of them in the store, byte for byte, the videos with their length', {
  timeout,
}, async (t) => {
  const python = await pythonOr(t);
  if (python === null) return;
  await using yard = await startYard();
  const filmed = ['-m', 'cleanrl.dqn', ...short, '--capture-video', '--save-model'];
  const { run, cwd } = await train(yard, python, filmed, { preset: 'cleanrl' });
  const { scalars } = await readScalars(python, cwd);
  assert.deepEqual(await pointsOf(yard, run, 'tensorboard'), sorted(scalars));
  const items: ArtifactItem[] = [];
  for await (const item of yard.client.artifacts(run)) items.push(item);
  const made = fs
    .readdirSync(cwd, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(mp4|cleanrl_model)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
  assert.ok(made.filter((file) => file.endsWith('.mp4')).length > 3, made.join(' '));
  assert.equal(made.filter((file) => file.endsWith('.cleanrl_model')).length, 1);
  for (const file of made) {
    const name = path.relative(cwd, file);
    const item = items.find((each) => each.name === name);
    assert.ok(item, `${name} is in the store`);
    assert.equal(item.sha256, hashOf(file), name);
    assert.equal(hashOf(item.path), item.sha256, name);
    if (name.endsWith('.mp4')) assert.ok(Number(item.duration_s) > 0 && item.width > 0, name);
  }
});

test('a run of the real wandb package, kept offline, gives its history exactly', {
  timeout,
}, async (t) => {
  const python = await pythonOr(t);
  if (python === null) return;
  await using yard = await startYard();
  const log = path.join(yard.home, 'logged.json');
  const script = path.join(scripts, 'log_to_wandb.py');
  const { run } = await train(yard, python, [script, log], { wandb: 'offline' });
  const logged = JSON.parse(fs.readFileSync(log, 'utf8')) as Value[];
  assert.deepEqual(await pointsOf(yard, run, 'wandb'), sorted(logged));
});

/** A run from its submit to its end; in a directory of its own. */
async function train(yard: Yard, python: string, args: string[], config: object = {}) {
  const cwd = path.join(yard.home, 'project');
  fs.mkdirSync(cwd);
  const { run_id: run } = await yard.client.submit(
    { command: [python, ...args], cwd, ...config },
    { env },
  );
  const { status, failure_reason: why } = await yard.client.wait(run);
  assert.equal(status, 'completed', JSON.stringify(why));
  return { run, cwd };
}

async function pointsOf(yard: Yard, run: string, source: string): Promise<Value[]> {
  const found: Value[] = [];
  for await (const { points } of yard.client.metrics(run)) {
    for (const point of points) {
      const value = Number.isFinite(point.value) ? point.value : String(point.value);
      if (point.source === source) found.push([point.key, point.step, value]);
    }
  }
  return sorted(found);
}

function sorted(values: Value[]): Value[] {
  return values.toSorted((a, b) =>
    a[0] === b[0] ? Number(BigInt(a[1]) - BigInt(b[1])) : a[0] < b[0] ? -1 : 1,
  );
}

function hashOf(file: string): string {
  return crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
