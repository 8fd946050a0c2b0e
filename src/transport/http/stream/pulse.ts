/** How the yard is, looked at once for all streams, and only while there are any. */
import type { DaemonStatus, GpuItem, OrchestratorPort } from '../../../contracts/index.ts';
import type { Logger } from '../../../telemetry/index.ts';

export type Look = { health: DaemonStatus; gpus: GpuItem[] };
export type Pulse = {
  /** Called with each look, and at once with the last one. Returns the unsubscribe. */
  watch(told: (look: Look) => void): () => void;
};

const lookMs = 1000;

export function createPulse(port: OrchestratorPort, log: Logger): Pulse {
  const watchers = new Set<(look: Look) => void>();
  let last: Look | null = null;
  let timer: NodeJS.Timeout | null = null;
  const look = (): void => {
    try {
      last = { health: port.health(), gpus: [...port.gpus()] };
    } catch (error) {
      log.warn({ err: error }, 'how the yard is could not be told');
      return;
    }
    for (const told of watchers) told(last);
  };
  return {
    watch(told) {
      watchers.add(told);
      if (timer === null) {
        timer = setInterval(look, lookMs).unref();
        look();
      } else if (last !== null) told(last);
      return () => {
        watchers.delete(told);
        if (watchers.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
      };
    },
  };
}

/** What a person would call a change: not every byte of a log. */
export function essence({ health, gpus }: Look): { health: string; gpus: string } {
  const quiet = {
    ...health,
    wal_bytes: 0,
    last_checkpoint: '',
    outbox_depth: 0,
    disk_free_bytes: 0,
    commit_ms_p99: 0,
    workers_idle: 0,
  };
  return { health: JSON.stringify(quiet), gpus: JSON.stringify(gpus) };
}
