/** Submitted environments may hold secrets: they go when no attempt can need them any more. */
import fs from 'node:fs';
import path from 'node:path';
import { failpoint } from '../failpoints.ts';
import type { Home, InputStore } from '../persistence/index.ts';
import { runDir, runFiles } from '../rundir/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** An upload that no run took within a day never will be taken. */
const uploadKeptMs = 24 * 3600 * 1000;

export function createSecretKeeper(home: Home, inputs: InputStore, log: Logger) {
  const forget = async (runId: string): Promise<void> => {
    const file = path.join(runDir(home.root, runId), runFiles.env);
    // An empty one holds nothing, and says that the run was submitted without: its retry needs none either.
    if (fs.statSync(file, { throwIfNoEntry: false })?.size === 0) return;
    await fs.promises.rm(file, { force: true });
    failpoint('env.deleted');
  };
  const tell = (error: unknown): void => log.error({ err: error }, 'environment was not deleted');
  return {
    forget: (runId: string): void => void forget(runId).catch(tell),
    /**
     * What a crash left behind. The runs are listed at once, so that none of later is touched. Those that
     * the registry does not know are left as they are; resolves with their number.
     */
    async sweep(
      isOver: (runId: string) => boolean,
      isKnown: (runId: string) => boolean,
    ): Promise<number> {
      const over = fs
        .readdirSync(home.runs)
        .filter((name) => !name.startsWith('.') && isOver(name));
      let unknown = 0;
      try {
        for (const runId of over) {
          if (isKnown(runId)) await forget(runId);
          else unknown += 1;
        }
        await inputs.prune(uploadKeptMs, Date.now());
      } catch (error) {
        tell(error);
      }
      return unknown;
    },
  };
}
