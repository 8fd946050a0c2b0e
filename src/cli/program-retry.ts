/** `runyard retry`. */
import type { Command } from 'commander';
import type { RetryFlags } from './commands/retry.ts';
import { withEndOptions } from './ends.ts';
import { withPlaceOptions } from './places.ts';
import type { Running } from './program.ts';
import { withQueueOptions } from './program-queue.ts';
import { examples } from './program-yard.ts';
import { collect } from './values.ts';

export function addRetry(program: Command, running: Running): void {
  withEndOptions(withPlaceOptions(withQueueOptions(program.command('retry'))))
    .description('runs anew what is over: same configuration, with the environment of this shell')
    .argument('<run...>')
    .option('--failed', 'only those that failed or were lost, and have no retry yet')
    .option('--name <name>', 'of the new run; default: the same')
    .option('--note <text>')
    .option('--time-limit <time>', 'of one attempt, such as 12h')
    .option('--stall-limit <time>', 'without output and metrics, then it is stopped')
    .option('--env <NAME=VALUE>', 'set a variable; may be given several times', collect)
    .option('--env-file <path>', 'set variables from a file', collect)
    .option('--clean-env', 'pass on nothing of this shell')
    .option('--key <key>', 'same key and configuration: same run, submitted once')
    .addHelpText(
      'after',
      examples(
        'runyard retry k3f9',
        'runyard retry k3f9 --gpu-memory 40G --retries 2',
        'runyard retry g:seeds --failed',
        'runyard retry @last --partition long --slurm-time 2d',
      ),
    )
    .action((refs: string[], flags: RetryFlags) =>
      running(async (context) => (await import('./commands/retry.ts')).retry(context, refs, flags)),
    );
}
