/** Points and lines on their way to the bus, with workers that die and answers that are lost. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openPoints } from '../../src/history/index.ts';
import { createFeed, type Feed } from '../../src/worker/feed.ts';
import type { Subject } from '../../src/worker/outlet.ts';

type Message = {
  first_seq: number;
  last_seq: number;
  points?: { seq: number; id: string; key: string; value: number }[];
  lines?: { seq: number; text: string }[];
};
type Fault =
  | 'none'
  | 'refused'
  | 'answer lost'
  | 'killed before'
  | 'killed after'
  | 'another run'
  | 'wiped';

/**
 * One subject of the server, in a stream that has others: a message is stored only after the one that its
 * sender knows of, by its sequence in the subject or by its id in the stream.
 */
function createStream(next: () => Fault, stored: (message: Message, text: string) => void) {
  const messages: Message[] = [];
  let seq = 0;
  let lastOfSubject = 0;
  let lastId = '';
  let lastIdOfSubject = '';
  const subject: Subject = {
    async last() {
      const payload = messages.at(-1);
      return payload === undefined ? null : { seq: lastOfSubject, payload, id: lastIdOfSubject };
    },
    async publish(payload, after, id = '') {
      const fault = next();
      if (fault === 'refused') throw new Error('the bus is away');
      if (fault === 'killed before') throw new Killed();
      if (fault === 'another run') [seq, lastId] = [seq + 1, ''];
      if (fault === 'wiped') wipe();
      if (after !== (typeof after === 'string' ? lastId : lastOfSubject)) return null;
      const text =
        payload instanceof Uint8Array ? Buffer.from(payload).toString() : JSON.stringify(payload);
      const message = JSON.parse(text) as Message;
      messages.push(message);
      stored(message, text);
      seq += 1;
      [lastOfSubject, lastIdOfSubject, lastId] = [seq, id, id];
      if (fault === 'answer lost') throw new Error('timeout');
      if (fault === 'killed after') throw new Killed();
      return seq;
    },
  };
  const wipe = (): void => {
    messages.length = 0;
    [seq, lastOfSubject, lastId] = [0, 0, ''];
  };
  return { messages, subject, wipe };
}

class Killed extends Error {}

/** As the recorder writes it (docs/protocol.md). */
function record(text: string, offset: number): Buffer {
  const data = Buffer.from(text);
  const head = Buffer.alloc(32);
  head.writeUInt32LE(0x31525952, 0);
  head.writeUInt8(1, 4);
  head.writeUInt32LE(data.length, 8);
  head.writeBigUInt64LE(BigInt(offset), 16);
  head.writeBigUInt64LE(1_700_000_000_000_000_000n, 24);
  return Buffer.concat([head, data]);
}

test('whatever dies or is lost, each point and line is there once, in order, without a gap', async () => {
  const fault = fc.constantFrom<Fault>(
    ...(['none', 'none', 'none', 'refused', 'answer lost', 'killed before'] as const),
    ...(['killed after', 'another run', 'another run', 'wiped', 'wiped'] as const),
  );
  /** What is written between two pumps: lines of output, lines of JSON, and of a table. */
  const step = fc.tuple(fc.nat(6), fc.nat(6), fc.nat(3));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      fc.array(fault, { maxLength: 30 }),
      async (steps, faults) => {
        const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-feed-'));
        try {
          await live(home, steps, faults);
        } finally {
          fs.rmSync(home, { recursive: true });
        }
      },
    ),
    { numRuns: 60 },
  );
});

async function live(home: string, steps: [number, number, number][], faults: Fault[]) {
  const dir = path.join(home, 'runs/r/attempts/1');
  const cwd = path.join(home, 'project');
  for (const made of [dir, cwd]) fs.mkdirSync(made, { recursive: true });
  fs.writeFileSync(path.join(dir, 'spec.json'), JSON.stringify({ cwd, artifacts: [] }));
  const left = [...faults];
  const next = (): Fault => left.shift() ?? 'none';
  // What was published is in the run's files a while later; while a worker lives, as late as can be.
  const journal = openPoints(path.join(home, 'runs/r'));
  const coming: [Message, string][] = [];
  const arrive = (): void => {
    for (const [message, text] of coming.splice(0)) journal.add(message as never, text);
  };
  const numbers = new Map<number, string>();
  const logs = createStream(next, () => undefined);
  const metrics = createStream(next, (message, text) => {
    coming.push([message, text]);
    for (const { seq, id } of message.points ?? []) {
      // Whoever saw a number once sees the same point there for ever.
      assert.equal(numbers.get(seq) ?? id, id, `${seq} means another point`);
      numbers.set(seq, id);
    }
  });
  const begin = (): Feed =>
    createFeed({
      dir,
      runId: 'r',
      attempt: 1,
      fresh: false,
      logs: logs.subject,
      metrics: metrics.subject,
      onPoint: () => undefined,
    });
  let feed = begin();
  const attempt = async (act: () => Promise<unknown>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      if (error instanceof Killed) {
        feed.close();
        arrive();
        feed = begin();
      } else if (error instanceof assert.AssertionError) throw error;
      return false;
    }
  };
  let [line, json, row, offset] = [0, 0, 0, 0];
  for (const [printed, logged, rows] of steps) {
    for (let n = 0; n < printed; n += 1) {
      line += 1;
      // Some of two points, some of none, and cut in the middle of a record.
      const text = line % 3 === 0 ? `hello ${line}\n` : `step=${line} a=${line} b=${-line}\n`;
      for (const part of [text.slice(0, 5), text.slice(5)]) {
        fs.appendFileSync(path.join(dir, 'out.000001'), record(part, offset));
        offset += part.length;
      }
    }
    for (let n = 0; n < logged; n += 1) {
      json += 1;
      const text = `${JSON.stringify({ key: 'mine', value: json, step: json })}\n`;
      fs.appendFileSync(path.join(dir, 'metrics.in.jsonl'), text);
    }
    for (let n = 0; n < rows; n += 1) {
      row += 1;
      const header = row === 1 ? 'step,x,y\n' : '';
      fs.appendFileSync(path.join(cwd, 'progress.csv'), `${header}${row},${row},${-row}\n`);
    }
    await attempt(() => feed.pump());
  }
  const end = async (): Promise<void> => {
    while (await feed.pump());
    await feed.finish();
  };
  while (!(await attempt(end)));
  feed.close();
  arrive();
  journal.close();

  const points = metrics.messages.flatMap((message) => message.points ?? []);
  assert.deepEqual(
    points.map(({ seq }) => seq),
    points.map((_, index) => index + 1),
  );
  assert.equal(new Set(points.map(({ id }) => id)).size, points.length);
  const valuesOf = (key: string) => points.filter((p) => p.key === key).map((p) => p.value);
  const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
  const printed = upTo(line).filter((n) => n % 3 !== 0);
  assert.deepEqual(valuesOf('a'), printed);
  assert.deepEqual(
    valuesOf('b'),
    printed.map((n) => -n),
  );
  assert.deepEqual(valuesOf('mine'), upTo(json));
  assert.deepEqual(valuesOf('x'), upTo(row));
  assert.deepEqual(
    logs.messages.flatMap(({ lines = [] }) => lines.map(({ seq }) => seq)),
    upTo(line),
  );

  // A stream that was lost is filled again by whoever comes next, with the numbers that they had.
  metrics.wipe();
  fs.writeFileSync(path.join(dir, 'start'), '');
  feed = begin();
  while (!(await attempt(end)));
  feed.close();
  const again = metrics.messages.flatMap((message) => message.points ?? []);
  assert.deepEqual(
    again.map(({ seq, id }) => [seq, id]),
    points.map(({ seq, id }) => [seq, id]),
  );
}
