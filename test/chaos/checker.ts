/**
 * Judges the whole, once all is quiet: the API's answers and the bus against the journals of the
 * trainers. The registry is not asked, nor are the run directories.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunSummary } from '../../src/contracts/index.ts';
import { attemptComplaints } from './attempts.ts';
import { readBus } from './bus.ts';
import { groupComplaint } from './groups.ts';
import { type Journal, journalOf, processesOf, readJournals } from './journal.ts';
import type { Kills } from './killer.ts';
import type { Load, LoadedRun } from './load.ts';
import { excuseFor, gapIn, wrongReport } from './verdict.ts';
import type { ChaosYard } from './yard.ts';

export const counts = [
  'runs lost',
  'runs started twice',
  'runs wrongly reported',
  'groups wrongly counted',
  'processes left',
  'leases leaked',
  'temporary directories left',
  'double leases',
  'event gaps',
  'output lines lost or doubled',
  'other complaints',
] as const;
export type Count = (typeof counts)[number];
/** What was found, by what it breaks; all empty is what is wanted. */
export type Findings = Record<Count, string[]>;

const quietMs = 30_000;
/** A directory for the temporary files of one attempt. */
const ofAttempt = /^runyard-[a-z2-7]{8}-\d+$/;

export async function check(of: {
  yard: ChaosYard;
  load: Load;
  kills: Kills;
  gpus: number;
}): Promise<Findings> {
  const { yard, load, kills } = of;
  const found = Object.fromEntries(counts.map((name) => [name, [] as string[]])) as Findings;
  const bus = await readBus(yard);
  const killed = new Map<string, string[]>();
  for (const { name, dir } of yard.hits()) {
    if (dir === undefined) continue;
    const id = idIn(dir);
    killed.set(id, [...(killed.get(id) ?? []), name]);
  }
  const known = new Set<string>();
  for (const run of load.runs) {
    for (const id of run.ids) known.add(id);
    await checkRun(found, of, run, killed, bus);
  }
  for (const { name, members, problems } of load.groups) {
    const told = await yard.client.group(name).catch(() => null);
    const wrong = told === null ? 'it is not known' : groupComplaint(told, members);
    for (const text of wrong === null ? problems : [...problems, wrong])
      found['groups wrongly counted'].push(`${name}: ${text}`);
  }
  for await (const { run_id: id } of yard.client.list({ all: true, limit: 1_000_000 })) {
    if (!known.has(id)) found['runs started twice'].push(`run ${id} was submitted by nobody`);
  }
  await checkLeases(found, of);
  await checkQuiet(found, yard);
  const hit = new Set(yard.hits().map(({ pid }) => pid));
  for (const { pid, signal, exitCode } of yard.deaths) {
    if (kills.daemons.has(pid) || hit.has(pid)) continue;
    found['other complaints'].push(`daemon ${pid} died by itself: ${signal ?? exitCode}`);
  }
  await checkProcesses(found, yard);
  return found;
}

async function checkRun(
  found: Findings,
  { yard, kills }: { yard: ChaosYard; kills: Kills },
  run: LoadedRun,
  killed: ReadonlyMap<string, string[]>,
  bus: Awaited<ReturnType<typeof readBus>>,
): Promise<void> {
  const { key } = run.plan;
  const journals = readJournals(run.plan.trainer.journal);
  const add = (count: Count, text: string): void => void found[count].push(`${key}: ${text}`);
  for (const text of run.problems) add('other complaints', text);
  for (const { problems, double } of journals.values()) {
    for (const text of problems) add('other complaints', text);
    if (double > 0) add('double leases', `${double} GPUs were held by somebody`);
  }
  for (const text of run.leftover) add('processes left', text);
  if (run.ids.size > 1) add('runs started twice', `one key, runs ${[...run.ids].join(' ')}`);
  const [id] = run.ids;
  if (id === undefined) return;
  const told = await yard.client.get(id).catch((error: Error) => error.message);
  if (typeof told === 'string') return add('runs lost', told);
  if (told.finished_at === '' || run.done === null) return add('runs lost', `still ${told.state}`);
  if (changed(run.done, told))
    add('runs wrongly reported', `${run.done.status}, later ${told.status}`);
  const excuse = excuseFor(killed.get(id) ?? [], kills.recorders.has(key));
  for (const [count, text] of attemptComplaints(run, told, journals, excuse))
    add(count, `${id}: ${text}`);
  // Of an attempt that none was started in nothing is there.
  const journal = journalOf(run.plan.trainer.journal, told.attempt);
  const wrong = wrongReport(run, told, journal, excuse);
  if (wrong !== null) add('runs wrongly reported', `${id}: ${wrong}`);
  for (const [way, seqs] of [
    ['by the API', run.seqs],
    ['by the bus', bus.events.get(id) ?? []],
  ] as const) {
    const gap = gapIn(seqs, told.last_seq);
    if (gap !== null) add('event gaps', `${id} ${way}: ${gap}`);
  }
  for (const [attempt, wrote] of journals) {
    const output = await outputProblem(yard, id, attempt, run, wrote, excuse.output);
    if (output !== null) add('output lines lost or doubled', `${id}/${attempt}: ${output}`);
  }
  const onBus = bus.logProblems.get(id);
  if (onBus !== undefined) add('output lines lost or doubled', `${id} on the bus: ${onBus}`);
}

function changed(before: RunSummary, now: RunSummary): boolean {
  const of = (told: RunSummary) =>
    JSON.stringify([told.status, told.exit_code, told.exit_signal, told.failure_reason]);
  return of(before) !== of(now);
}

/** Lines are numbered by the trainer: each that it surely wrote is there once, in order. */
async function outputProblem(
  yard: ChaosYard,
  id: string,
  attempt: number,
  { plan }: LoadedRun,
  { lines: wrote }: Journal,
  mayBeCut: boolean,
): Promise<string | null> {
  let next = 1;
  for await (const { lines, gaps } of yard.client.logs(id, { attempt })) {
    // All of it together is far below the limit: any gap is a loss.
    if (gaps.length > 0 && !mayBeCut) return `gaps ${JSON.stringify(gaps)}`;
    for (const { text } of lines) {
      const number = Number(text.slice(plan.key.length + 1));
      if (!text.startsWith(`${plan.key} `)) continue;
      // A line may be cut where the trainer or its recorder was killed; nothing follows it.
      if (number !== next && !mayBeCut) return `line ${number} where ${next} was expected`;
      if (number < next) return `line ${number} again`;
      next = number + 1;
    }
  }
  return next - 1 >= wrote || mayBeCut ? null : `${next - 1} of ${wrote} lines`;
}

/** Every GPU is free, and a run that wants all of them gets them. */
async function checkLeases(
  found: Findings,
  { yard, gpus }: { yard: ChaosYard; gpus: number },
): Promise<void> {
  const { gpus_free: free } = await yard.client.health();
  if (free !== gpus) found['leases leaked'].push(`${free} of ${gpus} GPUs are free`);
  const env = { PATH: process.env.PATH ?? '' };
  const all = { command: ['true'], cwd: yard.root, gpus };
  const { run_id: id } = await yard.client.submit(all, { env });
  const done = await yard.client.wait(id, { signal: AbortSignal.timeout(quietMs) });
  if (done.status === 'completed') return;
  found['leases leaked'].push(`a run with all GPUs: ${done.status} ${done.state} ${done.why}`);
  await yard.client.stop(id, { now: true });
}

/** With nothing to do, nothing of a run is there: no trainer, and no recorder but those that wait for one. */
async function checkQuiet(found: Findings, yard: ChaosYard): Promise<void> {
  const ours = /daemon\.ts|worker\.ts|nats-server|recorder --wait/;
  const ofRuns = () => processesOf(yard.root).filter(({ command }) => !ours.test(command));
  await within(quietMs, () => ofRuns().length === 0);
  for (const { pid, command } of ofRuns()) found['processes left'].push(`${pid}: ${command}`);
  await within(quietMs, () => fs.readdirSync(yard.temp).every((name) => !ofAttempt.test(name)));
  const temps = fs.readdirSync(yard.temp).filter((name) => ofAttempt.test(name));
  found['temporary directories left'].push(...temps);
}

/** After the shutdown nothing at all is there. */
async function checkProcesses(found: Findings, yard: ChaosYard): Promise<void> {
  yard.keepDown();
  await yard.client.shutdown();
  await within(quietMs, () => processesOf(yard.root).length === 0);
  for (const { pid, command } of processesOf(yard.root))
    found['processes left'].push(`after the shutdown, ${pid}: ${command}`);
}

async function within(ms: number, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds() && performance.now() < deadline) await sleep(50);
}

/** The run of an attempt's directory, as a recorder's hit names it. */
function idIn(dir: string): string {
  return path.basename(path.resolve(dir, '../..'));
}

/** For a person who wants to look: the journals stay. */
export function writeFindings(file: string, found: Findings): void {
  fs.writeFileSync(file, JSON.stringify(found, null, 2));
}
