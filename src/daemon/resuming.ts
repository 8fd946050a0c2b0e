/** Where a further attempt goes on: the newest checkpoint that an earlier one left in the store. */
import path from 'node:path';
import { type Artifact, createYardStore } from '../artifacts/index.ts';
import type { TrainRunConfig } from '../contracts/index.ts';
import type { AttemptInput } from '../machines/index.ts';

export type Checkpoint = {
  /** Of the copy in the store, absolute. */
  file: string;
  name: string;
  /** Which attempt left it. */
  attempt: number;
  step: number | null;
};

/** Null: this attempt begins from the beginning. */
export function checkpointFor(
  artifacts: string,
  { retry }: TrainRunConfig,
  { runId, attempt }: AttemptInput,
): Checkpoint | null {
  const glob = retry?.resume?.artifact;
  if (glob === undefined) return null;
  const store = createYardStore(artifacts);
  const found: (Checkpoint & Pick<Artifact, 'modified'>)[] = [];
  for (let earlier = 1; earlier < attempt; earlier += 1) {
    for (const each of store.manifest(runId, earlier)?.artifacts ?? []) {
      const { name, step = null, modified } = each;
      if (!path.matchesGlob(name, glob)) continue;
      const file = path.join(store.directory(runId, earlier), each.path);
      found.push({ file, name, attempt: earlier, step, modified });
    }
  }
  const [best] = found.sort(later);
  if (best === undefined) return null;
  const { modified: _, ...checkpoint } = best;
  return checkpoint;
}

/** The command, with what makes it go on from there. */
export function argvFor(config: TrainRunConfig, from: Checkpoint | null): string[] {
  const { args = [] } = config.retry?.resume ?? {};
  if (from === null) return config.command;
  return [...config.command, ...args.map((arg) => arg.replaceAll('{artifact}', from.file))];
}

/** `checkpoints/step_400.pt of attempt 1 (step 400)`. */
export function checkpointText({ name, attempt, step }: Checkpoint): string {
  return `${name} of attempt ${attempt}${step === null ? '' : ` (step ${step})`}`;
}

/** The higher step first where both say one, else what was written later. */
function later(
  a: Checkpoint & Pick<Artifact, 'modified'>,
  b: Checkpoint & Pick<Artifact, 'modified'>,
): number {
  if (a.step !== null && b.step !== null && a.step !== b.step) return b.step - a.step;
  return b.modified.localeCompare(a.modified);
}
