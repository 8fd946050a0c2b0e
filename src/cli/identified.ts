/** Which code a submit is about, as the client sees it, and who it comes after. */
import type { TrainerClient } from '../client/index.ts';
import { codeIdentity } from './code-identity.ts';
import type { Composed } from './compose.ts';
import { expand, isGroup } from './groups.ts';

/** Uploads what is uncommitted; the configuration's own word about its code wins. */
export async function withCode(
  client: TrainerClient,
  { config, env }: Composed,
): Promise<Record<string, unknown>> {
  const { command, cwd } = config;
  // A file may say itself which code it is about; a malformed one is the daemon's to refuse.
  if (config.code !== undefined || !Array.isArray(command) || typeof cwd !== 'string')
    return config;
  const searchPath = env.PATH ?? '';
  const { code, diff } = await codeIdentity({ command: command.map(String), cwd, searchPath });
  if (diff === null) return { ...config, code };
  return { ...config, code: { ...code, diff_ref: (await client.putInput(diff)).uri } };
}

/** `--after g:GROUP`: after each run that is in it now. Throws run_not_found. */
export async function withGroups(
  client: TrainerClient,
  config: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  if (!Array.isArray(config.after)) return config;
  const after = await Promise.all(
    config.after.map(async (each: { run?: unknown }) => {
      if (typeof each.run !== 'string' || !isGroup(each.run)) return [each];
      return (await expand(client, [each.run])).map((run) => ({ ...each, run }));
    }),
  );
  return { ...config, after: after.flat() };
}
