/**
 * What earlier jobs have left on a node. Slurm may kill a job with its worker: nobody is there then to end what had
 * lost its parent, or to remove the attempt's directory. Whoever comes to that node next does both.
 */
import fs from 'node:fs';
import path from 'node:path';
import { attemptDir, type Identity, isAlive, judge } from '../../rundir/index.ts';
import { holdLock } from '../control.ts';
import { thisMachine } from '../machine.ts';
import { startFile } from './claim.ts';

/** A directory that was touched lately may be one that a job is just beginning in. */
const restMs = 10_000;
/** And one in which none has begun is left alone for longer. */
const emptyMs = 600_000;
const pollMs = 20;
const killsMost = 100;

/** Ends what lives of an attempt, unless it has a worker: then false. Throws what the disk says. */
export async function endLeftover(dir: string): Promise<boolean> {
  const lock = await holdLock({ dir });
  if (lock === null) return false;
  try {
    const verdict = judge(dir);
    const trainer = 'trainer' in verdict ? verdict.trainer : null;
    if (trainer === null) return !('recorderAlive' in verdict && verdict.recorderAlive);
    const tree = thisMachine().createTree(trainer, dir, null);
    for (let left = killsMost; left > 0 && tree.killAll() > 0; left -= 1)
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    return tree.killAll() === 0;
  } finally {
    lock.close();
  }
}

/**
 * Removes the directories of runs whose jobs are gone, and ends what lives of them, and of earlier attempts of our own
 * run. `root`: the yard's on this node.
 */
export async function clearLeftovers(
  root: string,
  own: { runId: string; attempt: number },
): Promise<void> {
  for (let earlier = 1; earlier < own.attempt; earlier += 1) {
    const dir = attemptDir(root, own.runId, earlier);
    if (fs.existsSync(dir)) await endLeftover(dir).catch(() => false);
  }
  for (const runId of namesIn(path.join(root, 'runs'))) {
    if (runId === own.runId) continue;
    try {
      await clearRun(root, runId);
    } catch {
      // Somebody else is about it, or it is not ours to remove.
    }
  }
}

async function clearRun(root: string, runId: string): Promise<void> {
  const run = path.join(root, 'runs', runId);
  const attempts = namesIn(path.join(run, 'attempts')).map((name) =>
    attemptDir(root, runId, Number(name)),
  );
  if (!attempts.every(isAbandoned)) return;
  for (const dir of attempts) if (!(await endLeftover(dir))) return;
  fs.rmSync(run, { recursive: true, force: true });
  fs.rmSync(path.join(root, 'artifacts', runId), { recursive: true, force: true });
}

/** No batch shell that began it lives: nobody will start a worker for it again. */
function isAbandoned(dir: string): boolean {
  const starts = namesIn(dir).filter((name) => startFile.test(name));
  const quietMs = Date.now() - fs.statSync(dir).mtimeMs;
  if (quietMs < (starts.length === 0 ? emptyMs : restMs)) return false;
  return starts.every((name) => {
    const { shell } = JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')) as {
      shell?: Identity | null;
    };
    return shell != null && !isAlive(shell);
  });
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}
