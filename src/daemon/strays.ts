/** Runs that are found on a GPU that they were not given: a script that sets CUDA_VISIBLE_DEVICES itself. */
import path from 'node:path';
import { shortGpu } from '../allocator/index.ts';
import type { Gpu } from '../inventory/index.ts';
import type { LeaseRow } from '../persistence/index.ts';
import { gpuOfSlot } from '../slots.ts';
import type { Logger } from '../telemetry/index.ts';

export type StraysOptions = {
  gpus: () => readonly Gpu[];
  leases: () => readonly LeaseRow[];
  /** The attempt's directory that a process carries as its marker. */
  markerOf: (pid: number) => string | null;
  /** Where the directories of runs are. */
  runs: string;
  policy: 'report' | 'stop';
  stop: (runId: string, reason: string) => Promise<unknown>;
  log: Logger;
};

export type Strays = {
  /** Looks again: the tools have told something new. */
  look(): void;
  /** What is wrong with a run, in words; empty: nothing. */
  why(runId: string): string;
  troubles(): string[];
};

export function createStrays(options: StraysOptions): Strays {
  const { runs, log } = options;
  /** By run: the GPUs. */
  let found = new Map<string, string[]>();

  const runOf = (pid: number): string | null => {
    const marker = options.markerOf(pid);
    if (marker === null || !marker.startsWith(`${runs}/`)) return null;
    return path.relative(runs, marker).split(path.sep)[0] ?? null;
  };
  const text = (gpus: readonly string[]): string =>
    `uses ${gpus.map(shortGpu).join(', ')}, which it was not given`;

  return {
    look() {
      const before = found;
      const leases = options.leases();
      const gpus = options.gpus();
      const now = new Map<string, string[]>();
      for (const gpu of gpus) {
        // What runs on a slice is told of its card too.
        const same = [gpu, ...gpus.filter(({ partOf }) => partOf === gpu.id)].map(({ id }) => id);
        const given = new Set(
          leases.filter(({ slot }) => same.includes(gpuOfSlot(slot))).map(({ run_id }) => run_id),
        );
        for (const { pid } of gpu.processes) {
          const runId = runOf(pid);
          if (runId === null || given.has(runId) || now.get(runId)?.includes(gpu.id)) continue;
          now.set(runId, [...(now.get(runId) ?? []), gpu.id]);
        }
      }
      found = now;
      for (const [runId, strayed] of now) {
        if (before.has(runId)) continue;
        log.warn({ runId, gpus: strayed }, 'a run is on a GPU that it was not given');
        if (options.policy !== 'stop') continue;
        options
          .stop(runId, text(strayed))
          .catch((error) =>
            log.warn({ runId, err: error }, 'a run on a wrong GPU was not stopped'),
          );
      }
    },
    why: (runId) => (found.has(runId) ? text(found.get(runId) ?? []) : ''),
    troubles: () => [...found].map(([runId, gpus]) => `run ${runId} ${text(gpus)}`),
  };
}
