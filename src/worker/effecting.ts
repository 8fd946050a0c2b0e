/** An effect of the worker chart as an invoked actor: aborted when its state is left. */
import { fromCallback } from 'xstate';
import { messageOf } from '../errors.ts';
import type { WorkerEvent } from '../machines/index.ts';

export function effecting(
  act: (signal: AbortSignal) => Promise<WorkerEvent | null>,
  complain: (error: unknown) => void,
) {
  return fromCallback<WorkerEvent>(({ sendBack }) => {
    const controller = new AbortController();
    act(controller.signal).then(
      (event) => {
        if (event !== null && !controller.signal.aborted) sendBack(event);
      },
      (error: unknown) => {
        complain(error);
        if (!controller.signal.aborted) sendBack({ type: 'effect.failed', text: messageOf(error) });
      },
    );
    // Its own reason, because the default one takes a stack trace.
    return () => controller.abort('its state was left');
  });
}
