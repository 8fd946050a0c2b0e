/** The commands, their options and their help. What a command does is loaded when it is called. */
import { Command, CommanderError, Option } from 'commander';
import { type Context, createContext, usage, versionOf } from './context.ts';
import { exitCodeOfError, exitCodes } from './exit-codes.ts';
import { errorJson, errorLines } from './failure.ts';
import { addBusCommands } from './program-bus.ts';
import { addCredsCommands } from './program-creds.ts';
import { addOperatingCommands } from './program-operating.ts';
import { addRunCommands } from './program-runs.ts';
import { addYardCommands } from './program-yard.ts';
import { createTerminal } from './terminal.ts';

/** What a command's action does, given its context. */
export type Act = (context: Context) => Promise<number>;
/** Registers what an action returns as the exit code. */
export type Running = (act: Act, options?: { passing?: boolean }) => Promise<void>;

/** Runs one command line; resolves with the exit code. Prints errors, never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const { env, stdin, stdout, stderr } = process;
  // Whoever read our output has gone: end as SIGPIPE would end us.
  stdout.on('error', () => process.exit(141));
  stderr.on('error', () => undefined);
  const terminal = createTerminal({ stdin, stdout, stderr, env });
  let code: number = exitCodes.ok;
  let json = false;
  let command = '';
  const program = new Command('runyard');
  const running: Running = async (act, { passing = false } = {}) => {
    const { host = null } = program.opts<{ host?: string }>();
    // One option of the moment goes before what the shell has for all.
    const isElsewhere = host === null && !local.includes(command);
    const address = (isElsewhere && env.RUNYARD_ADDRESS) || null;
    const context = createContext({ env, cwd: process.cwd(), terminal, json, host, address });
    try {
      refuseElsewhere(host, command);
      code = await act(context);
    } catch (error) {
      if (json) stderr.write(`${JSON.stringify(errorJson(error))}\n`);
      else for (const line of errorLines(error, terminal.paint)) terminal.note(line);
      code = exitCodeOfError(error, passing);
    } finally {
      await context.close();
    }
  };
  build(program, running);
  program.hook('preAction', (_, called) => {
    json = called.opts<{ json?: boolean }>().json === true;
    const chain = [called.name(), called.parent?.name()];
    command = chain[chain[1] === program.name() ? 0 : 1] ?? '';
  });
  if (argv.length === 0) {
    program.outputHelp();
    return exitCodes.ok;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return code;
}

/** These are about the machine where they run. */
const local = [
  'up',
  'daemon',
  'worker',
  'doctor',
  'config',
  'completion',
  'audit',
  'backup',
  'restore',
  'notify',
  'service',
  'bus',
];

function refuseElsewhere(host: string | null, command: string): void {
  if (host === null || !local.includes(command)) return;
  const rule = `does not go with ${command}, which is about the machine where it runs`;
  throw usage('--host', rule, `ssh ${host} runyard ${command}`);
}

function build(program: Command, running: Running): void {
  program
    .description('Training runs that outlive everything but themselves.')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .option('-H, --host <host>', 'ask the daemon of another machine, by ssh; before the command')
    .version(versionOf(), '-V, --version', 'print the version')
    .addHelpText('after', topHelp);
  addYardCommands(program, running);
  addOperatingCommands(program, running);
  addRunCommands(program, running);
  addCredsCommands(program, running);
  addBusCommands(program, running);
  for (const command of program.commands) {
    command.exitOverride().addOption(new Option('--json', 'for programs: JSON, one object a line'));
    for (const inner of command.commands) {
      inner.exitOverride().addOption(new Option('--json', 'for programs: JSON, one object a line'));
    }
  }
}

const topHelp = `
A run is named by its id, a unique prefix of it, its name, or @last; g:GROUP are all runs of a group.

Examples:
  $ runyard up
  $ runyard run -- python train.py --lr 3e-4      submit and follow; ^C detaches
  $ runyard submit --gpus 1 -- python train.py
  $ runyard ls
  $ runyard logs -f @last
  $ runyard -H ws1 ls                             on another machine, by ssh

$RUNYARD_ADDRESS, $RUNYARD_TOKEN and $RUNYARD_CA: a daemon that listens on the network, by TLS.

Exit codes: 0 ok, 1 error, 2 usage, 3 no daemon, 4 rejected. run, wait and --follow end with the
trainer's own code, 128+n for a signal; there our own errors are 125.`;
