/** What is wrong with one run: what is told of it against what its trainers wrote down. Pure. */
import type { RunSummary } from '../../src/contracts/index.ts';
import type { Journal } from '../chaos/journal.ts';
import { gapIn } from '../chaos/verdict.ts';
import type { ChaosRun } from './chaos-load.ts';

export const counts = [
  'runs lost',
  'runs started twice',
  'runs wrongly reported',
  'event gaps',
  'output lines lost or doubled',
  'processes left',
  'directories left on nodes',
  'leases left',
  'jobs left in Slurm',
  'other complaints',
] as const;
export type Count = (typeof counts)[number];
export type Complaint = readonly [count: Count, text: string];

/** What may be told of a run whose job went with something of Slurm's that we killed. */
const ofSlurm = [
  ...['job_lost', 'job_restarted', 'job_failed', 'cancelled_elsewhere', 'node_failed'],
  'exit_unobserved',
];

export function codeOf(told: RunSummary): string {
  const code = told.failure_reason?.code ?? '';
  return code === '' ? told.status : `${told.status}, ${code}`;
}

/** `excused`: something of Slurm's own was killed while the run went on. */
export function runComplaints(
  run: Pick<ChaosRun, 'plan' | 'seqs' | 'attempts' | 'stopTried'>,
  told: RunSummary,
  journals: ReadonlyMap<number, Journal>,
  excused: boolean,
): Complaint[] {
  const { plan, seqs, attempts } = run;
  const found: Complaint[] = [];
  const twice = (text: string): void => void found.push(['runs started twice', text]);
  const wrong = (text: string): void => void found.push(['runs wrongly reported', text]);
  const started = [...journals.keys()].sort((a, b) => a - b);
  for (const [attempt, { again, overlaps, problems }] of journals) {
    if (again > 0) twice(`attempt ${attempt}: ${again} more starts`);
    if (overlaps > 0) twice(`attempt ${attempt} began while an earlier one lived`);
    if (attempt > told.attempt) twice(`attempt ${attempt} ran, ${told.attempt} is told`);
    for (const text of problems) found.push(['other complaints', `attempt ${attempt}: ${text}`]);
  }
  if (told.attempt > plan.retries + 1)
    twice(`${told.attempt} attempts, ${plan.retries + 1} may be`);
  if (attempts.some((attempt, index) => attempt !== index + 1) || attempts.length !== told.attempt)
    wrong(`attempts ${attempts} came by the events, ${told.attempt} is told`);
  for (const attempt of started.filter((each) => each < told.attempt)) {
    const ends = journals.get(attempt)?.ends ?? [];
    const own = plan.retriesFailures && ends.some(({ exit }) => exit !== 0 && exit !== undefined);
    if (!own && !excused) wrong(`another attempt followed ${attempt}: ${JSON.stringify(ends)}`);
  }
  const why = wrongEnd(run, told, journals.get(told.attempt)?.ends ?? [], excused);
  if (why !== null) wrong(why);
  const gap = gapIn(seqs, told.last_seq);
  if (gap !== null) found.push(['event gaps', gap]);
  return found;
}

function wrongEnd(
  { plan, stopTried }: Pick<ChaosRun, 'plan' | 'stopTried'>,
  told: RunSummary,
  ends: Journal['ends'],
  excused: boolean,
): string | null {
  const said = `${codeOf(told)}, exit ${told.exit_code}, signal ${told.exit_signal || '-'}: ${told.why}`;
  const but = `${said}; its trainer wrote ${JSON.stringify(ends)}, stop tried ${stopTried}, excused ${excused}`;
  const code = told.failure_reason?.code ?? '';
  if (told.status === 'completed')
    return told.exit_code === 0 && ends.some(({ exit }) => exit === 0) ? null : but;
  if (told.status === 'cancelled') return stopTried ? null : but;
  if (code === 'exit_nonzero') {
    const own = plan.trainer.exit !== 0 && told.exit_code === plan.trainer.exit;
    return own && ends.some(({ exit }) => exit === told.exit_code) ? null : but;
  }
  return excused && ofSlurm.includes(code) ? null : but;
}
