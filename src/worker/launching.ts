/**
 * Whether an attempt that nobody has claimed comes to run: the daemon hands it over while its decision
 * is still on the way to the disk, and says when it is there. Once its end is wished it is voided.
 */
import type { judge, voidStart } from '../rundir/index.ts';
import type { WorkerConfig } from './config.ts';
import type { Recorders } from './recorders.ts';
import type { until } from './until.ts';

export type LaunchingOptions = {
  config: WorkerConfig;
  judge: (dir: string) => ReturnType<typeof judge>;
  voidStart: (dir: string) => ReturnType<typeof voidStart>;
  until: typeof until;
  recorders: Recorders;
  failed: (text: string) => void;
};

export type Launching = {
  permit(): void;
  refuse(): void;
  /** Has the attempt recorded, or voids it; does nothing when it was claimed before. */
  begin(signal: AbortSignal): Promise<void>;
};

export function createLaunching(options: LaunchingOptions): Launching {
  const { config, judge, voidStart, until, recorders, failed } = options;
  const { dir } = config;
  const answered = new AbortController();
  let answer: 'go' | 'void' | null = null;
  const give = (given: 'go' | 'void'): void => {
    answer ??= given;
    answered.abort();
  };
  if (config.launch === 'never') give('void');

  return {
    permit: () => give('go'),
    refuse() {
      // Not the first word counts here: what was not started by now need not be.
      answer = 'void';
      answered.abort();
    },
    async begin(signal) {
      const unclaimed = (): boolean => judge(dir).kind === 'unclaimed';
      if (!unclaimed()) return;
      if (answer === null) {
        // The daemon itself may void it meanwhile.
        const over = AbortSignal.any([signal, answered.signal]);
        await until(dir, over, () => (unclaimed() ? null : true));
      }
      if (signal.aborted || answer === null) return;
      if (answer === 'void') voidStart(dir);
      else recorders.start(config.recorder, dir, failed);
    },
  };
}
