/** The commands about who waits, and what is given out. */
import type { Command } from 'commander';
import type { LeaseFlags } from './commands/lease.ts';
import { usage } from './context.ts';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';
import { collect } from './values.ts';

export function addQueueCommands(program: Command, running: Running): void {
  addHold(program, running);
  program
    .command('release')
    .description('let held runs start')
    .argument('<run...>')
    .option('-m, --message <why>', 'kept with the run')
    .addHelpText('after', examples('runyard release k3f9', 'runyard release g:seeds'))
    .action((refs: string[], flags: { message?: string }) =>
      running(async (context) =>
        (await import('./commands/pausing.ts')).pausing(context, 'release', refs, flags),
      ),
    );
  program
    .command('gpus')
    .description('the GPUs, who holds them, and what else is on them')
    .addHelpText('after', examples('runyard gpus', 'runyard gpus --json'))
    .action(() => running(async (context) => (await import('./commands/queue.ts')).gpus(context)));
  program
    .command('drain')
    .description('start nothing new: in the yard, or on some GPUs; live runs go on')
    .argument('[gpu...]', 'a UUID, a beginning of one, or a number; none: the yard')
    .option('-m, --message <why>', 'shown to those who wait')
    .addHelpText(
      'after',
      examples('runyard drain -m "power cut at six"', 'runyard drain 1', 'runyard resume --gpu 1'),
    )
    .action((targets: string[], flags: { message?: string }) =>
      running(async (context) =>
        (await import('./commands/queue.ts')).draining(context, true, targets, flags),
      ),
    );
}

/** Of runs that wait; or, with a word about slots, slots for work at this terminal. */
function addHold(program: Command, running: Running): void {
  program
    .command('hold')
    .description(
      'keep waiting runs from starting; with --gpus or --cpus: lease them for a terminal',
    )
    .argument('[run...]', 'waiting runs; or a command, after --')
    .option('-m, --message <why>', 'kept with the run')
    .option('--gpus <n>', 'lease whole GPUs, or a share of one, such as 0.25')
    .option('--gpu-memory <size>', 'that each GPU has to have; of a share: that it takes')
    .option('--cpus <n>', 'lease CPU slots')
    .option('--memory <size>', 'main memory to set aside among runs that name a figure')
    .option('--for <time>', 'give it back after, such as 2h')
    .option('--priority <n>', 'the larger, the earlier; default: 0')
    .option('--name <name>', 'for people; need not be unique')
    .option('--project <name>')
    .option('--detach', 'hold without a command; prints how the GPUs are used')
    .addHelpText(
      'after',
      examples(
        'runyard hold k3f9 g:seeds                       these wait until they are released',
        'runyard hold --gpus 1 --for 2h                  a shell with a GPU',
        'runyard hold --gpus 1 -- jupyter lab',
        'eval "$(runyard hold --gpus 1 --for 8h --detach)"',
      ),
    )
    .action((words: string[], flags: LeaseFlags) => {
      const leases = (flags.gpus ?? flags.cpus ?? flags.for) !== undefined || flags.detach === true;
      return running(
        async (context) => {
          if (leases) return (await import('./commands/lease.ts')).lease(context, words, flags);
          if (words.length === 0) throw usage('run', 'is missing', 'name a run, or say --gpus');
          return (await import('./commands/pausing.ts')).pausing(context, 'hold', words, flags);
        },
        { passing: leases },
      );
    });
  program
    .command('holder', { hidden: true })
    .description('hold slots for a terminal (started by the daemon)')
    .argument('<dir>')
    .option('--seconds <n>')
    .option('--alone')
    .action((dir: string, flags: { seconds?: string; alone?: boolean }) =>
      running(async () => (await import('./commands/holder.ts')).holder(dir, flags)),
    );
}

export type ResumeFlags = { message?: string; yard?: boolean; gpu?: string[] };

/** `runyard resume`: of paused runs, of a drained yard, of drained GPUs. */
export function addResume(program: Command, running: Running): void {
  program
    .command('resume')
    .description('let paused runs go on; or a drained yard, or drained GPUs')
    .argument('[run...]')
    .option('-m, --message <why>', 'kept with the run')
    .option('--yard', 'start runs again after a drain')
    .option('--gpu <gpu>', 'give a GPU out again; may be given several times', collect)
    .addHelpText('after', examples('runyard resume k3f9', 'runyard resume --yard'))
    .action((refs: string[], flags: ResumeFlags) =>
      running(async (context) =>
        (await import('./commands/queue.ts')).resuming(context, refs, flags),
      ),
    );
}

/** What of a submit is about its place in line. */
export function withQueueOptions(command: Command): Command {
  return command
    .option('--gpus <n>', 'whole GPUs, or a share of one, such as 0.25')
    .option('--gpu-memory <size>', 'that each GPU has to have; of a share: that it takes')
    .option('--cpus <n>', 'CPU slots; default: 1 without GPUs, none with')
    .option('--memory <size>', 'main memory to set aside among runs that name a figure')
    .option('--priority <n>', 'the larger, the earlier; default: 0')
    .option('--hold', 'wait until it is released')
    .option('--start-after <when>', 'in 2h, or at a time such as 2026-01-31T22:00')
    .option('--after <run[:ok|any|fail]>', 'when that run is over; may be given often', collect);
}
