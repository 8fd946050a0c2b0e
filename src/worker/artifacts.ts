/** Takes the files that a run's rules name into the store: while it goes on, and the rest at its end. */
import path from 'node:path';
import { type Manifest, openAttemptStore, type StoreOptions } from '../artifacts/index.ts';

export type Taken = {
  manifest: string;
  artifacts: number;
  bytes: number;
  /** Sentences: what the rules name and the store has not. */
  problems: string[];
  /** Which state of the manifest it is, and whether it is the last one. */
  revision?: number;
  complete?: boolean;
};

/** At the end. A file that cannot be taken is a problem in the manifest, not an error. */
export async function takeArtifacts(
  options: Pick<StoreOptions, 'cwd' | 'globs' | 'sinceMs' | 'store' | 'move' | 'floorBytes'>,
): Promise<Taken> {
  const store = openAttemptStore(options);
  await store.scan({ final: true });
  return takenOf(options.store, store.manifest());
}

export function takenOf(store: string, manifest: Manifest): Taken {
  const { artifacts, missing, problems, revision, complete = true } = manifest;
  return {
    manifest: path.join(store, 'manifest.json'),
    artifacts: artifacts.length,
    bytes: artifacts.reduce((sum, { size }) => sum + size, 0),
    problems:
      missing.length > 0 ? missing.map(({ name, problem }) => `${name}: ${problem}`) : problems,
    revision,
    complete,
  };
}

/** Those problems as one sentence for people, or null. */
export function problemOf({ problems, artifacts }: Taken): string | null {
  const [first] = problems;
  if (first === undefined) return null;
  const all = artifacts + problems.length;
  const of = `${problems.length} of ${all} artifacts could not be taken`;
  return `${of}: ${first}${problems.length > 1 ? ', and others (see the manifest)' : ''}`;
}
