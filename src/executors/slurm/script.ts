/** The batch script: a shell that keeps a worker alive on the node, and the parcels of its tasks. */
import { type Parcel, parcelLine } from './parcel.ts';

/** Characters of a script, at most: Slurm takes 4 MiB by default, and sites take less. */
export const scriptMost = 1 << 20;
/** A worker that is killed is replaced so often; whoever kills more wants the job to end. */
const workersMost = 1000;
/** What a worker says by its exit code when it must not be replaced: see `src/worker/job/`. */

/**
 * `command` starts `runyard` on the node. The shell hands on the warning before the time limit, and lets all other
 * signals be: what they mean for the trainer is for the worker to say. Its environment is the run's; the worker's
 * is not, because a run's LD_PRELOAD or NODE_OPTIONS is not for us.
 */
export function scriptOf(command: readonly string[], parcels: readonly Parcel[]): string {
  return `#!/bin/sh
# Written by runyard: one attempt of a run, or one for each task of an array.
# It may come before there is a worker, or before that can hear it: then the next one is told.
worker= warned=
trap 'warned=1; [ -n "$worker" ] && kill -USR2 $worker 2>/dev/null' USR2
trap : TERM INT HUP USR1 CONT
left=${workersMost}
while [ $left -gt 0 ]; do
  left=$((left - 1))
  worker= told=$warned
  env -i PATH="$PATH" HOME="$HOME" RUNYARD_WARNED="$told" ${slurmVariables.map((name) => `${name}="$${name}"`).join(' ')} \\
    ${command.map(quoted).join(' ')} worker --job "$0" &
  worker=$!
  [ "$warned" != "$told" ] && kill -USR2 $worker 2>/dev/null
  while :; do
    wait $worker
    code=$?
    kill -0 $worker 2>/dev/null || break
  done
  [ $code -lt 128 ] && exit $code
done
exit 70
${parcels.map(parcelLine).join('\n')}
`;
}

/** What a worker has to know of the job that it is in. */
const slurmVariables = [
  ...['SLURM_JOB_ID', 'SLURM_ARRAY_JOB_ID', 'SLURM_ARRAY_TASK_ID', 'SLURMD_NODENAME'],
  ...['SLURM_RESTART_COUNT', 'SLURM_CONF', 'SLURM_JOB_GPUS', 'SLURM_STEP_GPUS'],
];

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
