/**
 * The artifacts of all runs: `artifacts/RUN/N/`. What is removed is moved aside first, as a whole, so that a crash
 * leaves a run's artifacts where they are or gone; what lies aside is removed by the next one who sweeps.
 */
import fs from 'node:fs';
import path from 'node:path';
import { failpoint } from '../failpoints.ts';
import { type Manifest, readManifest } from './manifest.ts';

export type YardStore = {
  /** Runs with artifacts, in no order. */
  runs(): string[];
  manifest(runId: string, attempt: number): Manifest | null;
  /** Where the files of an attempt lie. */
  directory(runId: string, attempt: number): string;
  /** Bytes and files of all attempts of a run, as their manifests say. */
  sizeOf(runId: string): Promise<{ bytes: number; files: number }>;
  /** Moves a run's artifacts aside: from then on it has none. */
  discard(runId: string): void;
  /** Runs whose artifacts lie aside. */
  discarded(): string[];
  /** Removes what lies aside of a run. */
  remove(runId: string): Promise<void>;
};

/** No run has such an id. */
const asideName = '.removed';

export function createYardStore(root: string): YardStore {
  const aside = path.join(root, asideName);
  const directory = (runId: string, attempt: number): string =>
    path.join(root, runId, String(attempt));
  const namesIn = (dir: string): string[] =>
    fs.existsSync(dir) ? fs.readdirSync(dir).filter((name) => !name.startsWith('.')) : [];
  return {
    runs: () => namesIn(root),
    directory,
    manifest: (runId, attempt) => readManifest(directory(runId, attempt)),
    async sizeOf(runId) {
      let [bytes, files] = [0, 0];
      for (const attempt of namesIn(path.join(root, runId))) {
        // The store of many runs is no reason to answer nobody meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        const artifacts = readManifest(path.join(root, runId, attempt))?.artifacts ?? [];
        files += artifacts.length;
        bytes += artifacts.reduce((sum, { size }) => sum + size, 0);
      }
      return { bytes, files };
    },
    discard(runId) {
      fs.mkdirSync(aside, { recursive: true, mode: 0o700 });
      const target = path.join(aside, runId);
      // Left by a crash, of a run that came to have some again.
      fs.rmSync(target, { recursive: true, force: true });
      fs.renameSync(path.join(root, runId), target);
      failpoint('gc.discarded');
    },
    discarded: () => namesIn(aside),
    async remove(runId) {
      await fs.promises.rm(path.join(aside, runId), { recursive: true, force: true });
      failpoint('gc.removed');
    },
  };
}
