/** The commands of those who run a yard for others, or for long. */
import type { Command } from 'commander';
import type { AuditFlags } from './commands/audit.ts';
import type { ServiceFlags } from './commands/service.ts';
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
    .command('audit')
    .description('who asked for what, from where, why, and what came of it; works without a daemon')
    .option('--since <time>', 'only from then on: 2h ago, or a time')
    .option('--run <run>', 'only what named this run: its id, or the beginning of it')
    .option('--who <user>', 'only of this user')
    .option('-f, --follow', 'go on with what comes, until ^C')
    .addHelpText(
      'after',
      examples(
        'runyard audit --since 1d',
        'runyard audit --run k3f9',
        'runyard audit --who ana --json',
        'runyard audit -f',
      ),
    )
    .action((flags: AuditFlags) =>
      running(async (context) => (await import('./commands/audit.ts')).audit(context, flags)),
    );
  const notify = program
    .command('notify')
    .description('the hooks that are told of runs')
    .addHelpText('after', examples('runyard notify test'));
  notify
    .command('test')
    .description('run the hooks of the settings once, with a made-up run')
    .addHelpText('after', examples('runyard notify test'))
    .action(() =>
      running(async (context) => (await import('./commands/notify.ts')).notifyTest(context)),
    );
  const service = program
    .command('service')
    .description('the daemon as a service of systemd')
    .addHelpText(
      'after',
      examples(
        'runyard service install --dry-run',
        'runyard service install',
        'runyard service status',
      ),
    );
  for (const [name, about] of [
    ['install', 'write the unit, enable and start it; each step is printed first'],
    ['uninstall', 'stop and remove it; runs go on'],
    ['status', 'what systemd says of it'],
  ] as const) {
    const command = service
      .command(name)
      .description(about)
      .option('--system', 'a service of the machine, not of your account')
      .option('--user <name>', 'with --system: the account that it runs as');
    if (name !== 'status') command.option('--dry-run', 'print the steps and do nothing');
    command
      .addHelpText('after', examples(`runyard service ${name}`, `runyard service ${name} --system`))
      .action((flags: ServiceFlags) =>
        running(async (context) => {
          const commands = await import('./commands/service.ts');
          if (name === 'install') return commands.serviceInstall(context, flags);
          if (name === 'uninstall') return commands.serviceUninstall(context, flags);
          return commands.serviceStatus(context, flags);
        }),
      );
  }
}
