/** Server-sent events into one response. Nothing is queued here: who writes waits until there is room. */
import type { ServerResponse } from 'node:http';

export type Outlet = {
  /** Whether the reader has taken what was written, but for what the kernel holds. */
  ready(): boolean;
  /** Resolves when it is, or the stream is over. */
  drained(): Promise<void>;
  /** `id`: the position up to which the reader has everything with this message. */
  event(name: string, data: unknown, id?: number): void;
  /** Says why, and ends. */
  bye(reason: { code: string; text: string }): void;
  isOver(): boolean;
};

/** What a reader that is told of its end may take to read that. */
const byeMs = 10_000;

/** `stalled` is called when the reader has taken nothing for `stallMs`; `over` once, at the end. */
export function createOutlet(
  response: ServerResponse,
  options: { stallMs: number; stalled: () => void; drained: () => void; over: () => void },
): Outlet {
  let waiting: (() => void)[] = [];
  let stall: NodeJS.Timeout | null = null;
  let isBlocked = false;
  let isOver = false;
  const release = (): void => {
    isBlocked = false;
    if (stall !== null) clearTimeout(stall);
    stall = null;
    for (const resolve of waiting.splice(0)) resolve();
  };
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    release();
    options.over();
  };
  const write = (text: string): void => {
    if (isOver || response.write(text) || isBlocked) return;
    isBlocked = true;
    stall = setTimeout(options.stalled, options.stallMs).unref();
  };
  response.on('drain', () => {
    release();
    if (!isOver) options.drained();
  });
  response.on('close', end);
  response.on('error', end);
  return {
    ready: () => !isBlocked && !isOver,
    drained: () =>
      isBlocked && !isOver ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
    event(name, data, id) {
      const head = id === undefined ? '' : `id: ${id}\n`;
      write(`${head}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    bye(reason) {
      if (isOver) return;
      response.end(`event: bye\ndata: ${JSON.stringify(reason)}\n\n`);
      end();
      waiting = [];
      setTimeout(() => response.destroy(), byeMs).unref();
    },
    isOver: () => isOver,
  };
}
