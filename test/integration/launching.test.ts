/** Who may launch an attempt and when: the daemon's word, its void, and recorders started in advance. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { judge, readExit, voidStart } from '../../src/rundir/index.ts';
import type { WorkerConfig } from '../../src/worker/config.ts';
import { createLaunching } from '../../src/worker/launching.ts';
import { createRecorders } from '../../src/worker/recorders.ts';
import { until } from '../../src/worker/until.ts';
import { type Attempt, eventually, prepare, recorderPath } from '../fixtures/trainers/recording.ts';

const leavesMark = ['sh', '-c', 'echo ran >>marks'];
const ranOnce = (attempt: Attempt): boolean =>
  fs.readFileSync(path.join(attempt.cwd, 'marks'), 'utf8') === 'ran\n';
const exited = (attempt: Attempt) =>
  eventually('the trainer to end', () => readExit(attempt.dir)?.kind === 'exited');

/** What a worker does to launch an attempt, without the rest of it. */
function launcher(t: TestContext, launch: WorkerConfig['launch']) {
  const attempt = prepare(t, { argv: leavesMark });
  const failures: string[] = [];
  const recorders = createRecorders();
  const config = { dir: attempt.dir, recorder: recorderPath(), launch } as WorkerConfig;
  const failed = (text: string): void => void failures.push(text);
  const means = { judge, voidStart, until, recorders, failed };
  const launching = createLaunching({ config, ...means });
  const leaving = new AbortController();
  t.after(() => leaving.abort());
  return { attempt, failures, launching, begun: () => launching.begin(leaving.signal) };
}

test('a launch that is to be told waits for the word, and then runs once', async (t) => {
  const { attempt, launching, begun } = launcher(t, 'told');
  const began = begun();
  assert.equal(judge(attempt.dir).kind, 'unclaimed');
  launching.permit();
  launching.permit();
  await began;
  await exited(attempt);
  assert.ok(ranOnce(attempt));
});

test('a word that came before the attempt counts too', async (t) => {
  const { attempt, launching, begun } = launcher(t, 'told');
  launching.permit();
  await begun();
  await exited(attempt);
});

test('once its end is wished an attempt is voided, even if it was permitted before', async (t) => {
  for (const permitted of [false, true]) {
    const { attempt, launching, begun } = launcher(t, 'told');
    if (permitted) launching.permit();
    launching.refuse();
    await begun();
    assert.equal(judge(attempt.dir).kind, 'voided');
  }
});

test('a worker that may never launch voids what nobody has claimed', async (t) => {
  const { attempt, launching, begun } = launcher(t, 'never');
  launching.permit();
  await begun();
  assert.equal(judge(attempt.dir).kind, 'voided');
});

test('a worker that waits for the word notices that the daemon voids the attempt', async (t) => {
  const { attempt, begun } = launcher(t, 'told');
  const began = begun();
  assert.equal(voidStart(attempt.dir), 'voided');
  await began;
  assert.equal(judge(attempt.dir).kind, 'voided');
});

test('a recorder that waits runs the attempt that it is told of', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  const recorders = createRecorders();
  recorders.prepare(recorderPath());
  recorders.start(recorderPath(), attempt.dir, assert.fail);
  await exited(attempt);
  assert.ok(ranOnce(attempt));
});

test('a recorder that was killed while it waited is replaced', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  const recorders = createRecorders();
  const before = new Set(children());
  recorders.prepare(recorderPath());
  const pid = await eventually('the recorder to wait', () =>
    children().find((child) => !before.has(child) && commandOf(child).includes('--wait')),
  );
  process.kill(pid, 'SIGKILL');
  // At once: that it is gone has not been heard yet.
  recorders.start(recorderPath(), attempt.dir, assert.fail);
  await exited(attempt);
  assert.ok(ranOnce(attempt));
});

test('a recorder that cannot be started is told', async (t) => {
  const { attempt } = launcher(t, 'told');
  const said = await new Promise<string>((resolve) => {
    createRecorders().start('/nonexistent/recorder', attempt.dir, resolve);
  });
  assert.match(said, /the recorder did not start: .*ENOENT/);
});

function children(): number[] {
  const text = fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
