/** The commands about a bus on servers of one's own. */
import type { Command } from 'commander';
import type { BusFlags } from './commands/bus-check.ts';
import type { BusInitFlags } from './commands/bus-init.ts';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';

export function addBusCommands(program: Command, running: Running): void {
  const bus = program
    .command('bus')
    .description('a bus on servers of your own: init, check')
    .addHelpText('after', examples('runyard bus init --server n1 n2 n3', 'runyard bus check'));
  bus
    .command('init')
    .description(
      'keys, accounts and server files, or with --url the streams; printed, done by --yes',
    )
    .option('--dir <dir>', 'where files are written; default: runyard-bus')
    .option('--yard <name...>', 'yards that use it; default: this one')
    .option('--server <host...>', 'hosts of the servers; default: 127.0.0.1')
    .option('--store <dir>', 'where each server keeps its streams; default: /var/lib/nats')
    .option('--url <servers>', 'make the streams on these servers instead')
    .option('--creds <file>', 'with --url: credentials; default: bus_creds')
    .option('--yes', 'do what was printed')
    .addHelpText(
      'after',
      examples(
        'runyard bus init --server n1 n2 n3',
        'runyard bus init --server n1 n2 n3 --yes',
        'runyard bus init --url nats://n1:4222 --creds daemon.creds --yes',
      ),
    )
    .action((flags: BusInitFlags) =>
      running(async (context) => (await import('./commands/bus-init.ts')).busInit(context, flags)),
    );
  bus
    .command('check')
    .description('whether an existing bus has what this yard needs')
    .option('--url <servers>', 'default: RUNYARD_NATS_URL')
    .option('--creds <file>', 'default: bus_creds')
    .addHelpText('after', examples('runyard bus check', 'runyard bus check --json'))
    .action((flags: BusFlags) =>
      running(async (context) =>
        (await import('./commands/bus-check.ts')).busCheck(context, flags),
      ),
    );
}
