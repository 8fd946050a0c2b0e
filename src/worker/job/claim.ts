/**
 * Which start of a job has the attempt. Slurm may start a job twice, and a daemon whose sbatch was answered late may
 * have made two: the first claim that is stored has it. Without the bus nothing is started (decision 101).
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { JobClaim } from '../../executors/on-node/index.ts';
import { type Identity, makeDirectory, writeAtomic } from '../../rundir/index.ts';
import type { Subject } from '../outlet.ts';

/** A claim as it is stored, or in its place that nobody may have the attempt. */
type Stored = Partial<JobClaim> & { attempt: number; void?: boolean };

export type Claiming =
  | { kind: 'ours'; claim: JobClaim }
  /** Another start's, or nobody's for good. */
  | { kind: 'taken'; by: JobClaim | null }
  /** No bus for so long. */
  | { kind: 'away' };

const retryMs = 500;
const name = 'claimed.json';
/** What a start of a job is known by on its node: its claim, and the batch shell that it is. */
export const startFile = /^start\.[0-9a-f]{16}\.json$/;

/**
 * The claim of this start: the same for each of its workers, by a file of the node. A start is its batch shell: of one
 * that Slurm has forgotten to have begun, neither the job's number nor a count of restarts says so.
 */
export function claimOf(
  dir: string,
  env: Readonly<Record<string, string | undefined>>,
  shell: Identity | null,
): JobClaim {
  makeDirectory(dir);
  const job =
    env.SLURM_ARRAY_TASK_ID && env.SLURM_ARRAY_JOB_ID
      ? `${env.SLURM_ARRAY_JOB_ID}_${env.SLURM_ARRAY_TASK_ID}`
      : (env.SLURM_JOB_ID ?? '');
  const which = crypto
    .createHash('sha256')
    .update(JSON.stringify(shell))
    .digest('hex')
    .slice(0, 16);
  const file = path.join(dir, `start.${which}.json`);
  try {
    const { claim } = JSON.parse(fs.readFileSync(file, 'utf8')) as { claim: JobClaim };
    return claim;
  } catch {
    const claim: JobClaim = {
      job,
      node: env.SLURMD_NODENAME ?? '',
      start: crypto.randomUUID(),
      gpus: gpusOf(env),
      at: new Date().toISOString(),
    };
    writeAtomic(file, JSON.stringify({ claim, shell }), { mode: 0o600, sync: true });
    return claim;
  }
}

/** What Slurm granted: it leaves the variable unset for a job that asked for none. */
export function gpusOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const granted = env.SLURM_STEP_GPUS || env.SLURM_JOB_GPUS || '';
  return granted.split(',').filter((gpu) => gpu !== '');
}

export async function takeClaim(
  subject: Subject,
  about: { yard: string; runId: string; attempt: number; claim: JobClaim; dir: string },
  waitMs: number,
): Promise<Claiming> {
  const { runId, attempt, claim, dir } = about;
  const until = Date.now() + waitMs;
  for (;;) {
    try {
      const last = await subject.last();
      const stored = (last?.payload ?? null) as Stored | null;
      if (stored !== null && stored.attempt >= attempt) {
        const ours = stored.attempt === attempt && stored.start === claim.start;
        if (!ours)
          return { kind: 'taken', by: stored.start === undefined ? null : (stored as JobClaim) };
        writeAtomic(path.join(dir, name), JSON.stringify(claim), { mode: 0o600 });
        return { kind: 'ours', claim };
      }
      // Stored or not, what counts is what is there then: the answer may be lost.
      await subject.publish({ v: 1, run_id: runId, attempt, ...claim }, last?.seq ?? 0);
    } catch {
      // A node that has it already goes on without the bus.
      if (isClaimed(dir, claim)) return { kind: 'ours', claim };
      if (Date.now() > until) return { kind: 'away' };
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

/** A later worker of a start that has the attempt. */
function isClaimed(dir: string, claim: JobClaim): boolean {
  try {
    const kept = JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')) as JobClaim;
    return kept.start === claim.start;
  } catch {
    return false;
  }
}
