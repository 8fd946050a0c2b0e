/** Brings back what a node has of an attempt: its output while it comes, and the artifacts at the end. */
import fs from 'node:fs';
import path from 'node:path';
import { type JobTalk, sendPiece } from './control.ts';

/** Bytes of one piece: with its line below what a message may have. */
const pieceBytes = 512 * 1024;
const lookMs = 250;
const output = /^out\.\d{6,}$/;

export type Bringing = {
  /** Resolves when all output of the attempt is at home, with its end. */
  finish(): Promise<void>;
  /** Everything below `store`; the manifest last, because it names the rest. */
  artifacts(store: string): Promise<void>;
  close(): void;
};

export function startBringing(dir: string, talk: JobTalk): Bringing {
  const sent = new Map<string, number>();
  let closed = false;
  let finishing = false;
  let asked = false;

  const sendFrom = async (name: string, area: 'attempt' | 'store', file: string, from: number) => {
    const fd = fs.openSync(file, 'r');
    const block = Buffer.allocUnsafe(pieceBytes);
    let offset = from;
    try {
      for (;;) {
        const length = fs.readSync(fd, block, 0, block.length, offset);
        const last = offset + length >= fs.fstatSync(fd).size;
        if (length > 0 || (last && offset === from && area === 'store'))
          await sendPiece(
            talk,
            { type: 'file', area, name, offset, last },
            block.subarray(0, length),
          );
        offset += length;
        if (last || length === 0) return offset;
      }
    } finally {
      fs.closeSync(fd);
    }
  };

  /** True when something was sent. */
  const round = async (): Promise<boolean> => {
    if (!asked) {
      const { sizes = {} } = await talk.send({ type: 'have' });
      for (const [name, size] of Object.entries(sizes)) sent.set(name, size);
      asked = true;
    }
    const names = fs
      .readdirSync(dir)
      .filter((name) => output.test(name))
      .sort();
    let moved = false;
    for (const name of names) {
      const file = path.join(dir, name);
      const before = sent.get(name) ?? 0;
      if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= before) continue;
      sent.set(name, await sendFrom(name, 'attempt', file, before));
      moved = true;
    }
    // What the recorder dropped within the output's limit goes at home too.
    for (const name of sent.keys()) {
      if (!output.test(name) || names.includes(name)) continue;
      const gone = { type: 'file', area: 'attempt', name, offset: 0, last: true } as const;
      await sendPiece(talk, { ...gone, removed: true }, new Uint8Array());
      sent.delete(name);
    }
    return moved;
  };

  let wake: () => void = () => undefined;
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, lookMs).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const loop = async (): Promise<void> => {
    while (!closed && !finishing) {
      const moved = await round().catch(() => false);
      if (!moved && !closed && !finishing) await rest();
    }
  };
  const looping = loop();

  return {
    async finish() {
      finishing = true;
      wake();
      await looping;
      for (;;) {
        try {
          while (await round());
          break;
        } catch (error) {
          if (talk.isOver()) throw error;
          await new Promise((resolve) => setTimeout(resolve, lookMs));
        }
      }
      // In this order: whoever sees that the output is complete finds how it ended.
      for (const name of ['exit', 'drained']) {
        const file = path.join(dir, name);
        if (!fs.existsSync(file)) continue;
        const message = { type: 'file', area: 'attempt', name, offset: 0, last: true } as const;
        await sendPiece(talk, message, fs.readFileSync(file));
      }
    },
    async artifacts(store) {
      const files = filesBelow(store).sort(
        (a, b) => Number(a === 'manifest.json') - Number(b === 'manifest.json'),
      );
      for (const name of files) await sendFrom(name, 'store', path.join(store, name), 0);
    },
    close() {
      closed = true;
      wake();
    },
  };
}

function filesBelow(dir: string): string[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
}
