/** The commands about who may read the bus. */
import { type Command, Option } from 'commander';
import type { ExportFlags } from './commands/creds.ts';
import type { RotateFlags } from './commands/token.ts';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';

export function addCredsCommands(program: Command, running: Running): void {
  const creds = program
    .command('creds')
    .description('who may read the bus: export, ls, revoke')
    .addHelpText('after', examples('runyard creds export --reader me', 'runyard creds ls'));
  creds
    .command('export')
    .description(
      'make a credential that reads the bus and does nothing else; it is shown this once',
    )
    .requiredOption('--reader <name>', 'whose; also its user on the bus')
    .option('--expires <time>', 'from now, such as 7d; default: it does not end')
    .option('--run <run...>', 'only these runs; default: all')
    .addOption(
      new Option('--format <format>', 'for a shell, for programs, or for the nats command')
        .choices(['env', 'json', 'nats-context'])
        .default('env'),
    )
    .addHelpText('after', exportHelp)
    .action((flags: ExportFlags) =>
      running(async (context) =>
        (await import('./commands/creds.ts')).exportReader(context, flags),
      ),
    );
  creds
    .command('ls')
    .description('who was given one, until when, for which runs')
    .addHelpText('after', examples('runyard creds ls', 'runyard creds ls --json'))
    .action(() => running(async (context) => (await import('./commands/creds.ts')).list(context)));
  creds
    .command('revoke')
    .description('end credentials at once; whoever reads with them is cut off')
    .argument('<name...>')
    .addHelpText('after', examples('runyard creds revoke grafana'))
    .action((names: string[]) =>
      running(async (context) => (await import('./commands/creds.ts')).revoke(context, names)),
    );
  program
    .command('token')
    .description('the token of programs that come by a port')
    .addHelpText('after', examples('runyard token rotate -m "was in a screenshot"'))
    .command('rotate')
    .description('make a new one at once; the old one is refused, and sessions of the console end')
    .option('--scrape', 'the token for /metrics instead')
    .option('--keep-sessions', 'of the console')
    .option('-m, --message <why>', 'why; kept in the log')
    .addHelpText('after', examples('runyard token rotate', 'runyard token rotate --scrape'))
    .action((flags: RotateFlags) =>
      running(async (context) => (await import('./commands/token.ts')).rotateToken(context, flags)),
    );
}

const exportHelp = `${examples(
  'eval "$(runyard creds export --reader me)" && node leaderboard.mjs',
  'runyard creds export --reader ana --expires 7d --run k3f9 m2x8 --format json',
  'runyard creds export --reader cli --format nats-context > ~/.config/nats/context/runyard.json',
)}

The password is kept nowhere: who loses it revokes the reader and exports it anew. A credential that
expires is ended by the daemon: while none runs, it lasts until the next one starts.`;
