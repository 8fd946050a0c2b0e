/** Spans of histories that no short run of a real daemon has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTrail, type Span, type TransitionSeen } from '../../src/telemetry/traces/index.ts';

const run = {
  traceId: 'a'.repeat(32),
  runId: 'r1',
  callerId: '',
  name: 'ppo',
  user: 'ada',
  project: '',
  group: '',
  links: [],
};

/** Rows of a history: `event from>to`, a second apart, or at a second of its own. */
function history(
  ...steps: (readonly [string, string, string, object?, number?])[]
): TransitionSeen[] {
  return steps.map(([event, from, to, detail = {}, second], index) => ({
    pos: 100 + index,
    run_id: run.runId,
    seq: index + 1,
    at: new Date(1000 * (second ?? index)).toISOString(),
    attempt: 1,
    event,
    from_state: from,
    to_state: to,
    detail: JSON.stringify(detail),
  }));
}

function spansOf(rows: readonly TransitionSeen[]): Span[] {
  const trail = createTrail(run);
  return rows.flatMap((row) => trail.take(row, { code: 'stalled', text: 'no output for 1 h' }));
}

const whole = history(
  ['run.submit', '', 'queued', { user: 'ada' }],
  ['run.hold', 'queued', 'queued', { user: 'ada', reason: 'not yet' }],
  ['run.grant', 'queued', 'allocating.preflight'],
  ['preflight.passed', 'allocating.preflight', 'allocating.leasing'],
  ['slots.refused', 'allocating.leasing', 'queued', { text: 'GPU 0 went away' }],
  ['run.grant', 'queued', 'allocating.preflight'],
  ['preflight.passed', 'allocating.preflight', 'allocating.leasing'],
  ['slots.leased', 'allocating.leasing', 'running.starting', { slots: ['cpu0'] }],
  ['trainer.started', 'running.starting', 'running.live', { pid: 42 }],
  ['run.pause', 'running.live', 'running.paused.asked', { user: 'bob', reason: 'lunch' }],
  ['trainer.paused', 'running.paused.asked', 'running.paused.confirmed'],
  ['run.resume', 'running.paused.confirmed', 'running.resuming', { user: 'bob' }],
  ['trainer.resumed', 'running.resuming', 'running.live'],
  ['trainer.stalled', 'running.live', 'stopping.terminating', { text: 'no output for 1 h' }],
  [
    'trainer.exited',
    'stopping.terminating',
    'stopping.collecting',
    { exit: { kind: 'signaled', signal: 'SIGTERM' } },
  ],
  ['output.collected', 'stopping.collecting', 'stopping.releasing'],
  ['slots.released', 'stopping.releasing', 'done.failed'],
);

test('a pause is a visit within running, and every visit is a span of its own', () => {
  const spans = spansOf(whole);
  assert.deepEqual(
    spans.map(({ name }) => name),
    [
      ...[
        'queued',
        'preflight',
        'lease',
        'allocating',
        'queued',
        'preflight',
        'lease',
        'allocating',
      ],
      ...['spawn', 'live', 'asked', 'confirmed', 'paused', 'resuming', 'live', 'running'],
      ...['terminating', 'collect', 'releasing', 'stopping', 'attempt', 'run'],
    ],
  );
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  assert.equal(spans.flatMap(({ events }) => events).length, whole.length);
  const named = (name: string): Span | undefined => spans.findLast((span) => span.name === name);
  assert.equal(named('confirmed')?.parentId, named('paused')?.spanId);
  assert.equal(named('paused')?.parentId, named('running')?.spanId);
  assert.equal(named('running')?.parentId, named('attempt')?.spanId);
  assert.deepEqual(
    [named('run')?.error, named('run')?.attributes['error.type']],
    ['no output for 1 h', 'stalled'],
  );
  assert.equal(named('attempt')?.attributes['runyard.exit.signal'], 'SIGTERM');
});

test('spans of an attempt on a cluster name node and job from the lease on, those of the next attempt their own', () => {
  const leased = (job: string) =>
    [
      ['run.grant', 'queued', 'allocating.preflight'],
      ['preflight.passed', 'allocating.preflight', 'allocating.leasing'],
      [
        'slots.leased',
        'allocating.leasing',
        'running.starting',
        { slots: [`slurm:${job}@node2`, `slurm:${job}@node2/gpu0`] },
      ],
    ] as const;
  const spans = spansOf(
    history(
      ['run.submit', '', 'queued', {}],
      ...leased('17_3'),
      ['allocation.ended', 'running.starting', 'stopping.releasing'],
      ['slots.released', 'stopping.releasing', 'queued'],
      ...leased('18'),
      ['allocation.ended', 'running.starting', 'stopping.releasing'],
      ['slots.released', 'stopping.releasing', 'done.lost'],
    ),
  );
  const placed = spans.map(({ name, attributes }) => [
    name,
    attributes['runyard.node'],
    attributes['runyard.slurm.job'],
  ]);
  const attempt = (job: string) => [
    ['queued', undefined, undefined],
    ['preflight', undefined, undefined],
    ...['lease', 'allocating', 'spawn', 'running', 'releasing', 'stopping', 'attempt'].map(
      (name) => [name, 'node2', job],
    ),
  ];
  assert.deepEqual(placed, [...attempt('17_3'), ...attempt('18'), ['run', undefined, undefined]]);
});

test('an event says who and why', () => {
  const told = spansOf(whole)
    .flatMap(({ events }) => events)
    .map(({ name, attributes }) => [
      name,
      attributes['runyard.actor'],
      attributes['user.name'],
      attributes['runyard.cause'],
    ]);
  for (const one of [
    ['run.hold', 'user', 'ada', 'not yet'],
    ['slots.refused', 'lease', undefined, 'GPU 0 went away'],
    ['run.grant', 'allocator', undefined, undefined],
    ['trainer.exited', 'worker', undefined, 'signaled SIGTERM'],
  ])
    assert.equal(told.filter((each) => String(each) === String(one)).length > 0, true, String(one));
});

test('a wall clock that is set back makes no span end before it began', () => {
  const rows = history(
    ['run.submit', '', 'queued', {}, 100],
    ['run.grant', 'queued', 'allocating.preflight', {}, 50],
    [
      'preflight.failed',
      'allocating.preflight',
      'done.rejected',
      { code: 'no_data', text: 'x' },
      60,
    ],
  );
  for (const { name, startMs, endMs, events } of spansOf(rows)) {
    assert(endMs >= startMs, name);
    for (const { atMs } of events) assert(atMs >= startMs && atMs <= endMs, name);
  }
});
