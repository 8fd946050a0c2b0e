/** Points that trainers leave in files, through a real daemon, worker and bus. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { MetricsMessage } from '../../src/contracts/index.ts';
import { stored } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const fixtures = path.resolve(import.meta.dirname, '../fixtures');
const replay = path.join(fixtures, 'trainers/replay.py');
const tfevents = path.join(fixtures, 'capture/tensorboardx.tfevents');
const wandb = path.join(fixtures, 'capture/history.wandb');

type Value = [key: string, step: string, value: number | string];
const expected = (name: string): Value[] =>
  JSON.parse(fs.readFileSync(path.join(fixtures, `capture/${name}.json`), 'utf8')) as Value[];

const messages = (yard: Yard, run: string): Promise<MetricsMessage[]> =>
  stored<MetricsMessage>(yard, 'METRICS', run);

const notesOf = async (yard: Yard, run: string): Promise<string[]> =>
  (await messages(yard, run)).flatMap(({ notes = [] }) => notes);

/** What a source gave, in the order in which its own reader lists it. Checks that all is there once. */
async function valuesOf(yard: Yard, run: string, source?: string): Promise<Value[]> {
  const found = await messages(yard, run);
  const points = found.flatMap((message) => message.points);
  assert.deepEqual(
    points.map(({ seq }) => seq),
    points.map((_, index) => index + 1),
    'numbers have no gap',
  );
  assert.equal(new Set(points.map(({ id }) => id)).size, points.length, 'each is there once');
  for (const { first_seq, last_seq, points: of } of found)
    assert.deepEqual([first_seq, last_seq], [of[0]?.seq ?? first_seq, of.at(-1)?.seq ?? last_seq]);
  return points
    .filter((point) => source === undefined || point.source === source)
    .map(({ key, step, value }): Value => [key, String(step), value])
    .sort((a, b) => (a[0] === b[0] ? Number(BigInt(a[1]) - BigInt(b[1])) : a[0] < b[0] ? -1 : 1));
}

/** The bus may be behind for a moment: the end of a run does not wait for it for long. */
async function holds(yard: Yard, run: string, source: string | undefined, wanted: Value[]) {
  const count = async () => (await valuesOf(yard, run, source)).length;
  await until(async () => (await count()) >= wanted.length, `${wanted.length} points`);
  assert.deepEqual(await valuesOf(yard, run, source), wanted);
}

async function submit(yard: Yard, cwd: string, command: string[], config: object = {}) {
  fs.mkdirSync(cwd, { recursive: true });
  const { run_id: run } = await yard.client.submit({ command, cwd, ...config }, { env });
  return run;
}

async function ended(yard: Yard, run: string): Promise<void> {
  assert.equal((await yard.client.wait(run)).status, 'completed');
}

const linesOf = async (yard: Yard, run: string): Promise<number> => {
  let count = 0;
  for await (const { lines } of yard.client.logs(run)) count += lines.length;
  return count;
};

/** Kills the worker of the run; another one than the killed. */
async function killWorker(yard: Yard, run: string, killed = 0): Promise<number> {
  return until(() => {
    const file = yard.attemptFile(run, 'worker.json');
    if (!fs.existsSync(file)) return 0;
    const { pid } = JSON.parse(fs.readFileSync(file, 'utf8')).identity;
    if (pid === killed) return 0;
    process.kill(pid, 'SIGKILL');
    return pid as number;
  }, 'a worker to kill');
}

test('a trainer that is over at once: all scalars of its event file and its wandb run', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  const run = await submit(yard, cwd, [
    ...['python3', replay, '-'],
    ...[tfevents, 'runs/a/events.out.tfevents.1.host', '1'],
    ...[wandb, 'wandb/offline-run-1-x/run-x.wandb', '1'],
  ]);
  await ended(yard, run);
  await holds(yard, run, 'tensorboard', expected('tensorboardx'));
  await holds(yard, run, 'wandb', expected('history'));
  const notes = await notesOf(yard, run);
  for (const kind of ['image img', 'histogram h', 'text hyperparameters'])
    assert.ok(
      notes.some((note) => note.includes(kind)),
      `${kind} in ${notes}`,
    );
});

test('points come while the file grows; killed workers leave no gap and no point twice', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  const go = path.join(yard.home, 'go');
  const run = await submit(yard, cwd, [
    ...['python3', replay, go],
    ...[tfevents, 'runs/a/events.out.tfevents.1.host', '60'],
    ...[wandb, 'wandb/offline-run-1-x/run-x.wandb', '60'],
  ]);
  const countOf = async (source: string) =>
    (await messages(yard, run)).flatMap(({ points }) => points).filter((p) => p.source === source);
  await until(async () => (await countOf('tensorboard')).length > 0, 'points of a live file');
  const killed = await killWorker(yard, run);
  await until(async () => (await linesOf(yard, run)) > 0, 'the first half');
  await until(async () => (await countOf('wandb')).length > 0, 'points of the wandb run');
  await killWorker(yard, run, killed);
  fs.writeFileSync(`${go}.half`, '');
  const whole = expected('tensorboardx').length;
  await until(async () => (await countOf('tensorboard')).length === whole, 'all, while it lives');
  fs.writeFileSync(go, '');
  await ended(yard, run);
  await holds(yard, run, 'tensorboard', expected('tensorboardx'));
  await holds(yard, run, 'wandb', expected('history'));
});

// torch's writer opens and closes its file for each flush, and has its number in the name of the file.
for (const [how, ending] of [
  ['hold their files open', ''],
  ['open them for each flush', '.PID.0'],
]) {
  test(`two runs in one directory, at once, that ${how}: each gets what it wrote itself`, async () => {
    await using yard = await startYard();
    const cwd = path.join(yard.home, 'project');
    const go = path.join(yard.home, 'go');
    const run = (name: string, file: string, end: string) => {
      const to = `runs/${name}/events.out.tfevents.1.${name}${ending}`;
      return submit(yard, cwd, ['python3', replay, end, file, to, '9']);
    };
    const tensors = path.join(fixtures, 'capture/tensors.tfevents');
    const long = await run('long', tfevents, go);
    const other = await run('other', tensors, `${go}.other`);
    for (const end of [go, `${go}.other`]) fs.writeFileSync(`${end}.half`, '');
    const has = async (each: string) => (await valuesOf(yard, each, 'tensorboard')).length > 0;
    for (const each of [long, other]) await until(() => has(each), 'points of a live run');
    fs.writeFileSync(`${go}.other`, '');
    await ended(yard, other);
    fs.writeFileSync(go, '');
    await ended(yard, long);
    await holds(yard, long, undefined, expected('tensorboardx'));
    await holds(yard, other, undefined, expected('tensors'));
  });
}

test('tables and JSON lines that are opened for each line, and $RUNYARD_METRICS', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  fs.mkdirSync(cwd);
  fs.writeFileSync(path.join(cwd, 'old.csv'), 'step,loss\n1,9\n');
  fs.writeFileSync(path.join(cwd, 'grown.csv'), 'step,loss\n1,9\n');
  const script = `echo 'step,loss' > progress.csv
for i in 1 2 3; do echo "$i,0.$i" >> progress.csv; echo "{\\"step\\": $i, \\"acc\\": NaN}" >> log.jsonl; done
echo '4,8' >> grown.csv; printf 'a,b\\n1,2\\n' > data.csv
echo '{"key": "mine", "value": "Infinity", "step": "9007199254740993"}' >> "$RUNYARD_METRICS"`;
  const run = await submit(yard, cwd, ['sh', '-c', script]);
  await ended(yard, run);
  // Of a file that was there before, only what is new. What has no step is rather data.
  await holds(yard, run, 'csv', [
    ['loss', '1', 0.1],
    ['loss', '2', 0.2],
    ['loss', '3', 0.3],
    ['loss', '4', 8],
  ]);
  await holds(
    yard,
    run,
    'jsonl',
    [1, 2, 3].map((step) => ['acc', String(step), 'NaN']),
  );
  await holds(yard, run, 'runyard', [['mine', '9007199254740993', 'Infinity']]);
});

test('what one of two runs in a directory wrote and closed again is guessed of neither', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  const go = path.join(yard.home, 'go');
  const file = 'runs/a/events.out.tfevents.1.host';
  const long = await submit(yard, cwd, ['python3', replay, go, tfevents, file, '9']);
  fs.writeFileSync(`${go}.half`, '');
  await until(async () => (await messages(yard, long)).length > 0, 'points of a live file');
  const script = 'echo "step,loss" > progress.csv; echo "1,2" >> progress.csv';
  const short = await submit(yard, cwd, ['sh', '-c', script]);
  await ended(yard, short);
  fs.writeFileSync(go, '');
  await ended(yard, long);
  await holds(yard, long, undefined, expected('tensorboardx'));
  await holds(yard, short, undefined, []);
  const told = /progress\.csv may be of another run/;
  await until(async () => told.test((await notesOf(yard, short)).join()), 'the doubt to be told');
  // Once nobody of that time lives any more, nobody needs to know what was whose.
  const place = path.join(yard.home, 'capture');
  await until(() => fs.readdirSync(place).length === 0, 'claims to be removed');
});

test('`from runyard import log`, beside what the user has on the path of Python', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  const own = path.join(yard.home, 'own');
  fs.mkdirSync(own);
  fs.writeFileSync(path.join(own, 'mine.py'), 'value = 4\n');
  const script = `from runyard import log
import mine
log({"a": mine.value, "n": {"x": float("nan")}, "text": "5"}, step=2**53 + 1)
log(b=float("-inf"))`;
  const config = { env: { PYTHONPATH: own } };
  const run = await submit(yard, cwd, ['python3', '-c', script], config);
  await ended(yard, run);
  await holds(yard, run, 'runyard', [
    ['a', '9007199254740993', 4],
    ['b', 'null', '-Infinity'],
    ['n.x', '9007199254740993', 'NaN'],
  ]);
});

test('a preset says where points are: nothing else is taken for one', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'project');
  const script = `echo "global_step=5, episodic_return=[7.]"; echo "lr=3 $WANDB_MODE" | tee mode.txt
mkdir -p runs/a; cat "$0" > runs/a/events.out.tfevents.1.host; printf 'step,loss\\n1,2\\n' > progress.csv`;
  const run = await submit(yard, cwd, ['sh', '-c', script, tfevents], { preset: 'cleanrl' });
  await ended(yard, run);
  await holds(yard, run, 'tensorboard', expected('tensorboardx'));
  await holds(yard, run, 'stdout', [['charts/episodic_return', '5', 7]]);
  await holds(yard, run, 'csv', []);
  assert.equal(fs.readFileSync(path.join(cwd, 'mode.txt'), 'utf8'), 'lr=3 offline\n');
  const { artifact_manifest: manifest } = await yard.client.get(run);
  const { artifacts } = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  assert.deepEqual(
    artifacts.map(({ name }: { name: string }) => name),
    ['runs/a/events.out.tfevents.1.host'],
  );
});
