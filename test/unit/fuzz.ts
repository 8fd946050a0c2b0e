/** Damaged, cut and senseless input for each reader of points: no crash, no standstill, no growing memory. */
import fs from 'node:fs';
import path from 'node:path';
import { createFileReader, createPatterns, type FileFormat } from '../../src/capture/index.ts';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/capture');
const lines = Array.from(
  { length: 200 },
  (_, i) => `{"step": ${i}, "loss": ${1 / i}, "a": {"b": NaN}}`,
);
const table = ['step,loss,acc', ...lines.map((_, i) => `${i},${1 / i},"1,5"`)];
const printed = lines.map((_, i) => `global_step=${i}, episodic_return=[${i}.] | loss: 1e-${i}`);
const seeds: Readonly<Record<FileFormat | 'printed', readonly Buffer[]>> = {
  tensorboard: ['tensorboardx.tfevents', 'tensors.tfevents'].map((name) => fixture(name)),
  wandb: [fixture('history.wandb')],
  jsonl: [Buffer.from(lines.join('\n'))],
  csv: [Buffer.from(table.join('\n')), Buffer.from(table.join('\n').replaceAll(',', '\t'))],
  printed: [Buffer.from(printed.join('\n'))],
};
export const parsers = Object.keys(seeds) as (keyof typeof seeds)[];
/** A block that is read again and again without an end would show as more of them than there are bytes. */
const roundsMost = 100_000;

/** Numbers that only the seed decides. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One input of one parser. Throws when it is taken amiss; the message has the seed. */
export function fuzzOnce(parser: keyof typeof seeds, seed: number, dir: string): void {
  const random = generator(seed);
  const input = damaged(seeds[parser], random);
  try {
    if (parser === 'printed') {
      const patterns = createPatterns();
      for (const line of input.toString('utf8').split('\n'))
        for (const { key, value } of patterns.pointsOf(line))
          if (key === '' || typeof value !== 'number') throw new Error('a point without a name');
    } else readGrowing(parser, input, path.join(dir, `metrics-${parser}`), random);
  } catch (cause) {
    throw new Error(`${parser}, seed ${seed}: ${String(cause)}`, { cause });
  }
}

/** The file grows in pieces, and is read by another reader from time to time. */
function readGrowing(
  format: FileFormat,
  input: Buffer,
  file: string,
  random: (n: number) => number,
): void {
  fs.writeFileSync(file, '');
  let reader = createFileReader(file, { format });
  let rounds = 0;
  for (let at = 0; at < input.length; ) {
    const next = Math.min(input.length, at + 1 + random(input.length));
    fs.appendFileSync(file, input.subarray(at, next));
    at = next;
    while (reader.read()) {
      rounds += 1;
      if (rounds > roundsMost) throw new Error('it comes to no end');
      for (let point = reader.next(); point !== null; point = reader.next())
        if (typeof point.value !== 'number' || point.place === '') throw new Error('no point');
      reader.notes();
    }
    const { offset } = reader.state();
    if (offset > input.length || offset < 0) throw new Error(`it is at ${offset}`);
    if (random(3) > 0) continue;
    const state = reader.state();
    reader.close();
    reader = createFileReader(file, state);
  }
  reader.close();
}

function damaged(from: readonly Buffer[], random: (n: number) => number): Buffer {
  const base = from[random(from.length)] ?? Buffer.alloc(0);
  const start = random(4) === 0 ? random(base.length) : 0;
  const data = Buffer.from(base.subarray(start, start + 1 + random(base.length)));
  for (let flips = random(20); flips > 0; flips -= 1) {
    const at = random(data.length);
    data[at] = (data[at] ?? 0) ^ (1 << random(8));
  }
  if (random(5) > 0) return data;
  // Something senseless in the midst of it, of the size that a length field may have named.
  const junk = Buffer.from(Array.from({ length: random(2000) }, () => random(256)));
  const at = random(data.length);
  return Buffer.concat([data.subarray(0, at), junk, data.subarray(at)]);
}

function fixture(name: string): Buffer {
  return fs.readFileSync(path.join(fixtures, name));
}
