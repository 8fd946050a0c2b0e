/** Verdicts as sentences, with names and numbers. */
import type { AllocatorState } from './allocator.ts';
import { couldServe, type GpuState, type Holding } from './gpu.ts';
import { type Claim, isShare, wholeGpu } from './request.ts';
import type { Fate, Lack, Short, Verdict } from './verdict.ts';

/** How many GPUs are named one by one. */
const namedMost = 4;

/** Why a run waits. `waiting` is what the verdict is about. */
export function words(
  verdict: Verdict,
  waiting: Claim,
  state: Pick<AllocatorState, 'gpus'>,
  nowMs: number,
): string {
  switch (verdict.kind) {
    case 'starts':
      return 'about to start';
    case 'held':
      return `held by ${said(verdict)}; runyard release ${waiting.runId}`;
    case 'drained':
      return `nothing new starts here: drained by ${said(verdict)}`;
    case 'later':
      return `not to start before ${spanText(verdict.atMs - nowMs)} from now`;
    case 'backoff': {
      const { attempt, atMs, ended } = verdict;
      return `${attempt} starts in ${spanText(atMs - nowMs)}, at ${clockText(atMs)}; ${ended}`;
    }
    case 'after':
      return `after ${verdict.run}${verdict.more > 0 ? ` and ${verdict.more} more` : ''}: ${ends[verdict.on]}`;
    case 'hopeless':
      return `it was to start when ${verdict.run} ${wished[verdict.on]}, but that ${fates[verdict.fate]}`;
    case 'impossible':
      return verdict.lacks.map((lack) => lackText(lack, waiting, state)).join('; ');
    case 'limit':
      return limitText(verdict);
    case 'short':
      return [
        ...verdict.shorts.map((short) => shortText(short, waiting, state, nowMs)),
        placeText(verdict),
      ].join('; ');
  }
}

/** `GPU-1a2b3c4d`: as much of a UUID as people read. */
export function shortGpu(id: string): string {
  return /^((GPU|MIG)-[0-9a-f]{8})-/.exec(id)?.[1] ?? id;
}

/** `40 s`, `12 min`, `3 h`, `2 d`: rounded down. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `12:03:20 UTC`, of milliseconds since 1970. */
function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000) % 86_400;
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60];
  return `${parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':')} UTC`;
}

const ends = { ok: 'when it has completed', any: 'when it is over', fail: 'if it fails' };
const wished = { ok: 'has completed', any: 'is over', fail: 'fails' };
const fates: Readonly<Record<Fate, string>> = {
  open: 'is not over',
  ok: 'completed',
  fail: 'did not complete',
  gone: 'is not known any more',
};

function said({ by, reason }: { by: string; reason: string }): string {
  return reason === '' ? by : `${by}: ${reason}`;
}

/** `2 GPUs of 40 GiB`, `0.25 of a GPU with 4 GiB`. */
export function needText({ gpus, gpuMemoryMib }: Pick<Claim, 'gpus' | 'gpuMemoryMib'>): string {
  const memory = gpuMemoryMib === null ? '' : gib(gpuMemoryMib);
  if (isShare({ gpus })) return `${gpus} of a GPU${memory && ` with ${memory}`}`;
  return `${gpus} GPU${gpus === 1 ? '' : 's'}${memory && ` of ${memory}`}`;
}

function lackText(lack: Lack, claim: Claim, { gpus }: Pick<AllocatorState, 'gpus'>): string {
  if (lack.what !== 'gpus') {
    const [need, has] = [amount(lack.what, lack.need), amount(lack.what, lack.has)];
    return `needs ${need}; this yard has ${has}`;
  }
  const such = claim.gpuMemoryMib === null ? '' : ' such';
  if (lack.shut === 0) return `needs ${needText(claim)}; this yard has ${lack.has}${such}`;
  const shut = gpus.flatMap((gpu) =>
    gpu.shut === null ? [] : [`${shortGpu(gpu.id)} is ${gpu.shut.text}`],
  );
  return `needs ${needText(claim)}; of ${lack.has}${such} ${lack.has - lack.shut} in service: ${few(shut)}`;
}

function limitText(verdict: Verdict & { kind: 'limit' }): string {
  const { of, name, what, most, now, need, keptFor } = verdict;
  const unit = what === 'gpus' ? 'GPUs' : 'runs';
  if (need > most) return `needs ${need} ${unit}; a ${of} may have ${most} at once`;
  const who = { user: name, project: `project ${name}`, group: `g:${name}` }[of];
  const kept = keptFor === null ? '' : `; the rest is kept for ${keptFor}, which came before it`;
  return `${who} has ${now} of at most ${most} ${unit} at once${kept}`;
}

function shortText(
  short: Short,
  claim: Claim,
  { gpus }: Pick<AllocatorState, 'gpus'>,
  nowMs: number,
): string {
  const kept = short.keptFor === null ? '' : `, kept for ${short.keptFor}`;
  if (short.what !== 'gpus') {
    const unit = short.what === 'memory' ? ' GiB' : '';
    const [free, of] = [short.free, short.of].map((n) => (unit === '' ? n : gib(n).split(' ')[0]));
    return `needs ${amount(short.what, short.need)}; ${free} of ${of}${unit} free${kept}`;
  }
  const needs = `needs ${needText(claim)}`;
  if (short.keptFor !== null) return `${needs}; ${short.room} free${kept}`;
  const able = gpus.filter((gpu) => couldServe(claim, gpu));
  const busy = able.filter((gpu) => gpu.holdings.length > 0 || gpu.foreign !== null);
  const free = able.filter((gpu) => !busy.includes(gpu));
  const named = busy.map((gpu) => `${shortGpu(gpu.id)} ${holdersText(gpu, nowMs)}`);
  const frees = free.length === 0 ? [] : [`${few(free.map(({ id }) => shortGpu(id)))} free`];
  return `${needs}; ${[few(named), ...frees].filter(Boolean).join(', ')}`;
}

function holdersText({ holdings, foreign }: GpuState, nowMs: number): string {
  const [first] = holdings;
  if (first === undefined) return `used by ${foreign ?? 'somebody else'}`;
  if (holdings.length === 1 && first.share === wholeGpu)
    return `held by ${holderText(first, nowMs)}`;
  const shared = holdings.reduce((sum, { share }) => sum + share, 0) / wholeGpu;
  return `${shared} of it held by ${few(holdings.map((holding) => holderText(holding, nowMs)))}`;
}

function holderText({ runId, user, sinceMs }: Holding, nowMs: number): string {
  return `run ${runId}${user === '' ? '' : ` of ${user}`} for ${spanText(nowMs - sinceMs)}`;
}

function placeText({ ahead, behind }: Verdict & { kind: 'short' }): string {
  if (behind === null) return 'next in line';
  return `${ahead === 1 ? 'next in line' : `${ahead} before it in line`}, behind ${behind}`;
}

function few(texts: readonly string[]): string {
  const more = texts.length - namedMost;
  return more <= 0 ? texts.join(', ') : `${texts.slice(0, namedMost).join(', ')} and ${more} more`;
}

function amount(what: 'cpus' | 'memory', value: number): string {
  if (what === 'memory') return `${gib(value)} of memory`;
  return `${value} CPU slot${value === 1 ? '' : 's'}`;
}

function gib(mib: number): string {
  return `${Number((mib / 1024).toFixed(1))} GiB`;
}
