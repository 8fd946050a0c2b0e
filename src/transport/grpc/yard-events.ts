/** StreamYard: the events of all runs from a position on. Holds nothing but the position. */
import type { OrchestratorPort, RunEvent } from '../../contracts/index.ts';

const pageRows = 256;

export async function* yardEvents(
  port: OrchestratorPort,
  request: { after_pos: number; follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  let pos = request.after_pos;
  while (!signal.aborted) {
    const page = port.yardEvents(pos, pageRows);
    yield* page;
    pos = page.at(-1)?.pos ?? pos;
    if (page.length > 0) continue;
    if (!request.follow) return;
    // Nothing else runs between the look and the wait, so that no event falls between them.
    await woken(port, signal);
  }
}

function woken(port: OrchestratorPort, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      off();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const off = port.onYard(done);
    signal.addEventListener('abort', done);
  });
}
