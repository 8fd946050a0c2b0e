/** What was looked at and how it is, as lines. */
import type { Context } from './context.ts';
import { table } from './render.ts';

export type Finding = {
  part: string;
  state: 'ok' | 'warn' | 'fail';
  text: string;
  hint: string;
};

const glyphs = { ok: '✓', warn: '!', fail: '✗' } as const;
const styles = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** Returns whether something is broken. */
export function printFindings({ terminal, json }: Context, findings: readonly Finding[]): boolean {
  const broken = findings.some(({ state }) => state === 'fail');
  if (json) {
    terminal.json({ ok: !broken, findings });
    return broken;
  }
  const rows = findings.map(({ part, state, text, hint }) => [
    terminal.paint(styles[state], glyphs[state]),
    part,
    hint === '' ? text : `${text} — ${hint}`,
  ]);
  for (const line of terminal.tty ? table(rows) : rows.map((row) => row.join('\t')))
    terminal.print(line);
  return broken;
}
