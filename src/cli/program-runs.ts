/** The commands about runs. */
import type { Command } from 'commander';
import type { GroupFlags } from './commands/group.ts';
import type { LogsFlags } from './commands/logs.ts';
import type { ListFlags } from './commands/runs.ts';
import type { SweepFlags } from './commands/sweep.ts';
import type { SubmitFlags } from './compose.ts';
import { withEndOptions } from './ends.ts';
import { isGroup } from './groups.ts';
import { withPlaceOptions } from './places.ts';
import type { Running } from './program.ts';
import { addKeepingCommands } from './program-keeping.ts';
import { addMetricCommands } from './program-metrics.ts';
import { addQueueCommands, addResume, withQueueOptions } from './program-queue.ts';
import { addRetry } from './program-retry.ts';
import { examples } from './program-yard.ts';
import { collect } from './values.ts';

export function addRunCommands(program: Command, running: Running): void {
  withMatrixOptions(withRunOptions(program.command('submit')))
    .description('queue a run; prints its id')
    .option('--follow', 'stay, show the output, and end with its exit code')
    .option('--dry-run', 'only say whether it would be refused, start, or wait, and why')
    .addHelpText('after', submitHelp)
    .action((words: string[], flags: SweepFlags) =>
      running(
        async (context) => (await import('./commands/submit.ts')).submit(context, words, flags),
        { passing: flags.follow === true },
      ),
    );
  withMatrixOptions(withRunOptions(program.command('sweep')))
    .description('a run for each cell of a matrix, all in one group; prints g:GROUP')
    .option('--follow', 'stay until all of it is over; 0 when all have completed')
    .option('--dry-run', 'only say what would be refused, and how the first would fare')
    .addHelpText('after', sweepHelp)
    .action((words: string[], flags: SweepFlags) =>
      running(async (context) =>
        (await import('./commands/sweep.ts')).sweep(context, words, flags),
      ),
    );
  withRunOptions(program.command('run'))
    .description('submit and follow; ^C detaches, twice stops the run')
    .addHelpText('after', examples('runyard run -- python train.py --lr 3e-4'))
    .action((words: string[], flags: SubmitFlags) =>
      running(
        async (context) =>
          (await import('./commands/submit.ts')).submit(context, words, { ...flags, follow: true }),
        { passing: true },
      ),
    );
  addLooking(program, running);
  addStreams(program, running);
  addMetricCommands(program, running);
  program
    .command('wait')
    .description('wait until runs are done; ends with the exit code of the one, or 0 or 1')
    .argument('<run...>')
    .option('--timeout <time>', 'give up after, such as 30m')
    .addHelpText('after', examples('runyard wait @last && python plot.py', 'runyard wait g:seeds'))
    .action((refs: string[], flags: { timeout?: string }) =>
      running(async (context) => (await import('./commands/runs.ts')).wait(context, refs, flags), {
        passing: refs.length === 1 && !isGroup(refs[0]),
      }),
    );
  program
    .command('stop')
    .description('stop runs: the stop signal, a grace period, then SIGKILL')
    .argument('<run...>')
    .option('-m, --message <why>', 'kept with the run')
    .option('--now', 'without the grace period')
    .option('--no-wait', 'do not wait for the end')
    .addHelpText('after', examples('runyard stop k3f9 -m "wrong lr"', 'runyard stop --now @last'))
    .action((refs: string[], flags: { message?: string; now?: boolean; wait?: boolean }) =>
      running(async (context) => (await import('./commands/runs.ts')).stop(context, refs, flags)),
    );
  addRetry(program, running);
  addPausing(program, running);
  addQueueCommands(program, running);
  addKeepingCommands(program, running);
}

function addPausing(program: Command, running: Running): void {
  program
    .command('pause')
    .description('stop the processes of runs where they are')
    .argument('<run...>')
    .option('-m, --message <why>', 'kept with the run')
    .addHelpText('after', examples('runyard pause k3f9'))
    .action((refs: string[], flags: { message?: string }) =>
      running(async (context) =>
        (await import('./commands/pausing.ts')).pausing(context, 'pause', refs, flags),
      ),
    );
  addResume(program, running);
}

function addLooking(program: Command, running: Running): void {
  program
    .command('ls')
    .description('list runs, newest first')
    .argument('[g:GROUP]', 'only this group')
    .option('-a, --all', 'finished ones too')
    .option('--mine', 'only mine')
    .option('--failed', 'only those that failed')
    .option('--status <status>', 'only this status')
    .option('--group <group>', 'only this group')
    .option('-n, --limit <n>', 'at most so many')
    .option('-k, --metric <key>', 'the last value of this metric, or of those that a pattern names')
    .option('--offline', 'from the state directory, without a daemon; changes nothing')
    .addHelpText(
      'after',
      examples(
        'runyard ls',
        'runyard ls -a --failed',
        'runyard ls -a --json',
        'runyard ls -a --metric eval/return',
        'runyard ls --offline',
      ),
    )
    .action((group: string | undefined, flags: ListFlags) =>
      running(async (context) => (await import('./commands/runs.ts')).ls(context, group, flags)),
    );
  program
    .command('show')
    .description('one run: its states and how long they lasted, why, code, paths; or g:GROUP')
    .argument('<run>')
    .option('-k, --metric <key>', 'of a group: last and best of each run, means over seeds')
    .option('--least', 'of a group: the least value is the best')
    .option('-n, --limit <n>', 'of a group: so many runs on a terminal; 0: all')
    .option('--offline', 'from the state directory, without a daemon; changes nothing')
    .addHelpText(
      'after',
      examples(
        'runyard show k3f9',
        'runyard show @last --json',
        'runyard show g:dqn-7q --metric charts/episodic_return',
        'runyard show k3f9 --offline',
      ),
    )
    .action((ref: string, flags: { offline?: boolean } & GroupFlags) =>
      running(async (context) => (await import('./commands/show.ts')).show(context, ref, flags)),
    );
}

function addStreams(program: Command, running: Running): void {
  program
    .command('logs')
    .description("a run's output")
    .argument('<run>')
    .option('-f, --follow', 'until it ends')
    .option('--tail <n>', 'only the last lines')
    .option('--since <when>', 'only lines since: 10m ago, or a time such as 2026-01-31T08:00')
    .option('--from <seq>', 'from this line on; --json tells the numbers')
    .option('-g, --grep <pattern>', 'only lines in which a regular expression is found')
    .option('--stderr', 'only standard error')
    .option('-t, --times', 'when each line came')
    .option('--attempt <n>', 'of this attempt; default: the latest')
    .option('--raw', 'as it was written: all colours, and every state of a progress bar')
    .addHelpText(
      'after',
      examples(
        'runyard logs -f @last',
        'runyard logs k3f9 --tail 50',
        "runyard logs k3f9 --grep 'loss|error' --since 1h",
      ),
    )
    .action((ref: string, flags: LogsFlags) =>
      running(async (context) => (await import('./commands/logs.ts')).logs(context, ref, flags), {
        passing: flags.follow === true,
      }),
    );
  program
    .command('events')
    .description("a run's events, gapless and in order")
    .argument('<run>')
    .option('-f, --follow', 'until it is done')
    .option('--from <seq>', 'from this sequence number')
    .addHelpText('after', examples('runyard events -f @last --json'))
    .action((ref: string, flags: { follow?: boolean; from?: string }) =>
      running(
        async (context) => (await import('./commands/streams.ts')).events(context, ref, flags),
        { passing: flags.follow === true },
      ),
    );
}

function withRunOptions(command: Command): Command {
  return withEndOptions(withPlaceOptions(withQueueOptions(command)))
    .argument('[command...]', 'program and arguments, after --')
    .passThroughOptions()
    .option('-f, --file <path>', 'a configuration in YAML or JSON; options win over it')
    .option('--name <name>', 'for people; need not be unique')
    .option('--project <name>')
    .option('--group <name>')
    .option('--at-once <n>', 'at most so many runs of its group are live')
    .option('--tag <tag>', 'may be given several times', collect)
    .option('--note <text>')
    .option('--notify <hook>', 'tell these hooks of the settings alone of it', collect)
    .option('--no-notify', 'tell none')
    .option('--cwd <dir>', 'working directory; default: this one')
    .option('--env <NAME=VALUE>', 'set a variable; may be given several times', collect)
    .option('--env-file <path>', 'set variables from a file', collect)
    .option('--clean-env', 'pass on nothing of this shell')
    .option('--key <key>', 'same key and configuration: same run, submitted once')
    .option('--stop-signal <signal>', 'default: SIGTERM')
    .option('--grace <time>', 'between the stop signal and SIGKILL')
    .option('--time-limit <time>', 'of one attempt, such as 12h')
    .option('--stall-limit <time>', 'without output and metrics, then it is stopped')
    .option('--output-limit <MiB>', 'output kept on disk')
    .option('--isolate', 'give each attempt a working directory of its own')
    .option('--artifact <glob>', 'keep these files; may be given several times', collect)
    .option('--move-artifacts', 'take them away from the directory at the end, instead of copying')
    .option('--data <path[@sha256]>', 'has to be there first; may be given several times', collect)
    .option('--disk <size>', 'has to be free where it works, such as 20G')
    .option('--preset <kind>', 'cleanrl or corl: where its points and files are')
    .option('--wandb <mode>', 'offline: wandb writes files, and its points are read from them');
}

/** What of a submit is about many at once. */
function withMatrixOptions(command: Command): Command {
  return command
    .option(
      '--matrix <key=values...>',
      'a run for each combination: seed=1..5 env-id=A,B; {key} in the command is replaced',
    )
    .option('--matrix-file <path>', 'keys with values, or a list of cells, in YAML or JSON')
    .option('--style <style>', 'of keys that the command does not name: args, equals or hydra')
    .option('--print', 'only print the commands');
}

const sweepHelp = `${examples(
  'runyard sweep --matrix seed=1..3 env-id=CartPole-v1,Acrobot-v1 -- python dqn.py',
  "runyard sweep --matrix lr=1e-3,3e-4 seed=1..5 --name 'dqn-{lr}-s{seed}' --gpus 1 -- python dqn.py",
  'runyard sweep --matrix seed=1..3 --style hydra --print -- python train.py',
  'runyard sweep --matrix seed=1..9 --at-once 2 --follow -- python dqn.py && python plot.py',
  'runyard sweep --partition gpu --matrix seed=1..50 -- python dqn.py   one job array of Slurm',
  "runyard sweep --matrix part=01..20 -- sh -c 'gzip data/{part}.csv'",
)}

VALUES are A,B,C, or a range 1..5, 1..9..2, 0..1..0.25; in quotes ("a,b") they are taken as they are.
{key} in the command, --name, --tag, --note, --env and --cwd is replaced by its value; a key that
neither the command nor --env names comes after the command, as --key value (--style args),
--key=value (equals) or key=value (hydra). {{key}} is {key} itself.
Either all runs are submitted or none. --key ID makes a sweep repeatable, and lets one that was cut
short go on.`;

const submitHelp = `${examples(
  'runyard submit --gpus 1 -- python train.py --lr 3e-4',
  'runyard submit -f run.yaml',
  'runyard submit --gpus 0.25 --gpu-memory 4G --after k3f9 -- python eval.py',
  'runyard submit --dry-run --gpus 2 -- python train.py',
  'runyard submit --executor slurm --partition gpu --gpus 2 -- python train.py',
  'runyard submit --key nightly-$(date +%F) -- python train.py',
  'id=$(runyard submit -- python train.py)',
)}

run.yaml:
  command: [python, train.py, --lr, "3e-4"]
  name: dqn-s1
  gpus: 1
  time_limit_s: 7200`;
