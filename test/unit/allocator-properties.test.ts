/** Random yards, requests and misfortunes: what holds of the allocator whatever happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DependencyEnd,
  decide,
  explain,
  explainOne,
  type Grant,
  noLimits,
  type Waiting,
} from '../../src/allocator/index.ts';
import {
  type AllocatorYard,
  checkHoldings,
  checkReasons,
  clocksApartMs,
  createYard,
  type Setting,
} from './allocator-world.ts';

const seed = process.env.RUNYARD_SEED;
const parameters = {
  numRuns: Number(process.env.RUNYARD_PROPERTY_RUNS ?? 400),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
};

const gib = 1024;
const limit = fc.constantFrom(0, 0, 1, 2, 3);
const setting: fc.Arbitrary<Setting> = fc.record({
  cards: fc.array(fc.record({ memoryMib: fc.constantFrom(24 * gib, 24 * gib, 48 * gib, 0) }), {
    maxLength: 6,
    size: 'max',
  }),
  cpus: fc.integer({ min: 1, max: 6 }),
  memoryMib: fc.constantFrom(0, 16 * gib, 64 * gib),
  limits: fc.oneof(
    fc.constant(noLimits),
    fc.record({ userRuns: limit, userGpus: limit, projectRuns: limit, projectGpus: limit }),
  ),
});

const request = fc.record({
  user: fc.constantFrom('ana', 'ben', 'eve'),
  project: fc.constantFrom('', '', 'dqn', 'ppo'),
  /** Each run of a group names the same limit. */
  groups: fc.constantFrom(
    {},
    {},
    { group: 'free' },
    { group: 'one', groupMost: 1 },
    { group: 'two', groupMost: 2 },
  ),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  gpus: fc.constantFrom(0, 0, 1, 1, 1, 2, 3, 4, 0.05, 0.1, 0.25, 0.333, 0.5, 0.75),
  gpuMemoryMib: fc.constantFrom(null, null, 4 * gib, 16 * gib, 40 * gib),
  cpus: fc.constantFrom(0, 1, 1, 2, 4),
  memoryMib: fc.constantFrom(0, 0, 4 * gib, 20 * gib),
  hold: fc.constantFrom(false, false, false, false, true),
  startInMs: fc.constantFrom(null, null, null, 5, 50),
  backoffMs: fc.constantFrom(null, null, null, 5, 50),
  /** Which runs it comes after, counted back from itself, and how these have to end. */
  after: fc.oneof(
    { weight: 4, arbitrary: fc.constant([] as [number, DependencyEnd][]) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc.tuple(
          fc.integer({ min: 1, max: 9 }),
          fc.constantFrom('ok', 'any', 'fail'),
        ) as fc.Arbitrary<[number, DependencyEnd]>,
        { minLength: 1, maxLength: 3 },
      ),
    },
  ),
});
const which = fc.nat(50);
const submits = fc.record({ kind: fc.constant('submit' as const), request });
const ends = fc.record({
  kind: fc.constant('end' as const),
  which,
  fate: fc.constantFrom('ok' as const, 'ok' as const, 'fail' as const),
});
const happening = fc.oneof(
  { weight: 6, arbitrary: submits },
  { weight: 5, arbitrary: ends },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shut' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('foreign gone' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(30) }) },
);
/** Long ones: what is wrong shows when much is going on. */
const story = fc.array(happening, { minLength: 20, maxLength: 120, size: 'max' });
/** Nothing but runs that come and go, all of one priority: who passes whom is all that is left. */
const calm: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    submits.map(({ kind, request: asked }) => {
      const plain = {
        priority: 0 as const,
        hold: false,
        startInMs: null,
        backoffMs: null,
        after: [],
      };
      return { kind, request: { ...asked, ...plain } };
    }),
    ends,
  ),
  { minLength: 20, maxLength: 120, size: 'max' },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

test('nothing is leased twice, no limit is exceeded, and every reason is true', () => {
  fc.assert(
    fc.property(setting, story, (about, happenings) => {
      const yard = createYard(about);
      for (const each of happenings) {
        happen(yard, each);
        checkDecision(yard);
      }
    }),
    parameters,
  );
});

test('who is first in line starts as soon as those have ended who were there before', () => {
  fc.assert(
    fc.property(setting, fc.oneof(story, calm), (about, happenings) => {
      const yard = createYard(about);
      let first: { runId: string; sinceLive: Set<string> } | null = null;
      for (const each of happenings) {
        happen(yard, each);
        // What is taken from the yard, or put before it, is nobody's starving.
        if (['shut', 'foreign', 'drain'].includes(each.kind)) first = null;
        const order = [...yard.line.inOrder].map(({ runId }) => runId);
        const grants: Grant[] = [];
        let decision = yard.step();
        grants.push(...decision.grants);
        // What ends may be what others wait for; and what is kept may be kept elsewhere after a grant.
        while (decision.endings.length + decision.grants.length > 0) {
          decision = yard.step();
          grants.push(...decision.grants);
        }
        const verdicts = explain(yard.state(), yard.now());
        const head = yard.line.inOrder.find(({ runId }) => verdicts.get(runId)?.kind === 'short');
        // Nothing can be granted again at once.
        assert.deepEqual(
          [...verdicts.values()].filter(({ kind }) => kind === 'starts'),
          [],
        );
        const place = order.indexOf(first?.runId ?? '');
        const stillWaits = /short|limit/.test(verdicts.get(first?.runId ?? '')?.kind ?? '');
        const another = head !== undefined && order.indexOf(head.runId) < place;
        // Who stands before it may go before it, and take its limit: then it stands in line anew.
        const passedBy = grants.some(({ runId }) => order.indexOf(runId) < place);
        if (first === null || !stillWaits || another || passedBy) {
          first =
            head === undefined ? null : { runId: head.runId, sinceLive: new Set(yard.live.keys()) };
          continue;
        }
        const left = [...first.sinceLive].filter((runId) => yard.live.has(runId));
        const foreign = yard.gpus.some((gpu) => gpu.foreign !== null);
        assert.ok(
          left.length > 0 || foreign,
          `${first.runId} still waits, passed by ${grants.map(({ runId }) => runId)}`,
        );
      }
    }),
    parameters,
  );
});

test('everything that can start at all has started once all else is over', () => {
  fc.assert(
    fc.property(setting, story, (about, happenings) => {
      const yard = createYard(about);
      for (const each of happenings) happen(yard, each);
      yard.drain(null);
      yard.pass(1000);
      for (const gpu of yard.gpus) Object.assign(gpu, { shut: null, foreign: null });
      for (const waiting of [...yard.line.inOrder]) yard.line.put({ ...waiting, hold: null });
      for (let turn = 0; turn <= 2 * happenings.length; turn += 1) {
        yard.step();
        for (const runId of [...yard.live.keys()]) yard.end(runId, 'ok');
      }
      const verdicts = explain(yard.state(), yard.now());
      for (const { runId } of yard.line.inOrder) {
        const verdict = verdicts.get(runId);
        const tooLarge = verdict?.kind === 'limit' && verdict.need > verdict.most;
        const never = verdict?.kind === 'impossible' || tooLarge || verdict?.kind === 'after';
        assert.ok(never, `${runId} ${JSON.stringify(verdict)}`);
      }
    }),
    parameters,
  );
});

/** Decides, compares with what is explained, has the oracle count, and does it. */
function checkDecision(yard: AllocatorYard): void {
  const state = yard.state();
  const verdicts = explain(state, yard.now());
  checkReasons(state, yard.now(), verdicts);
  const { grants, endings } = decide(state, yard.now());
  const explained = [...verdicts].flatMap(([runId, verdict]) =>
    verdict.kind === 'starts' ? [{ runId, slots: verdict.slots }] : [],
  );
  assert.deepEqual(grants, explained, 'what is explained is what is done');
  const hopeless = [...verdicts].filter(([, { kind }]) => kind === 'hopeless');
  assert.deepEqual(
    endings.map(({ runId }) => runId),
    hopeless.map(([runId]) => runId),
  );
  for (const [runId, verdict] of verdicts)
    assert.deepEqual(explainOne(state, yard.now(), runId), verdict);
  for (const { slots } of grants) {
    const bad = slots.filter((slot) => {
      const gpu = state.gpus.find(({ id }) => id === slot.replace(/#.*/, ''));
      return gpu === undefined || gpu.shut !== null || gpu.foreign !== null;
    });
    assert.deepEqual(bad, [], 'only GPUs that are in service and nobody else’s');
  }
  yard.step();
  checkHoldings(yard);
}

let position = 0;

function happen(yard: AllocatorYard, what: Happening): void {
  const pick = <T>(items: readonly T[], index: number): T | undefined =>
    items.length === 0 ? undefined : items[index % items.length];
  const waiting = (): readonly Waiting[] => yard.line.inOrder;
  switch (what.kind) {
    case 'submit':
      submit(yard, what.request);
      return;
    case 'end': {
      const runId = pick([...yard.live.keys()], what.which);
      if (runId !== undefined) yard.end(runId, what.fate);
      return;
    }
    case 'cancel': {
      const found = pick(waiting(), what.which);
      if (found !== undefined) yard.leave(found.runId);
      return;
    }
    case 'hold':
    case 'release': {
      const hold = what.kind === 'hold' ? { by: 'ana', reason: '' } : null;
      const found = pick(waiting(), what.which);
      if (found !== undefined) yard.line.put({ ...found, hold });
      return;
    }
    case 'shut':
    case 'open': {
      const gpu = pick(yard.gpus, what.which);
      const shut = what.kind === 'shut' ? { kind: 'drained' as const, text: 'drained' } : null;
      if (gpu !== undefined) gpu.shut = shut;
      return;
    }
    case 'foreign':
    case 'foreign gone': {
      const gpu = pick(yard.gpus, what.which);
      if (gpu !== undefined) gpu.foreign = what.kind === 'foreign' ? 'python of eve' : null;
      return;
    }
    case 'drain':
      yard.drain(what.on ? { by: 'ana', reason: 'power cut' } : null);
      return;
    case 'pass':
      yard.pass(what.ms);
  }
}

function submit(
  yard: AllocatorYard,
  wanted: typeof request extends fc.Arbitrary<infer T> ? T : never,
) {
  const { hold, startInMs, backoffMs, after, groups, ...plain } = wanted;
  const claim = { ...plain, ...groups };
  const known = [...yard.fates.keys()];
  position += 1;
  yard.submit({
    ...claim,
    cpus: claim.gpus === 0 ? Math.max(1, claim.cpus) : claim.cpus,
    runId: `r${position}`,
    position,
    hold: hold ? { by: 'ana', reason: '' } : null,
    startAfterMs: startInMs === null ? null : yard.now() + startInMs,
    backoff:
      backoffMs === null
        ? null
        : { monoMs: yard.now() + clocksApartMs + backoffMs, attempt: '', ended: '' },
    dependencies: after.flatMap(([back, on]) => {
      const run = known.at(-back);
      return run === undefined ? [] : [{ run, on }];
    }),
  });
}
