/** What comes back from a node into the attempt's directory and the store of artifacts at home. */
import fs from 'node:fs';
import path from 'node:path';
import { makeDirectory, writeAtomic } from '../../rundir/index.ts';
import type { FileMessage } from './talk.ts';

/** Files of an attempt that come back; what identifies processes stays on the node that has them. */
const returning = /^(out\.\d{6,}|exit|drained)$/;

/** Takes a piece. Throws what the disk says, and for names that are none. */
export function takePiece(
  places: { attempt: string; store: string },
  message: FileMessage,
  data: Buffer,
): void {
  const file = fileOf(places, message);
  if (message.removed === true) {
    fs.rmSync(file, { force: true });
    return;
  }
  if (message.area === 'attempt') {
    makeDirectory(places.attempt);
    if (message.name.startsWith('out.')) writeAt(file, message.offset, data);
    else writeAtomic(file, data, { mode: 0o600, sync: true });
    return;
  }
  makeDirectory(path.dirname(file));
  const part = `${file}.part`;
  if (message.offset === 0) fs.rmSync(part, { force: true });
  writeAt(part, message.offset, data);
  if (message.last) fs.renameSync(part, file);
}

/** Bytes of output by file, as far as they are here. */
export function outputSizes(attempt: string): Record<string, number> {
  if (!fs.existsSync(attempt)) return {};
  const names = fs.readdirSync(attempt).filter((name) => returning.test(name));
  return Object.fromEntries(
    names.map((name) => [name, fs.statSync(path.join(attempt, name)).size]),
  );
}

function fileOf(places: { attempt: string; store: string }, message: FileMessage): string {
  const { area, name } = message;
  const plain = name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!plain || name.includes('\0') || (area === 'attempt' && !returning.test(name)))
    throw new RangeError(`no file of an attempt: ${name}`);
  return path.join(places[area], name);
}

function writeAt(file: string, offset: number, data: Buffer): void {
  const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600);
  try {
    fs.writeSync(fd, data, 0, data.length, offset);
  } finally {
    fs.closeSync(fd);
  }
}
