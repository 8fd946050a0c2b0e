/** A yard that is only what the allocator sees of it, and an oracle that counts everything anew. */
import assert from 'node:assert/strict';
import {
  type AllocatorState,
  type Claim,
  createLine,
  decide,
  type Fate,
  type GpuState,
  type Limits,
  memoryOn,
  type Said,
  type Shut,
  sharesPerGpu,
  thousandths,
  type Verdict,
  type Waiting,
  wholeGpu,
} from '../../src/allocator/index.ts';
import { gpuOfSlot, numberOfSlot } from '../../src/slots.ts';

/** The monotonic clock is ahead of the other one by so much. */
export const clocksApartMs = 7_000;

export type Live = { claim: Claim; slots: readonly string[]; sinceMs: number };
export type Card = { id: string; memoryMib: number; shut: Shut | null; foreign: string | null };
export type Setting = {
  cards: { memoryMib: number }[];
  cpus: number;
  memoryMib: number;
  limits: Limits;
};

export function createYard({ cards, cpus, memoryMib, limits }: Setting) {
  const line = createLine();
  const live = new Map<string, Live>();
  const fates = new Map<string, Fate>();
  const gpus: Card[] = cards.map((card, index) => ({
    id: `g${index}`,
    memoryMib: card.memoryMib,
    shut: null,
    foreign: null,
  }));
  let drained: Said | null = null;
  let nowMs = 0;

  const state = (): AllocatorState => ({
    queue: line.inOrder,
    gpus: gpus.map((card): GpuState => ({ ...card, holdings: holdingsOf(card, live.values()) })),
    cpus,
    memoryMib,
    live: [...live.values()].map(({ claim }) => claim),
    limits,
    drained,
    monoMs: nowMs + clocksApartMs,
    fate: (runId) => fates.get(runId) ?? 'gone',
  });

  return {
    line,
    live,
    fates,
    gpus,
    limits,
    state,
    now: () => nowMs,
    pass(ms: number): void {
      nowMs += ms;
    },
    drain(by: Said | null): void {
      drained = by;
    },
    submit(waiting: Waiting): void {
      line.put(waiting);
      fates.set(waiting.runId, 'open');
    },
    leave(runId: string): void {
      line.take(runId);
      fates.set(runId, 'fail');
    },
    end(runId: string, fate: 'ok' | 'fail'): void {
      live.delete(runId);
      fates.set(runId, fate);
    },
    /** Decides, and does what was decided. */
    step() {
      const decision = decide(state(), nowMs);
      for (const { runId, slots } of decision.grants) {
        const claim = line.get(runId);
        assert.ok(claim, `${runId} waits`);
        line.take(runId);
        live.set(runId, { claim, slots, sinceMs: nowMs });
      }
      for (const { runId } of decision.endings) this.leave(runId);
      return decision;
    },
  };
}
export type AllocatorYard = ReturnType<typeof createYard>;

function holdingsOf(card: Card, live: Iterable<Live>): GpuState['holdings'] {
  return [...live].flatMap(({ claim, slots, sinceMs }) =>
    slots
      .filter((slot) => gpuOfSlot(slot) === card.id)
      .map((slot) => ({
        runId: claim.runId,
        user: claim.user,
        sinceMs,
        number: numberOfSlot(slot),
        share: numberOfSlot(slot) === null ? wholeGpu : thousandths(claim),
        memoryMib: memoryOn(claim, card.memoryMib),
      })),
  );
}

/** Nothing is held twice, and nobody has more than there is or than may be. */
export function checkHoldings({ live, gpus, limits, state }: AllocatorYard): void {
  const slots = [...live.values()].flatMap((each) => each.slots);
  assert.equal(new Set(slots).size, slots.length, 'no slot is held twice');
  for (const { id, memoryMib, holdings } of state().gpus) {
    const wholes = holdings.filter(({ number }) => number === null);
    assert.ok(wholes.length === 0 || holdings.length === 1, `${id} is whole or shared`);
    const share = sum(holdings.map((each) => each.share));
    assert.ok(share <= wholeGpu, `${id}: ${share} thousandths are held`);
    const memory = sum(holdings.map((each) => each.memoryMib));
    assert.ok(memoryMib === 0 || memory <= memoryMib, `${id}: ${memory} of ${memoryMib} MiB`);
    for (const { number } of holdings) assert.ok(number === null || number < sharesPerGpu);
  }
  for (const { claim, slots: own } of live.values()) {
    const whole = own.every((slot) => numberOfSlot(slot) === null);
    assert.equal(own.length, Math.ceil(claim.gpus), `${claim.runId} has all or nothing`);
    assert.equal(whole, claim.gpus === 0 || claim.gpus >= 1);
    const large = own.every((slot) => {
      const card = gpus.find(({ id }) => id === gpuOfSlot(slot));
      return card?.memoryMib === 0 || (claim.gpuMemoryMib ?? 0) <= (card?.memoryMib ?? 0);
    });
    assert.ok(large, `${claim.runId} has GPUs that are large enough`);
  }
  const { cpus, memoryMib } = state();
  const claims = state().live;
  assert.ok(sum(claims.map((claim) => claim.cpus)) <= cpus, 'CPU slots');
  assert.ok(sum(claims.map((claim) => claim.memoryMib)) <= memoryMib, 'memory');
  for (const [of, most] of [
    ['user', { runs: limits.userRuns, gpus: limits.userGpus }],
    ['project', { runs: limits.projectRuns, gpus: limits.projectGpus }],
  ] as const) {
    for (const name of new Set(claims.map((claim) => claim[of]))) {
      if (name === '') continue;
      const own = claims.filter((claim) => claim[of] === name);
      assert.ok(most.runs === 0 || own.length <= most.runs, `runs of ${of} ${name}`);
      const held = sum(own.map(thousandths));
      assert.ok(most.gpus === 0 || held <= wholeGpu * most.gpus, `GPUs of ${of} ${name}`);
    }
  }
  for (const { group, groupMost: most = 0 } of claims) {
    const own = claims.filter((claim) => claim.group === group);
    assert.ok(most === 0 || own.length <= most, `runs of group ${group}`);
  }
}

/**
 * Whether what is said about each waiting run is so, counted anew from what is held and what those before it
 * in line are given.
 */
export function checkReasons(
  state: AllocatorState,
  nowMs: number,
  verdicts: ReadonlyMap<string, Verdict>,
): void {
  const before: { claim: Waiting; verdict: Verdict }[] = [];
  for (const claim of state.queue) {
    const verdict = verdicts.get(claim.runId);
    assert.ok(verdict, `there is a verdict about ${claim.runId}`);
    checkReason(claim, verdict, state, nowMs, before);
    before.push({ claim, verdict });
  }
}

type Before = readonly { claim: Waiting; verdict: Verdict }[];

function checkReason(
  claim: Waiting,
  verdict: Verdict,
  state: AllocatorState,
  nowMs: number,
  before: Before,
): void {
  const { runId, dependencies } = claim;
  const about = `${runId} ${JSON.stringify(verdict)}`;
  const fateOf = (on: string, run: string): boolean => {
    const fate = state.fate(run);
    return fate !== 'open' && (on === 'any' || fate === on);
  };
  const unmet = dependencies.filter(({ run, on }) => !fateOf(on, run));
  const open = unmet.filter(({ run }) => state.fate(run) === 'open');
  if (verdict.kind === 'hopeless') {
    assert.ok(unmet.length > open.length, about);
    assert.equal(state.fate(verdict.run), verdict.fate, about);
    return;
  }
  if (verdict.kind === 'after') {
    assert.ok(
      open.some(({ run, on }) => run === verdict.run && on === verdict.on),
      about,
    );
    assert.equal(verdict.more, open.length - 1, about);
    assert.equal(open.length, unmet.length, about);
    return;
  }
  assert.deepEqual(unmet, [], about);
  const early = claim.startAfterMs !== null && claim.startAfterMs > nowMs;
  if (verdict.kind === 'held') {
    assert.ok(claim.hold !== null, about);
    return;
  }
  assert.equal(claim.hold, null, about);
  if (verdict.kind === 'later') {
    assert.ok(early && verdict.atMs > nowMs, about);
    return;
  }
  assert.ok(!early, about);
  const waits = claim.backoff != null && claim.backoff.monoMs > (state.monoMs ?? 0);
  if (verdict.kind === 'backoff') {
    const leftMs = (claim.backoff?.monoMs ?? 0) - (state.monoMs ?? 0);
    assert.ok(waits && verdict.atMs === nowMs + leftMs, about);
    return;
  }
  assert.ok(!waits, about);
  if (verdict.kind === 'drained') {
    assert.notEqual(state.drained, null, about);
    return;
  }
  assert.equal(state.drained, null, about);
  checkShortage(claim, verdict, state, before, about);
}

function checkShortage(
  claim: Waiting,
  verdict: Verdict,
  state: AllocatorState,
  before: Before,
  about: string,
): void {
  const granted = before.filter((each) => each.verdict.kind === 'starts').map((each) => each.claim);
  const taking = [...state.live, ...granted];
  const count = Math.ceil(claim.gpus);
  const large = state.gpus.filter(
    ({ memoryMib }) => memoryMib === 0 || memoryMib >= (claim.gpuMemoryMib ?? 0),
  );
  const serving = large.filter(({ shut }) => shut === null);
  const possible =
    serving.length >= count && claim.cpus <= state.cpus && claim.memoryMib <= state.memoryMib;
  if (verdict.kind === 'impossible') {
    assert.ok(!possible, about);
    for (const lack of verdict.lacks) {
      const has = { gpus: large.length, cpus: state.cpus, memory: state.memoryMib }[lack.what];
      assert.equal(lack.has, has, about);
      assert.ok(lack.need > (lack.what === 'gpus' ? has - lack.shut : has), about);
    }
    return;
  }
  assert.ok(possible, about);
  if (verdict.kind === 'limit') {
    checkLimit(verdict, taking, before, about);
    return;
  }
  const free = {
    gpus: serving.filter((gpu) => naiveRoom(claim, gpu, before)).length,
    cpus: state.cpus - sum(taking.map(({ cpus }) => cpus)),
    memory: state.memoryMib - sum(taking.map(({ memoryMib }) => memoryMib)),
  };
  const need = { gpus: count, cpus: claim.cpus, memory: claim.memoryMib };
  if (verdict.kind === 'starts') {
    for (const what of ['gpus', 'cpus', 'memory'] as const)
      assert.ok(need[what] <= free[what], `${about}: ${what}`);
    return;
  }
  assert.equal(verdict.kind, 'short', about);
  if (verdict.kind !== 'short') return;
  assert.ok(verdict.shorts.length > 0, about);
  const waiting = before.filter((each) => each.verdict.kind === 'short');
  assert.equal(verdict.ahead, waiting.length, about);
  assert.equal(verdict.behind, waiting.at(-1)?.claim.runId ?? null, about);
  for (const short of verdict.shorts) {
    const { what, keptFor } = short;
    assert.equal(what === 'gpus' ? short.room : short.free, free[what], `${about}: free ${what}`);
    if (keptFor === null) assert.ok(need[what] > free[what], `${about}: too few ${what}`);
    else {
      assert.ok(need[what] <= free[what], `${about}: kept ${what}`);
      const other = waiting.find((each) => each.claim.runId === keptFor);
      assert.ok(other, `${about}: who it is kept for waits before it`);
      const claims = {
        gpus: other.claim.gpus,
        cpus: other.claim.cpus,
        memory: other.claim.memoryMib,
      };
      assert.ok(claims[what] > 0, `${about}: who it is kept for needs it`);
    }
  }
}

/** Whether a GPU has room for it, those before it in line served first. */
function naiveRoom(claim: Claim, gpu: GpuState, before: Before): boolean {
  if (gpu.foreign !== null) return false;
  const earlier = before.flatMap(({ claim: other, verdict }) =>
    verdict.kind === 'starts'
      ? verdict.slots.filter((slot) => gpuOfSlot(slot) === gpu.id).map((slot) => ({ other, slot }))
      : [],
  );
  const parts = [
    ...gpu.holdings.map(({ share, memoryMib }) => ({ share, memoryMib })),
    ...earlier.map(({ other, slot }) => ({
      share: numberOfSlot(slot) === null ? wholeGpu : thousandths(other),
      memoryMib: memoryOn(other, gpu.memoryMib),
    })),
  ];
  if (claim.gpus >= 1) return parts.length === 0;
  const share = sum(parts.map((part) => part.share)) + thousandths(claim);
  const memory = sum(parts.map((part) => part.memoryMib)) + memoryOn(claim, gpu.memoryMib);
  const fits = gpu.memoryMib === 0 || memory <= gpu.memoryMib;
  return share <= wholeGpu && fits && parts.length < sharesPerGpu;
}

function checkLimit(
  verdict: Verdict & { kind: 'limit' },
  taking: readonly Claim[],
  before: Before,
  about: string,
): void {
  const { of, name, what, most, now, need, keptFor } = verdict;
  const own = taking.filter((claim) => claim[of] === name);
  const counted = what === 'runs' ? own.length : sum(own.map(thousandths)) / wholeGpu;
  assert.equal(now, counted, about);
  if (keptFor === null) {
    assert.ok(now + need > most + 1e-9, about);
    return;
  }
  assert.ok(now + need <= most + 1e-9, about);
  const other = before.find((each) => each.claim.runId === keptFor);
  assert.equal(other?.claim[of], name, about);
  assert.match(other?.verdict.kind ?? '', /short|limit/, about);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
