/** `runyard audit`: the audit log of the state directory, for people. */
import type { AuditEntry } from '../../audit/index.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { interrupted } from '../follow.ts';
import { plainText } from '../log-text.ts';
import { plainCell, table } from '../render.ts';
import { parseSince } from '../spans.ts';

export type AuditFlags = { since?: string; run?: string; who?: string; follow?: boolean };

export async function audit(context: Context, flags: AuditFlags): Promise<number> {
  const { terminal, json } = context;
  const sinceMs = flags.since === undefined ? 0 : parseSince(flags.since, Date.now()).getTime();
  const { readAudit } = await import('../../audit/index.ts');
  const home = await context.home();
  const follow = flags.follow ?? false;
  const left = new AbortController();
  const leave = (): void => left.abort();
  if (follow) process.once('SIGINT', leave);
  let found = 0;
  try {
    for await (const entry of readAudit(home, { sinceMs, follow, signal: left.signal })) {
      if (!isWanted(entry, flags)) continue;
      found += 1;
      if (json) terminal.json(entry);
      else if (terminal.tty) terminal.print(aligned(cellsOf(entry)));
      else terminal.print(cellsOf(entry).map(plainCell).join('\t'));
      await terminal.drained();
    }
  } finally {
    process.off('SIGINT', leave);
  }
  if (follow) return interrupted;
  if (found === 0 && !json && terminal.errTty) terminal.note(`nothing of that is in ${home}`);
  return exitCodes.ok;
}

function isWanted(entry: AuditEntry, { run, who }: AuditFlags): boolean {
  if (who !== undefined && entry.user !== who) return false;
  return run === undefined || entry.runs.some((id) => id.startsWith(run));
}

/** When, who, how and from where, what, of what, what came of it, why. */
function cellsOf(entry: AuditEntry): string[] {
  const { at, user, role, via, by, from, what, runs, count, about, why, outcome } = entry;
  const more = count > runs.length ? ` +${count - runs.length}` : '';
  const facts = Object.entries(about).map(([name, value]) => `${name}=${value}`);
  const way = by === 'none' || by === 'socket' ? via : `${via}/${by}`;
  return [
    at,
    user || (via === 'daemon' ? 'runyard' : role === null ? 'nobody' : '–'),
    from === '' ? way : `${way} ${from}`,
    what,
    `${runs.join(' ')}${more}`.trim() || '–',
    outcome,
    [...facts, ...(why === '' ? [] : [why])].join(' '),
  ].map(plainText);
}

const widths = [24, 8, 28, 13, 8, 4, 0];

function aligned(cells: readonly string[]): string {
  const [line = ''] = table([cells.map((cell, index) => cell.padEnd(widths[index] ?? 0))]);
  return line;
}
