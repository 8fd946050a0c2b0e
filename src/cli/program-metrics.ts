/** The commands about what runs measured. */
import type { Command } from 'commander';
import type { CompareFlags } from './commands/compare.ts';
import type { MetricsFlags } from './commands/metrics.ts';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';

export function addMetricCommands(program: Command, running: Running): void {
  program
    .command('metrics')
    .description("a run's metric points")
    .argument('<run>')
    .option('-k, --key <key>', 'only this metric, or those that a pattern names, such as charts/*')
    .option('-f, --follow', 'until it is done')
    .option('--from <seq>', 'from this point on; --json tells the numbers')
    .option('--last <n>', 'only the last points that are there now')
    .option('--source <source>', 'only of stdout, tensorboard, wandb, csv, jsonl or runyard')
    .option('--thin <n>', 'least, greatest and last of each metric in each of n parts')
    .option('--attempt <n>', 'of this attempt; default: the latest')
    .option('--keys', 'which metrics there are: the last value, the least, the greatest, how many')
    .option('--offline', 'from the state directory, without a daemon; changes nothing')
    .addHelpText(
      'after',
      examples(
        'runyard metrics @last --key charts/episodic_return',
        'runyard metrics k3f9 --keys',
        'runyard metrics k3f9 --last 20 --follow --json',
      ),
    )
    .action((ref: string, flags: MetricsFlags) =>
      running(
        async (context) => (await import('./commands/metrics.ts')).metrics(context, ref, flags),
        { passing: flags.follow === true },
      ),
    );
  program
    .command('compare')
    .description('runs side by side: their metrics, and in what they differ')
    .argument('<run...>')
    .option('-k, --key <key>', 'only this metric, or those that a pattern names, such as charts/*')
    .option('--plot', 'draw the curves')
    .addHelpText(
      'after',
      examples(
        'runyard compare k3f9 m2x8 --key "charts/*"',
        'runyard compare g:seeds --key eval/return --plot',
      ),
    )
    .action((refs: string[], flags: CompareFlags) =>
      running(async (context) =>
        (await import('./commands/compare.ts')).compare(context, refs, flags),
      ),
    );
}
