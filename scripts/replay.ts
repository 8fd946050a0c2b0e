/**
 * `npm run replay -- events.json …`: feeds recorded histories of runs to today's chart, with all effects
 * disabled, and compares each step. A file holds one history: what `runyard events ID --json` prints, or a
 * JSON array of it; `-` is standard input. Exits 1 at the first divergence, 2 when there is nothing to read.
 */
import fs from 'node:fs';
import { type Divergence, type RecordedEvent, replay } from '../src/machines/index.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write('usage: npm run replay -- events.json …\n');
  process.exit(2);
}
for (const file of files) {
  const history = read(file);
  const { steps, divergence } = replay(history);
  if (divergence === null) {
    process.stdout.write(`${file}: ${steps.length} steps, all as recorded\n`);
    continue;
  }
  for (const line of difference(file, history, divergence)) process.stdout.write(`${line}\n`);
  process.exit(1);
}

function read(file: string): RecordedEvent[] {
  try {
    const text = fs.readFileSync(file === '-' ? 0 : file, 'utf8').trim();
    const history: RecordedEvent[] = text.startsWith('[')
      ? JSON.parse(text)
      : text.split('\n').map((line) => JSON.parse(line));
    if (history[0]?.seq === undefined) throw new Error('no events');
    return history;
  } catch (error) {
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}

/** The steps before it, for the eye, then what was and what is. */
function difference(
  file: string,
  history: readonly RecordedEvent[],
  { seq, event, field, recorded, today }: Divergence,
): string[] {
  const at = history.findIndex((each) => each.seq === seq);
  const shown = history.slice(Math.max(0, at - 3), at);
  const step = history[at];
  return [
    `${file}: differs at event ${seq}, ${event}`,
    ...shown.map((each) => `    ${each.seq}  ${each.event}: ${each.from || '·'} → ${each.to}`),
    `  - ${seq}  ${event}: ${step?.from || '·'} → ${step?.to}   (attempt ${step?.attempt})`,
    `  + ${seq}  ${field}: recorded ${recorded}, today ${today}`,
  ];
}
