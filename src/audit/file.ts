/**
 * Appends lines without ever holding up who has them: they wait in memory, so many and no more, and go out together
 * from Node's own threads. While the disk takes nothing they are tried again; what has no room is counted.
 */
import fs from 'node:fs/promises';
import { messageOf } from '../errors.ts';

export type AuditFile = {
  add(line: string): void;
  /** Why lines wait or were lost since the last that was written, or null. */
  trouble(): string | null;
  /** Tries once more, and then gives up what waits. Resolves with how many lines that were. */
  close(): Promise<number>;
};

const waitingMost = 5000;
const retryMs = 1000;

/** `files`: the newest first. `missed` makes a line that says how many are missing before it. */
export function openAuditFile(options: {
  files: readonly string[];
  maxBytes: number;
  missed: (count: number) => string;
}): AuditFile {
  const { files, maxBytes, missed } = options;
  let waiting: string[] = [];
  let lost = 0;
  let failure: string | null = null;
  let writing: Promise<void> | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const told = lost;
      if (told > 0) waiting.unshift(missed(told));
      const batch = waiting;
      waiting = [];
      const { lines, error } = await append(files, maxBytes, batch);
      // Said, once the line that says it is there.
      if (told > 0 && lines > 0) lost -= told;
      if (error === null) failure = null;
      else {
        // The line that says what is missing is made anew.
        waiting = [...batch.slice(Math.max(lines, told > 0 ? 1 : 0)), ...waiting];
        failure = messageOf(error);
        return;
      }
    }
  };
  const write = (): void => {
    if (writing !== null) return;
    writing = drain().finally(() => {
      writing = null;
      if (closed) return;
      // One that came between the last look and now.
      if (failure === null) {
        if (waiting.length > 0) write();
        return;
      }
      retry ??= setTimeout(() => {
        retry = null;
        write();
      }, retryMs).unref();
    });
  };
  return {
    add(line) {
      if (waiting.length >= waitingMost) {
        waiting.shift();
        lost += 1;
      }
      waiting.push(line);
      if (failure === null) write();
    },
    trouble() {
      if (failure === null) return null;
      const more = lost > 0 ? `, ${lost} are lost` : '';
      return `${failure}; ${waiting.length} lines wait${more}`;
    },
    async close() {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      await writing;
      await drain();
      return lost + waiting.length;
    },
  };
}

/** Never rejects. `lines`: how many are whole in the file. */
async function append(
  files: readonly string[],
  maxBytes: number,
  batch: readonly string[],
): Promise<{ lines: number; error: unknown }> {
  let lines = 0;
  try {
    const handle = await open(files, maxBytes, Buffer.byteLength(batch.join('')));
    try {
      const bytes = Buffer.from(`${await tear(handle)}${batch.join('')}`);
      const torn = bytes[0] === 0x0a ? 1 : 0;
      let at = 0;
      while (at < bytes.length) {
        // Said after each write: the next one may fail.
        const { bytesWritten } = await handle.write(bytes, at);
        at += bytesWritten;
        lines = bytes.subarray(torn, at).toString('latin1').split('\n').length - 1;
      }
    } finally {
      await handle.close();
    }
    return { lines, error: null };
  } catch (error) {
    return { lines, error };
  }
}

/** Opened anew each time: whoever takes the file away, to keep it elsewhere, loses nothing of what follows. */
async function open(
  files: readonly string[],
  maxBytes: number,
  bytes: number,
): Promise<fs.FileHandle> {
  const [newest = ''] = files;
  const handle = await fs.open(newest, 'a+', 0o600);
  const { size } = await handle.stat();
  if (size === 0 || size + bytes <= maxBytes) return handle;
  await handle.close();
  for (let n = files.length - 1; n > 0; n -= 1) {
    await fs.rename(files[n - 1] ?? '', files[n] ?? '').catch(unlessAbsent);
  }
  return fs.open(newest, 'a+', 0o600);
}

/** A line that broke off, with a full disk or a power loss, is left as it is and ends here. */
async function tear(handle: fs.FileHandle): Promise<'' | '\n'> {
  const { size } = await handle.stat();
  if (size === 0) return '';
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, size - 1);
  return last[0] === 0x0a ? '' : '\n';
}

function unlessAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
