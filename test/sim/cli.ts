/**
 * `npm run sim -- --seed N` replays one world; `--lifecycles N` or `--minutes M` runs many on all cores and
 * prints the coverage. Ends with 1 when an invariant was broken.
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { type Hits, keyOf, reachable } from './coverage.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { runShard } from './shard.ts';
import type { Violation, WorldResult } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    lifecycles: { type: 'string' },
    minutes: { type: 'string' },
    jobs: { type: 'string' },
    /** How many notes of a broken world are printed. */
    trace: { type: 'string', default: '120' },
    /** How many cells never hit are printed. */
    missed: { type: 'string', default: '60' },
    /** Nothing but these kinds of fault, separated by blanks. */
    weather: { type: 'string' },
    /** Nothing but worlds in which runs are led into a state and struck there: "STATE + EVENT + FAULT", or a part. */
    ambush: { type: 'string' },
    /** For the shards that this command starts, and for the mutants. */
    shard: { type: 'string' },
  },
});

type Progress = { lifecycles: number; worlds: number };

/** A process grows with each world that it has been through: another one takes over. */
const lifecyclesOfProcess = 20_000;

/** What a shard prints, a JSON line each. */
type Said =
  | { type: 'progress'; lifecycles: number; worlds: number }
  | { type: 'broken'; seed: number; violation: Violation; lifecycles: number }
  | { type: 'over'; lifecycles: number; worlds: number; hits: [string, number][] };

const untilMs =
  values.minutes === undefined
    ? Number.POSITIVE_INFINITY
    : Date.now() + 60_000 * Number(values.minutes);
const wanted =
  values.lifecycles === undefined
    ? values.minutes === undefined
      ? 1000
      : Number.POSITIVE_INFINITY
    : Number(values.lifecycles);

const weather = values.weather === undefined ? null : (values.weather.split(' ') as FaultKind[]);
for (const kind of weather ?? []) {
  if (!faultKinds.includes(kind)) throw new Error(`--weather: ${kind} is none of ${faultKinds}`);
}

if (values.seed !== undefined) await replay(Number(values.seed));
else if (values.shard !== undefined) await beShard();
else await runAll(Number(values.jobs ?? os.availableParallelism()));

async function replay(seed: number): Promise<void> {
  await runShard({
    first: seed,
    weather,
    ambush: values.ambush ?? null,
    stride: 1,
    lifecycles: 0,
    untilMs: 0,
    tell({ result }) {
      print(result);
      console.log(
        `seed ${seed}: ${result.lifecycles} lifecycles, ${result.steps} steps, ` +
          `${Math.round(result.simulatedMs)} ms simulated, trace ${result.hash}`,
      );
      if (result.violation !== null) process.exitCode = 1;
      return false;
    },
  });
}

function print({ seed, violation, trace }: WorldResult): void {
  if (violation === null) return;
  console.log(trace.slice(-Number(values.trace)).join('\n'));
  console.log(`✖ ${violation.invariant}: ${violation.text}`);
  console.log(`replay: npm run sim -- --seed ${seed}`);
}

async function beShard(): Promise<void> {
  const [first = 1, stride = 1] = (values.shard ?? '').split('/').map(Number);
  const say = (said: Said): void => console.log(JSON.stringify(said));
  let told = Date.now();
  let stopped = false;
  // Of ^C its parent tells it, so that it can still say what it has seen.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => {
    stopped = true;
  });
  await runShard({
    first,
    stride,
    weather,
    ambush: values.ambush ?? null,
    lifecycles: wanted,
    untilMs,
    tell({ result, lifecycles, worlds, hits }) {
      const { seed, violation } = result;
      if (violation !== null) {
        say({ type: 'broken', seed, violation, lifecycles });
        process.exitCode = 1;
      } else if (Date.now() > told + 1000) {
        told = Date.now();
        say({ type: 'progress', lifecycles, worlds });
      }
      if (violation !== null || lifecycles >= wanted || Date.now() > untilMs || stopped) {
        say({ type: 'over', lifecycles, worlds, hits: [...hits] });
      }
      return !stopped;
    },
  });
}

async function runAll(jobs: number): Promise<void> {
  const began = performance.now();
  const hits: Hits = new Map();
  const progress: Progress[] = Array.from({ length: jobs }, () => ({ lifecycles: 0, worlds: 0 }));
  const total = (of: 'lifecycles' | 'worlds'): number =>
    progress.reduce((sum, each) => sum + each[of], 0);
  const rate = (): string => {
    const seconds = (performance.now() - began) / 1000;
    const perSecond = Math.round(total('lifecycles') / seconds);
    return `${total('lifecycles')} lifecycles in ${Math.round(seconds)} s, ${perSecond} a second`;
  };
  const broken: number[] = [];
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  let told = performance.now();
  /** Of one process; returns whether there is more to do. */
  const shard = async (mine: Progress, first: number, most: number): Promise<boolean> => {
    const { lifecycles, worlds } = mine;
    const args = ['--shard', `${first + worlds * jobs}/${jobs}`];
    if (Number.isFinite(most)) args.push('--lifecycles', String(most));
    if (values.weather !== undefined) args.push('--weather', values.weather);
    if (values.ambush !== undefined) args.push('--ambush', values.ambush);
    const options = { reject: false, stderr: 'inherit', buffer: false } as const;
    const child = execa(
      process.execPath,
      [...process.execArgv, import.meta.filename, ...args],
      options,
    );
    const end = (): void => void child.kill('SIGTERM');
    stop.signal.addEventListener('abort', end);
    let isBroken = false;
    for await (const line of child) {
      const said = JSON.parse(line) as Said;
      mine.lifecycles = lifecycles + said.lifecycles;
      if (said.type === 'broken') {
        isBroken = true;
        broken.push(said.seed);
        console.log(`✖ seed ${said.seed}: ${said.violation.invariant}: ${said.violation.text}`);
      } else mine.worlds = worlds + said.worlds;
      if (said.type === 'over') {
        for (const [key, count] of said.hits) hits.set(key, (hits.get(key) ?? 0) + count);
      }
      if (performance.now() > told + 5000) {
        told = performance.now();
        console.log(rate());
      }
    }
    stop.signal.removeEventListener('abort', end);
    const { exitCode } = await child;
    if (exitCode !== 0) process.exitCode = 1;
    return exitCode === 0 && !isBroken && !stop.signal.aborted;
  };
  const timer = Number.isFinite(untilMs)
    ? setTimeout(() => stop.abort(), untilMs - Date.now())
    : undefined;
  const shards = progress.map(async (mine, index) => {
    const share = Math.ceil(wanted / jobs);
    let more = true;
    while (more && mine.lifecycles < share) {
      const most = Math.min(share - mine.lifecycles, lifecyclesOfProcess);
      more = await shard(mine, Number(values.from) + index, most);
    }
  });
  await Promise.all(shards);
  clearTimeout(timer);
  console.log(`${rate()}; ${total('worlds')} worlds`);
  report(hits);
  // Again and whole: what a shard has seen is only its last word.
  for (const seed of broken.slice(0, 1)) await replay(seed);
}

function report(hits: Hits): void {
  const cells = reachable();
  const missed = cells.filter((cell) => !hits.has(keyOf(cell)));
  const share = ((100 * (cells.length - missed.length)) / cells.length).toFixed(1);
  console.log(
    `(state × event × fault): ${cells.length - missed.length} of ${cells.length}, ${share} %`,
  );
  for (const cell of missed.slice(0, Number(values.missed))) console.log(`  never: ${keyOf(cell)}`);
  const more = missed.length - Number(values.missed);
  if (more > 0) console.log(`  and ${more} more`);
}
