/** `runyard backup` and `restore`. */
import path from 'node:path';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { bytesText } from '../render.ts';
import { userName } from '../values.ts';

export async function backup(
  context: Context,
  to: string,
  flags: { artifacts?: boolean },
): Promise<number> {
  const { terminal, json, cwd } = context;
  const { takeBackup } = await import('../../backup/index.ts');
  const { home, yard } = await context.settings();
  const { daemonPid } = await import('../../offline/index.ts');
  const { recording } = await import('../../audit/index.ts');
  const about = { to: path.resolve(cwd, to), artifacts: flags.artifacts === true };
  const manifest = await recording(home, { what: 'Backup', user: await userName(), about }, () =>
    takeBackup({
      home,
      yard,
      version: context.version,
      ...about,
      isOpen: () => daemonPid(home) !== 0,
      progress: (text) => terminal.live(`${text} …`),
    }),
  ).finally(() => terminal.live(null));
  if (json) terminal.json(manifest);
  else {
    const { runs, unfinished, bytes, artifacts } = manifest;
    const without = artifacts ? '' : ', without artifacts';
    terminal.print(
      `${to}: ${runs} run${runs === 1 ? '' : 's'} (${unfinished} not over) as of ${manifest.at}, ${bytesText(bytes)}${without}`,
    );
    terminal.note('it holds credentials and the environments of runs: keep it private');
  }
  return exitCodes.ok;
}

export async function restore(
  context: Context,
  from: string,
  flags: { over?: boolean },
): Promise<number> {
  const { terminal, json, cwd } = context;
  const { restoreBackup } = await import('../../backup/index.ts');
  const home = await context.home();
  const { recording } = await import('../../audit/index.ts');
  const about = { from: path.resolve(cwd, from), over: flags.over === true };
  const restored = await recording(home, { what: 'Restore', user: await userName(), about }, () =>
    restoreBackup({ ...about, home, progress: (text) => terminal.live(`${text} …`) }),
  ).finally(() => terminal.live(null));
  if (json) terminal.json(restored);
  else {
    const { runs, unfinished, set_aside: aside, unknown } = restored;
    terminal.print(
      `${home}: ${runs} run${runs === 1 ? '' : 's'} (${unfinished} not over) as of ${restored.at}`,
    );
    if (aside !== '') terminal.print(`the registry that was there: ${aside}`);
    if (unknown > 0)
      terminal.print(
        `${unknown} run directories are newer than the backup: runyard doctor --offline`,
      );
    if (restored.drained)
      terminal.print('the yard is drained; look at `runyard ls`, then: runyard resume --yard');
    terminal.print('next: runyard up');
  }
  return exitCodes.ok;
}
