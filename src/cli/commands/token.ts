/** `runyard token rotate`: a new token in place of the old one. */
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export type RotateFlags = { scrape?: boolean; keepSessions?: boolean; message?: string };

export async function rotateToken(context: Context, flags: RotateFlags): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const { scrape = false, keepSessions = false, message = '' } = flags;
  const rotated = await client.rotateToken({ scrape, keepSessions, reason: message });
  if (json) {
    terminal.json(rotated);
    return exitCodes.ok;
  }
  terminal.print(rotated.file);
  terminal.note('it has the new token; the one before is refused from now on');
  if (scrape) return exitCodes.ok;
  const { sessions_ended: ended } = rotated;
  const sessions = `${ended} session${ended === 1 ? '' : 's'} of the console ended`;
  terminal.note(
    keepSessions ? 'sessions of the console go on' : `${sessions}; again: runyard console`,
  );
  terminal.note('readers of the bus go on: runyard creds ls, runyard creds revoke NAME');
  return exitCodes.ok;
}
