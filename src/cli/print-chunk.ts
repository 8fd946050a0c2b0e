/** Prints a run's output where the trainer wrote it. */
import type { LogChunk } from '../contracts/index.ts';
import type { Context } from './context.ts';
import { shownText } from './log-text.ts';
import { bytesText } from './render.ts';

export type Printing = {
  /** With the time of each line. */
  times?: boolean;
  /** With everything that it has of control characters. */
  raw?: boolean;
};

/** Lines go where the trainer wrote them; what is not there any more is told. */
export function printChunk(
  { terminal, json }: Context,
  chunk: LogChunk,
  { times = false, raw = false }: Printing = {},
): void {
  for (const gap of chunk.gaps) {
    if (json) terminal.json({ type: 'gap', attempt: chunk.attempt, ...gap });
    else {
      const text = `… ${bytesText(gap.bytes)} of ${gap.stream} were not kept (${gap.reason}) …`;
      terminal.note(terminal.paint('dim', text));
    }
  }
  for (const line of chunk.lines) {
    if (json) terminal.json({ type: 'line', attempt: chunk.attempt, ...line });
    else {
      const isError = line.stream === 'stderr';
      const shown = shownText(line.text, isError ? terminal.errColor : terminal.color);
      const text = raw ? line.text : shown;
      const whole = times ? `${terminal.paint('dim', line.at)} ${text}` : text;
      if (isError) terminal.relay(whole);
      else terminal.print(whole);
    }
  }
}
