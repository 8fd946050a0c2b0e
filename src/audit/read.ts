/** Reads the lines again, from the oldest on, while a daemon goes on writing and begins new files. */
import fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf, RunyardError } from '../errors.ts';
import { type AuditEntry, entryOf } from './entry.ts';
import { auditFiles } from './places.ts';

export type ReadOptions = {
  /** Only what was answered then or later, in milliseconds since 1970. */
  sinceMs?: number;
  /** Goes on with what comes, until `signal` is aborted. */
  follow?: boolean;
  signal?: AbortSignal;
};

const pollMs = 200;
const chunkBytes = 64 * 1024;

/** Lines that broke off are left out. Throws home_unusable. */
export async function* readAudit(
  root: string,
  { sinceMs = 0, follow = false, signal }: ReadOptions = {},
): AsyncGenerator<AuditEntry> {
  const opened: Opened[] = [];
  let last: Opened | null = null;
  try {
    opened.push(...(await openNewer(root, null)));
    for (;;) {
      // Oldest first; the newest stays open, since it may grow.
      for (let one = opened.pop(); one !== undefined; one = opened.pop()) {
        if (last !== null) {
          yield* entriesOf(last, sinceMs);
          await last.handle.close();
        }
        last = one;
        yield* entriesOf(last, sinceMs);
      }
      if (!follow || signal?.aborted) return;
      await delay(pollMs, undefined, { signal: signal as AbortSignal }).catch(() => undefined);
      if (last !== null) yield* entriesOf(last, sinceMs);
      opened.push(...(await openNewer(root, last?.ino ?? null)));
    }
  } catch (cause) {
    if (cause instanceof RunyardError || errnoOf(cause) === undefined) throw cause;
    throw new RunyardError('home_unusable', `the audit log in ${root} cannot be read`, { cause });
  } finally {
    for (const { handle } of [...opened, ...(last === null ? [] : [last])]) await handle.close();
  }
}

type Opened = { handle: fs.FileHandle; ino: number; at: number; rest: Buffer };

/** Those that are newer than the one with that number, the newest first: a file that moves meanwhile is met again. */
async function openNewer(root: string, ino: number | null): Promise<Opened[]> {
  const found: Opened[] = [];
  for (const file of auditFiles(root)) {
    const handle = await fs.open(file, 'r').catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) continue;
    const stat = await handle.stat();
    if (stat.ino === ino || found.some((other) => other.ino === stat.ino)) {
      await handle.close();
      if (stat.ino === ino) return found;
      continue;
    }
    found.push({ handle, ino: stat.ino, at: 0, rest: Buffer.alloc(0) });
  }
  if (ino === null) return found;
  // The one that was read last was taken away: the newest has been begun since, and the others were read before.
  for (const { handle } of found.splice(1)) await handle.close();
  return found;
}

/** What is new in the file. */
async function* entriesOf(file: Opened, sinceMs: number): AsyncGenerator<AuditEntry> {
  const chunk = Buffer.alloc(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.handle.read(chunk, 0, chunkBytes, file.at);
    if (bytesRead === 0) return;
    file.at += bytesRead;
    let bytes = Buffer.concat([file.rest, chunk.subarray(0, bytesRead)]);
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
      const entry = entryOf(bytes.toString('utf8', 0, end));
      bytes = bytes.subarray(end + 1);
      if (entry !== null && Date.parse(entry.at) >= sinceMs) yield entry;
    }
    file.rest = bytes;
  }
}
