/** The daemon's log as notes of the trace: debug and info are dropped, errors are kept. */
import type { Logger } from '../../src/telemetry/index.ts';
import { Dead } from './faults.ts';
import type { Life } from './schedule.ts';
import type { Stage } from './stage.ts';

export function silentLog(stage: Stage, life: Life): Logger {
  const note = (level: string) => (data: { err?: unknown }, text: string) => {
    if (life.dead) return;
    const { err, ...rest } = data;
    const problem = err instanceof Error ? ` ${chainOf(err)}` : '';
    stage.trace.note(`${life.name} ${level}: ${text} ${JSON.stringify(rest)}${problem}`);
  };
  const nothing = (): void => undefined;
  return { debug: nothing, info: nothing, warn: note('warn'), error: note('error') } as never;
}

function chainOf(error: Error): string {
  if (error instanceof Dead) return 'dead';
  return error.cause instanceof Error ? `${error.message}: ${chainOf(error.cause)}` : error.message;
}
