/** The bus loses everything in the midst of a run that leaves points in several places at once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { MetricPoint } from '../../src/contracts/index.ts';
import { stored } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

/** Until it is told to end: to its output, to `$RUNYARD_METRICS`, and into a table, in no order of theirs. */
const writing = `
import os, sys, time
go = sys.argv[1]
i = 0
with open('progress.csv', 'w') as table, open(os.environ['RUNYARD_METRICS'], 'a') as lines:
    table.write('step,x,y\\n')
    while not os.path.exists(go) or i % 50:
        while os.path.exists(go + '.hold'): time.sleep(0.01)
        i += 1
        if i % 2: print('step=%d a=%d' % (i, i), flush=True)
        if i % 3: lines.write('{"step": %d, "mine": %d}\\n' % (i, i)); lines.flush()
        if i % 5: table.write('%d,%d,%d\\n' % (i, i, -i)); table.flush()
        time.sleep(0.002)
print('wrote %d' % i)`;

type Message = { points: { seq: number; id: string; key: string; value: number }[] };

async function started(yard: Yard): Promise<{ run: string; end: () => void }> {
  const cwd = path.join(yard.home, 'project');
  fs.mkdirSync(cwd);
  const go = path.join(yard.home, 'go');
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
  const command = ['python3', '-c', writing, go];
  const { run_id: run } = await yard.client.submit({ command, cwd }, { env });
  return { run, end: () => fs.writeFileSync(go, '') };
}

/** What each number means, as the bus has it. */
async function numbers(yard: Yard, run: string): Promise<Map<number, string>> {
  const messages = await stored<Message>(yard, 'METRICS', run);
  return new Map(messages.flatMap(({ points }) => points.map(({ seq, id }) => [seq, id] as const)));
}

/** Ends the server where it stands, and takes its store away. */
function wipe(yard: Yard): void {
  const { identity } = JSON.parse(
    fs.readFileSync(path.join(yard.home, 'bus/address.json'), 'utf8'),
  ) as { identity: { pid: number } };
  process.kill(identity.pid, 'SIGSTOP');
  fs.rmSync(path.join(yard.home, 'bus/store'), { recursive: true });
  process.kill(identity.pid, 'SIGKILL');
}

/** By their ids: where each stands in its own source. */
function ordered(points: readonly { id: string; seq: number }[], name: string): number[] {
  return points
    .filter(({ id }) => id.includes(`:${name}`))
    .map(({ id }) => Number(id.split(':')[2]));
}

/** How many points the run's files have. */
async function kept(yard: Yard, run: string): Promise<number> {
  let count = 0;
  for await (const row of yard.client.metricKeys([run])) count += row.count;
  return count;
}

/** How many points the trainer has left so far; `mine` and rows are in files, and so is what is printed. */
async function written(yard: Yard, run: string): Promise<number> {
  let printed = 0;
  for await (const { lines } of yard.client.logs(run))
    printed += lines.filter(({ text }) => text.startsWith('step=')).length;
  const linesOf = (file: string): number => fs.readFileSync(file, 'utf8').split('\n').length - 1;
  const rows = linesOf(path.join(yard.home, 'project/progress.csv')) - 1;
  return printed + linesOf(yard.attemptFile(run, 'metrics.in.jsonl')) + 2 * rows;
}

async function whole(yard: Yard, run: string, count: number): Promise<Map<number, string>> {
  return until(
    async () => {
      const found = await numbers(yard, run);
      return found.size >= count ? found : null;
    },
    `${count} points on the bus`,
    60_000,
  );
}

for (const isWorkerKilled of [false, true])
  test(`a wiped bus gets the points of several sources again, as they were numbered${isWorkerKilled ? ', from a new worker too' : ''}`, async () => {
    await using yard = await startYard();
    const { run, end } = await started(yard);
    const found: MetricPoint[] = [];
    const gaps: unknown[] = [];
    const following = (async () => {
      for await (const batch of yard.client.metrics(run, { follow: true })) {
        found.push(...batch.points);
        gaps.push(...batch.gaps);
      }
    })();
    const before = await whole(yard, run, 300);
    const hold = path.join(yard.home, 'go.hold');
    if (isWorkerKilled) {
      // Then the run's files alone know the numbers: they are a moment behind.
      fs.writeFileSync(hold, '');
      await until(
        async () => (await kept(yard, run)) === (await written(yard, run)),
        'the points in the run’s files',
      );
      const { pid } = JSON.parse(fs.readFileSync(yard.attemptFile(run, 'worker.json'), 'utf8'))
        .identity as { pid: number };
      process.kill(pid, 'SIGKILL');
    }
    wipe(yard);
    fs.rmSync(hold, { force: true });
    const after = await whole(yard, run, before.size + 300);
    for (const [seq, id] of before) assert.equal(after.get(seq), id, `point ${seq}`);
    end();
    await yard.client.wait(run);
    await following;

    assert.deepEqual(gaps, []);
    assert.deepEqual(
      found.map(({ seq }) => seq),
      found.map((_, index) => index + 1),
    );
    assert.equal(new Set(found.map(({ id }) => id)).size, found.length);
    const last = await whole(yard, run, found.length);
    for (const { seq, id } of found) assert.equal(last.get(seq), id, `point ${seq}`);
    for (const name of ['stdout', 'runyard', 'csv']) {
      const places = ordered(found, name);
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
    }
    // None of any source is missing.
    assert.equal(found.length, await written(yard, run));
  });
