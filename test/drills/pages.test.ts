/** Drills and their pages belong together; the drills themselves are run by `npm run drills`. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { alerts } from '../../scripts/observability/alerts.ts';
import { conditionsOf } from './alerts.ts';
import { drills } from './drills.ts';
import { compare, type Seen } from './ledger.ts';
import { missingIn, parseRunbook, readRunbook, runbooks } from './runbook.ts';
import { unsyncedAnswers } from './syncs.ts';
import { type SpanSeen, type Wanted, wrongIn } from './whole-trace.ts';

test('each drill has a page, and each page a drill and a line in the index', () => {
  const index = fs.readFileSync(path.join(runbooks, 'README.md'), 'utf8');
  for (const { name, page = name } of drills) {
    const { title, see, steps, verify } = readRunbook(page);
    assert.ok(index.includes(`[${title}](${page}.md)`), `README.md has a line for ${name}`);
    for (const part of [see, steps, verify]) assert.ok(part.length > 0, name);
  }
  // Pages of alerts have no drill; they are linked all the same.
  const pages = fs.readdirSync(runbooks).filter((name) => name !== 'README.md');
  for (const page of pages) assert.ok(index.includes(`(${page})`), `README.md links ${page}`);
});

test('a page that names the state directory says how to set it, and no page looks for the daemon by a name', () => {
  for (const page of fs.readdirSync(runbooks).filter((name) => name !== 'README.md')) {
    const text = fs.readFileSync(path.join(runbooks, page), 'utf8');
    if (text.includes('$RUNYARD_HOME')) assert.match(text, /`export RUNYARD_HOME=/, page);
    // Its process is called `node … main.ts daemon`, or otherwise in a package.
    assert.doesNotMatch(text, /pgrep/, page);
  }
});

test('a page that lacks a part, or shows the output of nothing, is refused', () => {
  const whole = fs.readFileSync(path.join(runbooks, 'disk-full.md'), 'utf8');
  assert.equal(parseRunbook(whole, 'x').steps.filter(({ isOutside }) => isOutside).length, 1);
  assert.throws(() => parseRunbook(whole.replace('## Do', ''), 'x'), /no "## Do"/);
  assert.throws(() => parseRunbook(whole.replace('$ runyard status\n', ''), 'x'), /of no command/);
  assert.throws(() => parseRunbook(whole.replace('```sh outside', '```bash'), 'x'), /"bash"/);
});

test('an alert that a page names is there, and of one about health or life the condition is known', () => {
  for (const { name, page = name } of drills)
    for (const alert of readRunbook(page).alerts)
      assert.ok(
        alerts.some((each) => each.name === alert),
        `${name}.md names ${alert}`,
      );
  const of = (name: string) => conditionsOf(alerts.find((each) => each.name === name)?.expr ?? '');
  assert.deepEqual(of('RunyardDown'), [{ kind: 'down' }]);
  for (const [alert, part] of [
    ['RunyardDiskFull', 'disk'],
    ['RunyardBusAway', 'bus'],
    ['RunyardGpuLost', 'gpus'],
    ['RunyardRegistryFailing', 'registry'],
    ['RunyardSlurmAway', 'slurm'],
  ] as const)
    assert.deepEqual(of(alert), [
      { kind: 'above zero', figure: 'runyard_health_reasons', labels: `part="${part}"` },
    ]);
});

test('lines are looked for whole, with … for anything', () => {
  const output = 'ok · yard test · 1 live\n  bus      127.0.0.1:4 connected, 0 waiting\n';
  assert.deepEqual(missingIn(output, ['ok · yard …', 'bus … connected, 0 waiting']), []);
  assert.deepEqual(missingIn(output, ['ok', 'bus … connected, 1 waiting']), [
    'ok',
    'bus … connected, 1 waiting',
  ]);
});

const entry = { name: 'run', code: 3, spared: null, points: null };
const well: Seen = {
  done: { status: 'failed', exit_code: 3, last_seq: 2, reason: 'exit_nonzero' },
  ...{ starts: 1, printed: 2, lines: [1, 2], gapTold: false },
  ...{ events: [1, 2], points: [1, 2], pointGaps: 0 },
};

test('nothing is lost of a run that is as its trainer says', () => {
  assert.deepEqual(compare(entry, well), []);
  const gap = { ...well, printed: 9, gapTold: true };
  assert.deepEqual(compare(entry, gap), [], 'what is told is not lost');
  const unseen = { ...well.done, status: 'failed' as const, reason: 'exit_unobserved' };
  const spared = { ...entry, spared: 'exit_unobserved' };
  assert.deepEqual(compare(spared, { ...well, done: unseen, printed: null }), []);
});

test('each kind of loss is told', () => {
  const cases: [Partial<Seen>, RegExp][] = [
    [
      { done: { ...well.done, exit_code: 0, status: 'completed' } },
      /ended 3, and is told completed/,
    ],
    [{ printed: null }, /did not come to its end/],
    [{ printed: 5 }, /3 lines are not there and not told/],
    [{ starts: 2 }, /started 2 times/],
    [{ events: [1] }, /events 1$/],
    [{ events: [1, 3] }, /events 1 3/],
    [{ points: [1] }, /1 points of 2/],
    [{ points: [1, 3] }, /not numbered/],
    [{ pointGaps: 1 }, /ranges of points/],
  ];
  for (const [differs, words] of cases)
    assert.match(compare(entry, { ...well, ...differs })[0] ?? '', words);
});

const commit = '7 pwrite64(20</h/registry.db-wal>, "run1 queued", 11, 0) = 11';
const syncBegins = '8 fdatasync(21</h/registry.db-wal> <unfinished ...>';
const syncEnds = '8 <... fdatasync resumed>) = 0';
const answer = '7 write(30<UNIX-STREAM:[1->2,"/h/sock"]>, "run1", 4) = 4';

test('an answer before its sync is seen, and one after it is right', () => {
  const of = (...lines: string[]) => unsyncedAnswers(lines.join('\n'), '/h', ['run1']);
  assert.deepEqual(of(commit, syncBegins, syncEnds, answer), []);
  assert.deepEqual(of(commit, answer), ['run1 was answered before it was synced']);
  assert.deepEqual(of(commit, syncBegins, answer, syncEnds), [
    'run1 was answered before it was synced',
  ]);
  // A sync that had begun before does not count.
  assert.deepEqual(of(syncBegins, commit, syncEnds, answer), [
    'run1 was answered before it was synced',
  ]);
  const failed = syncEnds.replace('0', '-1 EIO (Input/output error)');
  assert.deepEqual(of(commit, syncBegins, failed, answer), [
    'run1 was answered before it was synced',
  ]);
  assert.deepEqual(of(commit, syncBegins, syncEnds), ['no answer of run1 was seen']);
});

const childOf = (spanID: string) => [{ refType: 'CHILD_OF' as const, traceID: 't', spanID }];
const follows = (spanID: string) => [{ refType: 'FOLLOWS_FROM' as const, traceID: 't', spanID }];
const told = (seq: number, event: string, from: string, to: string) => ({
  fields: Object.entries({ 'runyard.seq': seq, event, 'runyard.from': from, 'runyard.to': to }).map(
    ([key, value]) => ({ key, value }),
  ),
});
const span = (spanID: string, operationName: string, own: Partial<SpanSeen> = {}): SpanSeen => ({
  ...{ traceID: 't', spanID, operationName, references: [], tags: [], logs: [], ...own },
});
const attempt = (id: string, value: number, references: SpanSeen['references']) =>
  span(id, 'attempt', { references, tags: [{ key: 'runyard.attempt', value }] });
const root = span('r', 'run', { logs: [told(1, 'run.submit', '', 'queued')] });
const first = attempt('a', 1, childOf('r'));
const second = attempt('b', 2, [...childOf('r'), ...follows('a')]);
const queued = span('q', 'queued', {
  references: childOf('a'),
  logs: [told(2, 'run.stop', 'queued', 'done.cancelled')],
});
const wanted: Wanted = {
  ...{ traceId: 't', attempts: 2, retryOf: '' },
  events: [
    { seq: 1, event: 'run.submit', from: '', to: 'queued' },
    { seq: 2, event: 'run.stop', from: 'queued', to: 'done.cancelled' },
  ],
};

test('a whole trace is right, also one of which some came again, and each fault of one is told', () => {
  const of = (...spans: SpanSeen[]) => wrongIn({ traceID: 't', spans }, wanted).join('; ');
  assert.equal(of(second, queued, first, root, queued), '');
  const other = { ...queued, tags: [{ key: 'x', value: 1 }] };
  const cases: [SpanSeen[], RegExp][] = [
    [[root, first, second], /^transition 2 run.stop queued done.cancelled is there 0 times$/],
    [[root, first, second, queued, { ...queued, spanID: 'p' }], /is there 2 times/],
    [[root, first, second, queued, other], /^span q came twice, and not the same$/],
    [[root, second, queued], /^queued is an orphan; 1 attempts$/],
    [[first, second, queued], /without a parent: ;/],
    [[root, first, second, { ...queued, traceID: 'u' }], /^queued is of trace u$/],
    [[root, first, attempt('b', 2, childOf('r')), queued], /^attempt 2 has no link/],
    [
      [
        root,
        first,
        second,
        queued,
        span('s', 'live', { references: childOf('a'), logs: [told(3, 'run.pause', 'x', 'y')] }),
      ],
      /^3 run.pause x y never happened$/,
    ],
  ];
  for (const [spans, words] of cases) assert.match(of(...spans), words);
  const again = { ...wanted, retryOf: 'v' };
  const whole = { traceID: 't', spans: [root, first, second, queued] };
  assert.deepEqual(wrongIn(whole, again), ['no link to the run that it is a retry of']);
});
