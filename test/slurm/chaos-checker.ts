/** Judges the whole once all is quiet: the API against the journals of the trainers, and what is left where. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { processesOf, readJournals } from '../chaos/journal.ts';
import type { Killed } from './chaos-killer.ts';
import type { ChaosLoad, ChaosRun } from './chaos-load.ts';
import { type Count, counts, runComplaints } from './chaos-verdict.ts';
import type { SlurmYard } from './yard.ts';

export type Findings = Record<Count, string[]>;

/** `stories`: the events of runs that are complained of, for whoever looks into it. */
export type Checked = { findings: Findings; stories: string[] };

/** Slurm lets go of a job whose slurmstepd was killed when the daemon has waited for it, and asked. */
const quietMs = 60_000;
const restMs = 11_000;

export async function check(of: {
  yard: SlurmYard;
  load: ChaosLoad;
  killed: readonly Killed[];
  /** Where trainers and their journals are: their command lines name it. */
  root: string;
}): Promise<Checked> {
  const { yard, load, killed, root } = of;
  const found = Object.fromEntries(counts.map((name) => [name, [] as string[]])) as Findings;
  const stories: string[] = [];
  for (const run of load.runs) {
    const complaints = () => counts.reduce((sum, name) => sum + found[name].length, 0);
    const before = complaints();
    await checkRun(found, yard, run, isExcused(run, killed));
    if (complaints() > before || isUnusual(run)) stories.push(await storyOf(yard, run, killed));
  }
  const known = new Set(load.runs.flatMap(({ ids }) => [...ids]));
  for await (const { run_id: id } of yard.client.list({ all: true, limit: 100_000 }))
    if (!known.has(id)) found['runs started twice'].push(`run ${id} was submitted by nobody`);

  const alive = () => processesOf(`${root}/trainer`);
  await within(quietMs, () => alive().length === 0);
  for (const { pid, command } of alive()) found['processes left'].push(`${pid}: ${command}`);
  const jobs = async () =>
    (await yard.slurm.squeue('-h', '-r', '-o', '%i %T %r %j')).split('\n').filter(Boolean);
  await within(quietMs, async () => (await jobs()).length === 0);
  found['jobs left in Slurm'].push(...(await jobs()));
  // What a killed job has left is cleared away by the next one on its node, when it has lain there for a while.
  await sleep(restMs);
  const { run_id: last } = await yard.client.submit(
    { command: ['true'], cwd: root },
    { env: { PATH: process.env.PATH ?? '' } },
  );
  await yard.client.wait(last);
  await within(quietMs, () => leftOnNodes(yard).length === 0);
  found['directories left on nodes'].push(...leftOnNodes(yard));
  found['leases left'].push(...leasesIn(yard.home));
  return { findings: found, stories };
}

function isExcused({ from, to }: ChaosRun, killed: readonly Killed[]): boolean {
  const until = to ?? Number.POSITIVE_INFINITY;
  return killed.some(({ victim, at }) => victim.startsWith('slurm') && at >= from && at <= until);
}

function isUnusual({ done }: ChaosRun): boolean {
  const code = done?.failure_reason?.code ?? '';
  return !['', 'exit_nonzero', 'stopped'].includes(code);
}

/** In seconds since its submit. */
async function storyOf(yard: SlurmYard, run: ChaosRun, killed: readonly Killed[]): Promise<string> {
  const [id = ''] = run.ids;
  const began = performance.timeOrigin + run.from;
  const lines: [number, string][] = killed.map(({ victim, at, what }) => [
    at - run.from,
    `  KILLED ${victim} ${what}`,
  ]);
  const { last_seq: last } = await yard.client.get(id);
  for await (const { seq, at, event, from, to, attempt, detail_json } of yard.client.events(id)) {
    const text = `  ${attempt} ${from} → ${to} by ${event} ${detail_json}`;
    lines.push([Date.parse(at) - began, text]);
    if (seq >= last) break;
  }
  const told = lines
    .filter(([ms]) => ms > -3000 && run.from + ms <= (run.to ?? performance.now()))
    .sort(([a], [b]) => a - b)
    .map(([ms, text]) => `${(ms / 1000).toFixed(1).padStart(6)}${text}`);
  return `${run.plan.key} ${id} (${run.plan.kind}), ${run.done?.why ?? 'not over'}\n${told.join('\n')}`;
}

async function checkRun(
  found: Findings,
  yard: SlurmYard,
  run: ChaosRun,
  excused: boolean,
): Promise<void> {
  const { key, trainer } = run.plan;
  const add = (count: Count, text: string): void => void found[count].push(`${key}: ${text}`);
  for (const text of run.problems) add('other complaints', text);
  if (run.ids.size > 1) add('runs started twice', `one key, runs ${[...run.ids].join(' ')}`);
  const [id] = run.ids;
  if (id === undefined) return add('runs lost', 'its submit was not answered');
  const told = await yard.client.get(id).catch((error: Error) => error.message);
  if (typeof told === 'string') return add('runs lost', `${id}: ${told}`);
  if (told.finished_at === '') return add('runs lost', `${id}: still ${told.state}: ${told.why}`);
  const journals = readJournals(trainer.journal);
  for (const [count, text] of runComplaints(run, told, journals, excused))
    add(count, `${id}: ${text}`);
  for (const [attempt, { lines }] of journals) {
    const text = await outputProblem(yard, id, attempt, key, lines, excused);
    if (text !== null) add('output lines lost or doubled', `${id}/${attempt}: ${text}`);
  }
}

/** Lines are numbered by the trainer: each that it surely wrote is there once, in order. */
async function outputProblem(
  yard: SlurmYard,
  id: string,
  attempt: number,
  key: string,
  wrote: number,
  mayBeCut: boolean,
): Promise<string | null> {
  let next = 1;
  for await (const { lines } of yard.client.logs(id, { attempt })) {
    for (const { text } of lines) {
      if (!text.startsWith(`${key} `)) continue;
      const number = Number(text.slice(key.length + 1));
      if (number < next) return `line ${number} again`;
      if (number !== next && !mayBeCut) return `line ${number} where ${next} was expected`;
      next = number + 1;
    }
  }
  return next - 1 >= wrote || mayBeCut ? null : `${next - 1} of ${wrote} lines`;
}

/** Directories of attempts; all nodes of the fixture have one file system. */
export function leftOnNodes({ slurm }: SlurmYard): string[] {
  const runs = path.join(slurm.dir, `runyard-${process.getuid?.() ?? 0}`, 'test', 'runs');
  return fs.existsSync(runs) ? fs.readdirSync(runs) : [];
}

function leasesIn(home: string): string[] {
  const registry = new Database(path.join(home, 'registry.db'), { readonly: true });
  try {
    const rows = registry.prepare('SELECT slot, run_id FROM leases').all();
    return (rows as { slot: string; run_id: string }[]).map(
      ({ slot, run_id: run }) => `${slot} of ${run}`,
    );
  } finally {
    registry.close();
  }
}

async function within(ms: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await holds()) && performance.now() < deadline) await sleep(200);
}
