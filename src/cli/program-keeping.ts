/** The commands about what is kept of runs. */
import type { Command } from 'commander';
import type { GarbageFlags, RemoveFlags } from './commands/keeping.ts';
import type { Running } from './program.ts';
import { examples } from './program-yard.ts';

export function addKeepingCommands(program: Command, running: Running): void {
  program
    .command('artifacts')
    .description("a run's artifacts and where they lie, also while it goes on")
    .argument('<run>')
    .option('--attempt <n>', 'of this attempt; default: the latest')
    .addHelpText('after', examples('runyard artifacts @last', 'runyard artifacts k3f9 --json'))
    .action((ref: string, flags: { attempt?: string }) =>
      running(async (context) =>
        (await import('./commands/keeping.ts')).artifacts(context, ref, flags),
      ),
    );
  const about = {
    pin: 'keep the artifacts of runs from retention',
    unpin: 'let retention have them again',
  };
  for (const [name, text] of Object.entries(about) as ['pin' | 'unpin', string][]) {
    program
      .command(name)
      .description(text)
      .argument('<run...>')
      .addHelpText('after', examples(`runyard ${name} k3f9`, `runyard ${name} g:paper`))
      .action((refs: string[]) =>
        running(async (context) =>
          (await import('./commands/keeping.ts')).pinning(context, name, refs),
        ),
      );
  }
  program
    .command('rm')
    .description('remove runs that are over, with their output, metrics and artifacts')
    .argument('<run...>')
    .option('-m, --message <why>', 'told to who follows the run')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('runyard rm k3f9', 'runyard rm -y g:tries'))
    .action((refs: string[], flags: RemoveFlags) =>
      running(async (context) =>
        (await import('./commands/keeping.ts')).remove(context, refs, flags),
      ),
    );
  program
    .command('gc')
    .description('remove old artifacts of runs that are over; pinned runs keep theirs')
    .option('-n, --dry-run', 'only say what would be removed')
    .option('--older-than <time>', 'of runs that ended longer ago, such as 30d')
    .option('--max-size <size>', 'the oldest, until all together have at most this, such as 500G')
    .option('--keep-last <n>', 'all but those of the last runs of each project')
    .option('--project <name>', 'only of this project')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', gcHelp)
    .action((flags: GarbageFlags) =>
      running(async (context) => (await import('./commands/keeping.ts')).gc(context, flags)),
    );
}

const gcHelp = `${examples(
  'runyard gc --dry-run --older-than 30d',
  'runyard gc --max-size 200G --keep-last 20',
)}

A limit that is not given is that of the settings: artifacts_max_age_days, artifacts_max_gib,
artifacts_max_runs. With these the daemon removes by itself, each hour. Outputs and events stay.`;
