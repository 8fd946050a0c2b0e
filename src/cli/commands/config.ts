/** `runyard config check` and `config show`. */
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../render.ts';

/** Throws settings_invalid with every violation. */
export async function configCheck(context: Context, file: string | undefined): Promise<number> {
  const { terminal, json } = context;
  if (file !== undefined) {
    const { compose } = await import('../compose.ts');
    const { validateConfig } = await import('../../contracts/index.ts');
    const { env: shell, cwd } = context;
    validateConfig(
      (await compose({ flags: { file }, words: [], shell, cwd, umask: 0o022 })).config,
    );
  } else await context.settings();
  if (json) terminal.json({ ok: true });
  else terminal.print('ok');
  return exitCodes.ok;
}

export async function configShow(context: Context, flags: { origin?: boolean }): Promise<number> {
  const { terminal, json, env } = context;
  const { loadSettings, settingsFile } = await import('../../contracts/index.ts');
  const { values, origins } = loadSettings(env);
  if (json) {
    terminal.json(flags.origin === true ? { values, origins } : values);
    return exitCodes.ok;
  }
  const rows = Object.entries(values).map(([name, value]) => [
    name,
    String(value),
    ...(flags.origin === true ? [origins[name as keyof typeof origins]] : []),
  ]);
  for (const line of terminal.tty ? table(rows) : rows.map((row) => row.join('\t'))) {
    terminal.print(line);
  }
  if (terminal.tty) terminal.note(terminal.paint('dim', `file: ${settingsFile(env)}`));
  return exitCodes.ok;
}
