/**
 * `node test/model/keep-histories.ts` has a real daemon take every path of the abstract model, and keeps
 * what it recorded as fixtures of today's version of the chart. Run it when that version was raised; the
 * files of older versions stay as they are.
 */
import fs from 'node:fs';
import path from 'node:path';
import { runMachineVersion } from '../../src/machines/index.ts';
import { walk } from './walk.ts';

const dir = path.resolve(import.meta.dirname, '../fixtures/histories');
fs.mkdirSync(dir, { recursive: true });
const { histories, failures } = await walk();
for (const text of failures) process.stderr.write(`not kept: ${text}\n`);
const kept = new Map<string, number>();
for (const { end, events } of histories) {
  const number = (kept.get(end) ?? 0) + 1;
  kept.set(end, number);
  const words = end.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const name = `v${runMachineVersion}-${words}-${number}.jsonl`;
  const lines = events.map((event) => JSON.stringify(event));
  fs.writeFileSync(path.join(dir, name), `${lines.join('\n')}\n`);
}
process.stdout.write(`${histories.length} histories: ${dir}\n`);
