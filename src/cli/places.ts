/** Options about where a run goes, and what it asks Slurm for. */
import type { Command } from 'commander';
import { usage } from './context.ts';
import { parseSeconds } from './spans.ts';
import { collect, isObject } from './values.ts';

export type PlaceFlags = {
  executor?: string;
  partition?: string;
  account?: string;
  qos?: string;
  slurmTime?: string;
  gres?: string;
  slurm?: string[];
};

export function withPlaceOptions(command: Command): Command {
  return command
    .option('--executor <where>', 'local or slurm; default: what the settings of the yard say')
    .option('--partition <name>', 'of Slurm; as all of these, it sends the run there')
    .option('--account <name>', 'of Slurm')
    .option('--qos <name>', 'of Slurm')
    .option('--slurm-time <time>', "Slurm's own limit, such as 12h; default: from --time-limit")
    .option('--gres <name>', 'what its GPUs are called in Slurm, such as gpu:a100')
    .option('--slurm <flag>', 'of sbatch, such as --constraint=a100; may be given often', collect);
}

/** What of a configuration they say; what a file says besides stays. Throws usage. */
export function placeOf(
  flags: PlaceFlags,
  base: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { executor, partition, account, qos, slurmTime, gres, slurm: words } = flags;
  if (executor !== undefined && executor !== 'local' && executor !== 'slurm')
    throw usage('--executor', `must be local or slurm, not "${executor}"`);
  const given = Object.entries({
    partition,
    account,
    qos,
    time_s: slurmTime === undefined ? undefined : parseSeconds(slurmTime, '--slurm-time'),
    gres,
    flags: words?.map(flagOf),
  }).filter(([, value]) => value !== undefined);
  if (given.length > 0 && executor === 'local') {
    const hint = 'leave it out, or say --executor slurm';
    throw usage('--executor', 'is local, and the options of Slurm are for runs there', hint);
  }
  // What a file asks of Slurm is not for a run that is to stay here.
  if (executor === 'local') return { executor, slurm: undefined };
  const before = isObject(base.slurm) ? base.slurm : {};
  const slurm = given.length === 0 ? {} : { slurm: { ...before, ...Object.fromEntries(given) } };
  return { ...(executor === undefined ? {} : { executor }), ...slurm };
}

/** `--constraint=a100`, also without its dashes. */
function flagOf(text: string): string {
  if (/^-[a-zA-Z]/.test(text))
    throw usage('--slurm', `must be a long option, not "${text}"`, 'such as --slurm --exclusive');
  return text.startsWith('--') ? text : `--${text}`;
}
