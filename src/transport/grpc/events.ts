/** StreamStatus: a run's events from a sequence on, as many as the client has granted credit for. */
import type { ServerDuplexStream, StatusObject } from '@grpc/grpc-js';
import { finalStatuses, type OrchestratorPort, type RunEvent } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { refOf, type StatusMessage } from './handlers.ts';

const pageRows = 256;

/** Holds nothing but a position: a client that stalls costs one row of state. */
export function streamEvents(
  call: ServerDuplexStream<StatusMessage, RunEvent>,
  port: OrchestratorPort,
  statusOf: (error: unknown) => Partial<StatusObject>,
): void {
  let runId: string | null = null;
  let next = 1;
  let credit = 0;
  let untilDone = false;
  let ended = false;
  let blocked = false;
  let halfClosed = false;
  let unsubscribe: () => void = () => undefined;

  const end = (error?: unknown): void => {
    if (ended) return;
    ended = true;
    unsubscribe();
    if (error === undefined) call.end();
    else call.emit('error', statusOf(error));
  };
  /** No event or no credit can come any more. */
  const nothingMore = (): boolean => {
    if (halfClosed && (runId === null || credit === 0)) return true;
    if (!untilDone || runId === null) return false;
    const { status, last_seq } = port.get(runId);
    return finalStatuses.includes(status) && next > last_seq;
  };
  const push = (): void => {
    try {
      while (!ended && !blocked && runId !== null && credit > 0) {
        const page = port.events(runId, next, Math.min(credit, pageRows));
        if (page.length === 0) break;
        for (const event of page) {
          credit -= 1;
          next = event.seq + 1;
          blocked = !call.write(event) || blocked;
          // Of a removed run nothing comes any more.
          if (event.to === 'deleted' || (untilDone && event.to.startsWith('done.'))) {
            end();
            return;
          }
        }
      }
      if (!ended && !blocked && nothingMore()) end();
    } catch (error) {
      end(error);
    }
  };
  call.on('drain', () => {
    blocked = false;
    push();
  });
  call.on('data', (message: StatusMessage & { too_large?: number }) => {
    try {
      if (message.too_large !== undefined) {
        throw new RunyardError('message_too_large', `the request has ${message.too_large} bytes`);
      }
      if (runId === null) {
        runId = port.resolve(refOf(message.run));
        next = Math.max(1, message.from_seq);
        untilDone = message.until_done;
        unsubscribe = port.onEvents(runId, push);
      }
      credit += message.credit;
      push();
    } catch (error) {
      end(error);
    }
  });
  call.on('end', () => {
    // The client grants nothing more; what it has granted is still served.
    halfClosed = true;
    push();
  });
  call.on('cancelled', () => end());
  call.on('error', () => end());
}
