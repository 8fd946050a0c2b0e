/** Where else an attempt leaves points than in its output: which files there are, and what is in them. */
import path from 'node:path';
import type { FileState } from '../capture/index.ts';
import { messageOf } from '../errors.ts';
import { attemptFiles } from '../rundir/index.ts';
import { openClaims } from './claims.ts';
import { createDiscovery } from './discovery.ts';
import { createFiles, type Sink } from './files.ts';
import { preparedAtMs, readSpec } from './spec.ts';

export type Sources = {
  /** Looks for files, when it is time to. */
  look(): void;
  /** Nothing of the attempt lives any more: looks for the last time. */
  finish(): void;
  /** All that was found is published. */
  settled(): void;
  read(sink: Sink): boolean;
  states(): Record<string, FileState>;
  reset(states: Record<string, FileState>): void;
  /** The paths of files by the names that the ids of their points have. */
  pathsOf(names: Iterable<string>): Record<string, string>;
  close(): void;
};

/** Below the state directory, beside `runs`: what attempts were seen to write. */
const notesDir = (dir: string): string => path.resolve(dir, '../../../../capture');

export function createSources(dir: string, runId: string, attempt: number): Sources {
  const metrics = path.join(dir, attemptFiles.metrics);
  const notes: string[] = [];
  const found = (() => {
    try {
      const { cwd, formats = null } = readSpec(dir);
      const name = `${runId}-${attempt}`;
      const sinceMs = preparedAtMs(dir);
      const claims = openClaims({ place: notesDir(dir), name, dir, cwd, sinceMs });
      return { cwd, formats, claims };
    } catch (error) {
      // Its directory is gone, or the disk is full: what it prints is still taken.
      notes.push(`files are not looked for: ${messageOf(error)}`);
      return null;
    }
  })();
  const files = createFiles({ attempt, cwd: found?.cwd ?? dir, metrics });
  const discovery =
    found === null
      ? null
      : createDiscovery({
          ...found,
          dir,
          onFile: ({ file, from }) => files.follow(file, from),
          onNote: (text) => notes.push(text),
        });
  return {
    look: () => discovery?.look(),
    finish: () => discovery?.finish(),
    settled: () => found?.claims.close(),
    read(sink) {
      for (const text of notes.splice(0)) sink.note(text);
      return files.read(sink);
    },
    states: files.states,
    reset: files.reset,
    pathsOf(names) {
      return Object.fromEntries(
        [...names].flatMap((name) => {
          const file = files.pathOf(name);
          return file === undefined ? [] : [[name, file]];
        }),
      );
    },
    close() {
      discovery?.close();
      files.close();
    },
  };
}
