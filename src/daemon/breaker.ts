/**
 * Sets a GPU aside on which run after run dies within seconds of its start: one that is broken takes
 * the whole queue otherwise, faster than anybody looks (decision 55).
 */
import type { RunEvent, TrainRunConfig } from '../contracts/index.ts';
import type { Logger } from '../telemetry/index.ts';

export type BreakerOptions = {
  /** How many runs in a row; 0: never. */
  deaths: number;
  withinMs: number;
  setAside: (gpu: string, reason: string) => void;
  log: Logger;
};

/** How an attempt went, as far as it says something about its GPUs. */
export type Trial = {
  readonly runId: string;
  readonly attempt: number;
  readonly gpus: readonly string[];
  /** What ran: the same script that dies on two GPUs is at fault itself. */
  readonly script: string;
  readonly died: 'quickly' | 'not';
};

/** Causes that lie in the script or its surroundings, whatever it runs on. */
const scriptCauses: readonly string[] = [
  'missing_module',
  'missing_library',
  'missing_command',
  'missing_file',
  'not_a_number',
  'no_space',
  'exception',
];

/** What was made to end says nothing about its GPUs. */
const ended: readonly string[] = ['run.stop', 'rule.met', 'limit.reached'];

export type Breaker = {
  /** An attempt is about to give its GPUs back. Telling it twice is harmless. */
  ended(trial: Trial): void;
};

export function createBreaker({ deaths, withinMs, setAside, log }: BreakerOptions): Breaker {
  /** By GPU: the quick deaths on it since a run last lived there. */
  const counted = new Map<string, Trial[]>();
  return {
    ended(trial) {
      if (deaths === 0) return;
      const { runId, gpus, script } = trial;
      if (trial.died === 'not') {
        for (const gpu of gpus) counted.delete(gpu);
        return;
      }
      const elsewhere = [...counted].some(
        ([gpu, trials]) => !gpus.includes(gpu) && trials.some((other) => other.script === script),
      );
      if (elsewhere) {
        for (const [gpu, trials] of counted)
          counted.set(
            gpu,
            trials.filter((other) => other.script !== script),
          );
        return;
      }
      for (const gpu of gpus) {
        const before = counted.get(gpu) ?? [];
        // Once told, and once a run: it may be tried again and again, and die of its own each time.
        if (before.some((other) => other.runId === runId)) continue;
        const trials = [...before, trial];
        counted.set(gpu, trials);
        if (trials.length < deaths) continue;
        counted.delete(gpu);
        const runs = trials.map((other) => other.runId).join(', ');
        log.warn({ gpu, runs }, 'GPU set aside');
        setAside(
          gpu,
          `${trials.length} runs in a row died within ${withinMs / 1000} s of their start on it (${runs})`,
        );
      }
    },
  };
}

/** What the events of a run say of one attempt of it; null: nothing that is about its GPUs. */
export function trialOf(
  about: { runId: string; attempt: number; gpus: readonly string[]; config: TrainRunConfig },
  events: readonly RunEvent[],
  withinMs: number,
): Trial | null {
  const { runId, attempt, gpus, config } = about;
  const own = events.filter((event) => event.attempt === attempt);
  const find = (name: string): RunEvent | undefined => own.find(({ event }) => event === name);
  const [started, exited, collected] = [
    find('trainer.started'),
    find('trainer.exited'),
    find('output.collected'),
  ];
  if (gpus.length === 0 || started === undefined) return null;
  const script = config.code?.script_sha256 ?? config.command.slice(0, 2).join(' ');
  const trial = { runId, attempt, gpus, script };
  const isAsked = own.some(({ event }) => ended.includes(event));
  // By the recorder's clock: the daemon may have been away when it ended.
  const livedMs = instantOf(exited ?? own.at(-1) ?? started) - instantOf(started);
  if (livedMs > withinMs) return { ...trial, died: 'not' };
  if (exited === undefined || isAsked) return null;
  const { exit } = JSON.parse(exited.detail_json) as { exit?: { kind?: string; code?: number } };
  if (exit?.kind === 'exited' && exit.code === 0) return { ...trial, died: 'not' };
  const { cause } = JSON.parse(collected?.detail_json ?? '{}') as { cause?: { code?: string } };
  return scriptCauses.includes(cause?.code ?? '') ? null : { ...trial, died: 'quickly' };
}

function instantOf({ at, detail_json }: RunEvent): number {
  return Date.parse((JSON.parse(detail_json) as { at?: string }).at ?? at);
}
