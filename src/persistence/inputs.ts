/** Uploaded inputs (environments, configurations, diffs), private files named by their digest. */
import crypto from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { InputRef } from '../contracts/index.ts';
import { errnoOf, RunyardError } from '../errors.ts';

export type InputStore = {
  put(data: Buffer): Promise<InputRef>;
  /** Throws input_missing when it is not there or is not what its digest says. */
  read(ref: { uri: string }): Promise<Buffer>;
  remove(ref: { uri: string }): Promise<void>;
  /** Removes what was uploaded before `olderThanMs` ago and never used. */
  prune(olderThanMs: number, now: number): Promise<void>;
};

export function createInputStore(dir: string): InputStore {
  const fileOf = (uri: string): string => {
    const digest = /^input:([0-9a-f]{64})$/.exec(uri)?.[1];
    if (digest === undefined) {
      throw new RunyardError('input_missing', `"${uri}" is not the URI of an uploaded input`);
    }
    return path.join(dir, digest);
  };
  return {
    async put(data) {
      const sha256 = crypto.createHash('sha256').update(data).digest('hex');
      const uri = `input:${sha256}`;
      const temporary = path.join(dir, `.${crypto.randomUUID()}`);
      try {
        await fs.writeFile(temporary, data, { mode: 0o600 });
        await fs.rename(temporary, fileOf(uri));
      } catch (cause) {
        await fs.rm(temporary, { force: true });
        const full = ['ENOSPC', 'EDQUOT'].includes(errnoOf(cause) ?? '');
        throw new RunyardError(
          full ? 'disk_full' : 'home_unusable',
          `an input cannot be written to ${dir}`,
          { cause },
        );
      }
      return { uri, sha256, size: data.length };
    },
    async read({ uri }) {
      const file = fileOf(uri);
      const data = await fs.readFile(file).catch((cause: unknown) => {
        throw new RunyardError('input_missing', `the input ${uri} is not here; upload it again`, {
          cause,
        });
      });
      const sha256 = crypto.createHash('sha256').update(data).digest('hex');
      if (`input:${sha256}` !== uri) {
        throw new RunyardError('input_missing', `the input ${uri} is damaged; upload it again`);
      }
      return data;
    },
    async remove({ uri }) {
      await fs.rm(fileOf(uri), { force: true });
    },
    async prune(olderThanMs, now) {
      for (const name of await fs.readdir(dir)) {
        const file = path.join(dir, name);
        const stat = await fs.stat(file).catch(() => null);
        if (stat !== null && now - stat.mtimeMs > olderThanMs) await fs.rm(file, { force: true });
      }
    },
  };
}
