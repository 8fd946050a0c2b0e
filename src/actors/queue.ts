/** Who waits for slots and who holds them, as the allocator has to see it; grants are sent from here. */
import {
  type AllocatorState,
  type Backoff,
  createLine,
  decide,
  type Ending,
  explain,
  explainOne,
  type Fate,
  type GpuState,
  type Said,
  type Supply,
  type Verdict,
  type Waiting,
  words,
} from '../allocator/index.ts';
import { gpuOfSlot } from '../slots.ts';
import { createForeseen } from './foreseen.ts';
import { type Known, withHolders } from './holders.ts';

/** What the yard has and what it may give, whoever holds it. */
export type Yard = Omit<Supply, 'gpus' | 'live'> & {
  readonly gpus: readonly Omit<GpuState, 'holdings'>[];
  readonly drained: Said | null;
};

export type QueueOptions = {
  yard: () => Yard;
  grant: (runId: string, slots: readonly string[]) => void;
  /** It can never start. */
  reject: (ending: Ending, text: string) => void;
  /** A grant, or a rejection, was thrown back. */
  refused: (runId: string, error: unknown) => void;
  /** How a run ended that is not under way any more. */
  fate: (runId: string) => Fate;
  nowMs: () => number;
  /** The monotonic clock; left out: nobody waits by it. */
  monoMs?: () => number;
  /** Calls back later, not within the present turn. */
  later: (act: () => void) => void;
  /** Calls back after so many milliseconds; what it returns calls that off. */
  after: (ms: number, act: () => void) => () => void;
  /** How long such a run takes, in ms; null: nobody knows. */
  tookMs: (runId: string) => number | null;
  /** Why nothing is granted for now, although there may be slots; null: nothing is in the way. */
  hold: () => string | null;
};

/** Grants that are committed in one turn, which keeps everybody else waiting. */
const grantsMost = 250;
/** How long until it is looked again whether grants are still held up. */
const holdMs = 1000;
/** Longest that is waited for a point in time: the wall clock may be set meanwhile. */
const wakeMostMs = 30_000;
/** How long what was explained may be shown again: what others do to GPUs is not told here. */
const explainedMs = 1000;

export type Queue = {
  /** A run is under way, waiting or not. */
  know(request: Waiting, sinceMs: number | null): void;
  /** It is over. */
  forget(runId: string): void;
  /** It waits; its place is that of its submit. */
  wait(runId: string): void;
  /** It waits, but not in line, until it is said to wait again. */
  skip(runId: string): void;
  /** It waits no longer. */
  leave(runId: string): void;
  /** Somebody holds it, or nobody any more. */
  hold(runId: string, hold: Said | null): void;
  /** It waits for another attempt; what had to come before the first is not asked for again. */
  backOff(runId: string, backoff: Backoff | null): void;
  waiting(): number;
  live(): number;
  /** Notes who holds slots from now on. */
  promise(slots: readonly string[], holder: string): void;
  /** Takes back what was promised to a run. */
  takeBack(runId: string): void;
  /** Keeps a slot's GPU from everybody, and says why. */
  setAside(slot: string, text: string): void;
  /** Gives slots back to everybody. */
  readmit(slots: readonly string[]): void;
  /** GPUs of which anything is held or set aside. */
  held(): number;
  /** Each GPU and who holds what of it. */
  gpus(): readonly GpuState[];
  why(runId: string): string;
  /** What would become of a run that came now. */
  whatIf(request: Waiting): { verdict: Verdict; text: string };
  /** Grants what can be granted, soon. */
  schedule(): void;
  close(): void;
};

export function createQueue(options: QueueOptions): Queue {
  const { nowMs } = options;
  const line = createLine();
  const known = new Map<string, Known>();
  /** Those of them that do not wait. */
  const live = new Map<string, Known>();
  /** Slots promised by a grant, until the run is done: lease rows alone would come too late. */
  const promised = new Map<string, string>();
  const aside = new Map<string, string>();
  /** Of runs that are over and that others wait for. */
  const fates = new Map<string, Fate>();
  let explained: { atMs: number; all: ReadonlyMap<string, Verdict> | null } | null = null;
  let scheduled = false;
  let callOff: () => void = () => undefined;
  let closed = false;

  const fate = (runId: string): Fate => {
    if (known.has(runId)) return 'open';
    const found = fates.get(runId) ?? options.fate(runId);
    fates.set(runId, found);
    return found;
  };
  const gpus = ({ gpus: all }: Yard): GpuState[] =>
    withHolders(all, { promised, aside, known, nowMs: nowMs() });
  const state = (): AllocatorState => {
    const yard = options.yard();
    return {
      ...yard,
      queue: line.inOrder,
      gpus: gpus(yard),
      live: [...live.values()].map(({ request }) => request),
      fate,
      monoMs: options.monoMs?.() ?? 0,
    };
  };
  const foreseen = createForeseen({
    tookMs: options.tookMs,
    sinceMs: (runId) => live.get(runId)?.sinceMs ?? null,
  });
  const changed = (): void => {
    explained = null;
    foreseen.stale();
  };
  const change = (runId: string, part: Partial<Waiting>): void => {
    const found = known.get(runId);
    if (found === undefined) return;
    changed();
    found.request = { ...found.request, ...part };
    if (line.get(runId) !== undefined) line.put(found.request);
  };

  /** True when it was stored. One that cannot be was told by its run, which is rebuilt and waits again. */
  const guarded = (runId: string, act: () => void): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      options.refused(runId, error);
      return false;
    }
  };
  const act = (): void => {
    if (options.hold() !== null) {
      callOff = options.after(holdMs, schedule);
      return;
    }
    const now = nowMs();
    const before = state();
    const { grants, endings, wakeAtMs } = decide(before, now);
    const stored = [
      // A cluster's places have no end: the others come in the next turns.
      ...grants
        .slice(0, grantsMost)
        .map(({ runId, slots }) => guarded(runId, () => options.grant(runId, slots))),
      ...endings.map((ending) => {
        const request = line.get(ending.runId);
        if (request === undefined) return false;
        const text = words(ending.verdict, request, before, now);
        return guarded(ending.runId, () => options.reject(ending, text));
      }),
    ];
    // What is kept for one may be kept elsewhere now, and what ended may be what others wait for.
    if (stored.includes(true)) schedule();
    else if (wakeAtMs !== null)
      callOff = options.after(Math.min(wakeMostMs, Math.max(1, wakeAtMs - now)), schedule);
  };
  const schedule = (): void => {
    changed();
    if (scheduled || closed) return;
    scheduled = true;
    callOff();
    options.later(() => {
      scheduled = false;
      if (!closed && line.size > 0) act();
    });
  };

  /** One is cheaper than all; whoever asks twice asks for a list. */
  const verdictOf = (runId: string, now: number): Verdict | undefined => {
    if (explained === null || now - explained.atMs > explainedMs || now < explained.atMs) {
      explained = { atMs: now, all: null };
      return explainOne(state(), now, runId);
    }
    explained.all ??= explain(state(), now);
    return explained.all.get(runId);
  };

  return {
    know(request, sinceMs) {
      changed();
      const found = { request, sinceMs };
      known.set(request.runId, found);
      live.set(request.runId, found);
    },
    forget(runId) {
      changed();
      known.delete(runId);
      live.delete(runId);
      line.take(runId);
      if (line.size === 0) fates.clear();
    },
    wait(runId) {
      const found = known.get(runId);
      if (found === undefined) return;
      changed();
      found.sinceMs = null;
      live.delete(runId);
      line.put(found.request);
    },
    skip(runId) {
      changed();
      line.take(runId);
    },
    leave(runId) {
      const found = known.get(runId);
      if (found === undefined) return;
      changed();
      line.take(runId);
      live.set(runId, found);
    },
    hold(runId, hold) {
      const found = known.get(runId);
      if (found === undefined) return;
      const { by = null, reason = null } = found.request.hold ?? {};
      if (by === (hold?.by ?? null) && reason === (hold?.reason ?? null)) return;
      change(runId, { hold });
      schedule();
    },
    backOff: (runId, backoff) => change(runId, { backoff, dependencies: [] }),
    waiting: () => line.size,
    live: () => live.size,
    promise(slots, holder) {
      changed();
      for (const slot of slots) promised.set(slot, holder);
      const found = known.get(holder);
      if (found !== undefined) found.sinceMs ??= nowMs();
    },
    takeBack(runId) {
      changed();
      for (const [slot, holder] of promised) if (holder === runId) promised.delete(slot);
    },
    setAside(slot, text) {
      changed();
      aside.set(slot, text);
    },
    readmit(slots) {
      for (const slot of slots) {
        promised.delete(slot);
        aside.delete(slot);
      }
      schedule();
    },
    held: () => new Set([...promised.keys(), ...aside.keys()].map(gpuOfSlot)).size,
    gpus: () => gpus(options.yard()),
    why(runId) {
      const request = line.get(runId);
      if (request === undefined) return '';
      const held = options.hold();
      if (held !== null) return held;
      const now = nowMs();
      const verdict = verdictOf(runId, now);
      if (verdict === undefined) return '';
      const text = words(verdict, request, state(), now);
      return isTimed(verdict) ? text : text + foreseen.text(runId, state, now);
    },
    whatIf(request) {
      const now = nowMs();
      const before = state();
      line.put(request);
      try {
        const verdict = explainOne({ ...before, queue: line.inOrder }, now, request.runId);
        if (verdict === undefined) throw new RangeError(`nothing is said about ${request.runId}`);
        const text = words(verdict, request, before, now);
        if (isTimed(verdict)) return { verdict, text };
        const then = { ...before, queue: line.inOrder };
        return { verdict, text: text + foreseen.textIn(request.runId, then, now) };
      } finally {
        line.take(request.runId);
      }
    },
    schedule,
    close() {
      closed = true;
      callOff();
    },
  };
}

/** What is said of it has its time already. */
function isTimed({ kind }: Verdict): boolean {
  return ['starts', 'later', 'backoff'].includes(kind);
}
