/** The commands of those who run a yard for others, or for long. */
import type { Command } from 'commander';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';

export function addOperatingCommands(program: Command, running: Running): void {
  program
    .command('backup')
    .description('copy the registry and all runs, while runs go on')
    .argument('<to>', 'a directory, or a file that ends in .tar, .tar.gz or .tgz')
    .option('--artifacts', 'with the artifacts')
    .addHelpText(
      'after',
      examples(
        'runyard backup /mnt/backup/ws1-$(date +%F).tgz',
        'runyard backup --artifacts /mnt/b',
      ),
    )
    .action((to: string, flags: { artifacts?: boolean }) =>
      running(async (context) => (await import('./commands/backup.ts')).backup(context, to, flags)),
    );
  program
    .command('restore')
    .description('put a backup into the state directory; no daemon may run')
    .argument('<from>', 'what `runyard backup` made')
    .option('--over', 'also where runs are; those stay, and the registry is set aside')
    .addHelpText(
      'after',
      examples(
        'runyard restore /mnt/backup/ws1-2026-01-31.tgz',
        'RUNYARD_HOME=/var/tmp/trial runyard restore b.tgz',
      ),
    )
    .action((from: string, flags: { over?: boolean }) =>
      running(async (context) =>
        (await import('./commands/backup.ts')).restore(context, from, flags),
      ),
    );
  program
    .command('notify')
    .description('the hooks that are told of runs')
    .command('test')
    .description('run the hooks of the settings once, with a made-up run')
    .addHelpText('after', examples('runyard notify test'))
    .action(() =>
      running(async (context) => (await import('./commands/notify.ts')).notifyTest(context)),
    );
}
