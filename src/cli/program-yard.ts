/** The commands about the daemon and the machine. */
import { type Command, Option } from 'commander';
import type { DaemonFlags } from './commands/daemon.ts';
import type { Running } from './program.ts';

export function addYardCommands(program: Command, running: Running): void {
  withSettings(program.command('up'))
    .description('start the daemon, or say that it is up')
    .addHelpText(
      'after',
      examples(
        'runyard up',
        'runyard up --parallel 4 --gpus fake:2',
        'runyard up --rebuild-registry     when the registry is lost or damaged',
      ),
    )
    .action((flags: DaemonFlags) =>
      running(async (context) => {
        const { up } = await import('./commands/up.ts');
        return up(context, flagsOf(flags), flags.rebuildRegistry === true);
      }),
    );
  program
    .command('down')
    .description('end the daemon; runs go on unless told otherwise')
    .option('--stop-runs', 'stop every run first')
    .option('--keep-bus', 'leave the bus up')
    .addHelpText('after', examples('runyard down', 'runyard down --stop-runs'))
    .action((flags: { stopRuns?: boolean; keepBus?: boolean }) =>
      running(async (context) => (await import('./commands/up.ts')).down(context, flags)),
    );
  program
    .command('status')
    .description('how the daemon is, and why')
    .addHelpText('after', examples('runyard status', 'runyard status --json'))
    .action(() => running(async (context) => (await import('./commands/up.ts')).status(context)));
  program
    .command('console')
    .description('a link that opens the web console, once')
    .option('--viewer', 'look only, change nothing')
    .option('--no-open', 'print it, and open no browser')
    .addHelpText('after', examples('runyard console', 'runyard console --viewer --no-open'))
    .action((flags: { viewer?: boolean; open?: boolean }) =>
      running(async (context) =>
        (await import('./commands/console.ts')).openConsole(context, flags),
      ),
    );
  withSettings(program.command('daemon'))
    .description('run the daemon in the foreground')
    .addHelpText('after', examples('runyard daemon', 'RUNYARD_LOG=debug runyard daemon'))
    .action((flags: DaemonFlags) =>
      running(async (context) => (await import('./commands/daemon.ts')).daemon(context, flags)),
    );
  program
    .command('worker', { hidden: true })
    .description('supervise one attempt (started by the daemon)')
    .option('--config <path>', 'the attempt')
    .option('--warm', 'wait for attempts on standard input')
    .option('--job <script>', 'the attempt of a job on a node, from its batch script')
    .action((flags: { config?: string; warm?: boolean; job?: string }) =>
      running(async (context) => (await import('./commands/worker.ts')).worker(context, flags)),
    );
  program
    .command('doctor')
    .description('check the machine and the daemon; works without a daemon')
    .option('--offline', 'ask no daemon, and read the whole registry')
    .option('--bundle <file>', 'also write what a bug report needs, without secrets (.tar.gz)')
    .addHelpText(
      'after',
      examples(
        'runyard doctor',
        'runyard doctor --offline --json',
        'runyard doctor --bundle report.tar.gz',
      ),
    )
    .action((flags: { offline?: boolean; bundle?: string }) =>
      running(async (context) => (await import('./commands/doctor.ts')).doctor(context, flags)),
    );
  addConfig(program, running);
  program
    .command('chart')
    .description('a state chart of the product, drawn from what runs')
    .argument('<machine>', 'run, daemon or worker')
    .option('--svg', 'as SVG (the default)')
    .option('--mermaid', 'as a stateDiagram-v2')
    .option('--run <run>', 'light up where this run is, and how it came there')
    .addHelpText(
      'after',
      examples(
        'runyard chart run > run.svg',
        'runyard chart run --run @last > last.svg',
        'runyard chart daemon --mermaid',
      ),
    )
    .action((machine: string, flags: { svg?: boolean; mermaid?: boolean; run?: string }) =>
      running(async (context) =>
        (await import('./commands/chart.ts')).chart(context, machine, flags),
      ),
    );
  program
    .command('completion')
    .description('a completion script for bash, zsh or fish')
    .argument('<shell>')
    .addHelpText(
      'after',
      examples('source <(runyard completion bash)', 'runyard completion fish | source'),
    )
    .action((shell: string) =>
      running(async (context) =>
        (await import('./commands/completion.ts')).completion(context, shell, program),
      ),
    );
}

function addConfig(program: Command, running: Running): void {
  const config = program.command('config').description('your settings: check, show');
  config
    .command('check')
    .description('check the settings, or the file of a run')
    .argument('[file]', "a run's YAML or JSON")
    .addHelpText('after', examples('runyard config check', 'runyard config check run.yaml'))
    .action((file: string | undefined) =>
      running(async (context) => (await import('./commands/config.ts')).configCheck(context, file)),
    );
  config
    .command('show')
    .description('the settings in force')
    .option('--origin', 'where each value is from')
    .addHelpText('after', examples('runyard config show --origin'))
    .action((flags: { origin?: boolean }) =>
      running(async (context) => (await import('./commands/config.ts')).configShow(context, flags)),
    );
}

function withSettings(command: Command): Command {
  return command
    .option('--parallel <n>', 'CPU slots: how many runs without GPUs may go on at once')
    .option('--gpus <which>', 'auto, none, or fake:4x24GiB')
    .option('--listen <address>', 'host:port of the API')
    .addOption(new Option('--yard <name>', 'name of this yard'))
    .option(
      '--rebuild-registry',
      'remake the registry from the run directories; the old one is kept, and no run is started twice',
    );
}

function flagsOf(flags: DaemonFlags): string[] {
  const { parallel, gpus, listen, yard, rebuildRegistry } = flags;
  const settings = Object.entries({ parallel, gpus, listen, yard }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  return rebuildRegistry === true ? [...settings, '--rebuild-registry'] : settings;
}

/** The part of a help text that shows how. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
