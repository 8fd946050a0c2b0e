/** Reads the files of an attempt into the queue of its points. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createFileReader, type FileReader, type FileState, formatOf } from '../capture/index.ts';
import { messageOf } from '../errors.ts';
import type { FoundPoint } from './point-queue.ts';

export type Files = {
  /** Follows a file from an offset, unless it is followed already. */
  follow(file: string, from: number): void;
  /** A part of what is new in each. `add` is told of each point, and then the states are exact. */
  read(sink: Sink): boolean;
  states(): Record<string, FileState>;
  /** Path of a file by its name in the ids of points. */
  pathOf(name: string): string | undefined;
  /** Begins anew from other states. */
  reset(states: Record<string, FileState>): void;
  close(): void;
};

export type Sink = { add(point: FoundPoint): void; note(text: string): void };

/** Of one attempt: more are told and left out. */
const filesMost = 64;
/** A file that was replaced by a newer version of itself is noticed this soon. */
const replacedMs = 1000;

type Followed = { name: string; source: string; reader: FileReader; ino: number; looked: number };

/** `metrics` is where `$RUNYARD_METRICS` points to; it need not be there. */
export function createFiles(options: { attempt: number; cwd: string; metrics: string }): Files {
  const { attempt, cwd, metrics } = options;
  const wanted = new Map<string, number>([[metrics, 0]]);
  const followed = new Map<string, Followed>();
  const notes: string[] = [];

  const open = (file: string, from: number, state: FileState | undefined): void => {
    const format = file === metrics ? 'jsonl' : (state?.format ?? formatOf(file));
    if (format === null || followed.has(file)) return;
    const source = file === metrics ? 'runyard' : format;
    const place = file === metrics ? source : path.relative(cwd, file);
    const digest = crypto.createHash('sha256').update(place).digest('hex').slice(0, 12);
    const reader = createFileReader(file, state ?? { format, offset: from });
    const name = `${source}-${digest}`;
    followed.set(file, { name, source, reader, ino: inodeOf(file), looked: performance.now() });
  };
  const openAll = (states: Record<string, FileState>): void => {
    for (const [file, from] of wanted) open(file, from, states[file]);
    for (const [file, state] of Object.entries(states)) open(file, 0, state);
  };
  openAll({});

  const renew = (file: string, each: Followed): void => {
    if (performance.now() - each.looked < replacedMs) return;
    each.looked = performance.now();
    const ino = inodeOf(file);
    if (ino !== 0 && each.ino !== 0 && ino !== each.ino) each.reader.reopen();
    if (ino !== 0) each.ino = ino;
  };

  return {
    follow(file, from) {
      if (followed.has(file)) return;
      if (followed.size >= filesMost) {
        if (!wanted.has(file)) notes.push(`${file} is left out: ${filesMost} files are followed`);
        wanted.set(file, from);
        return;
      }
      wanted.set(file, from);
      open(file, from, undefined);
      followed.get(file)?.reader.hold();
    },
    read(sink) {
      let any = false;
      for (const text of notes.splice(0)) sink.note(text);
      for (const [file, each] of followed) {
        const { reader, name, source } = each;
        try {
          if (!reader.read()) {
            renew(file, each);
            continue;
          }
          any = true;
          const readMs = Date.now();
          for (let point = reader.next(); point !== null; point = reader.next()) {
            const { key, step, value, place } = point;
            const id = `${attempt}:${name}:${place}`;
            sink.add({ key, step, value, wallMs: point.wallMs ?? readMs, source, id, file: name });
          }
          for (const text of reader.notes()) sink.note(`${file}: ${text}`);
        } catch (error) {
          // One that cannot be read takes nothing from the others.
          sink.note(`${file} cannot be read on: ${messageOf(error)}`);
          reader.close();
          followed.delete(file);
        }
      }
      return any;
    },
    states: () =>
      Object.fromEntries([...followed].map(([file, { reader }]) => [file, reader.state()])),
    pathOf: (name) => [...followed].find(([, each]) => each.name === name)?.[0],
    reset(states) {
      for (const { reader } of followed.values()) reader.close();
      followed.clear();
      openAll(states);
    },
    close() {
      for (const { reader } of followed.values()) reader.close();
    },
  };
}

function inodeOf(file: string): number {
  try {
    return fs.statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
  } catch {
    return 0;
  }
}
