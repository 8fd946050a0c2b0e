import { useEffect, useRef, useState } from 'react';
import { errorText } from './api.ts';
import { useYard } from './yard.ts';

/**
 * What an answer says, asked for again each `againMs` while the tab is seen and the line is up. Null before the first
 * one; `error` is of the last one.
 */
export function useAsked<T>(
  call: (signal: AbortSignal) => Promise<T>,
  againMs: number,
): { found: T | null; error: string } {
  const [state, setState] = useState<{ found: T | null; error: string }>({
    found: null,
    error: '',
  });
  const last = useRef(call);
  last.current = call;
  const isLost = useYard(({ lostSince }) => lostSince !== null);
  useEffect(() => {
    if (isLost) return;
    const controller = new AbortController();
    const { signal } = controller;
    const load = (): void => {
      if (document.visibilityState === 'hidden') return;
      last.current(signal).then(
        (found) => setState({ found, error: '' }),
        (error) => {
          if (!signal.aborted) setState(({ found }) => ({ found, error: errorText(error) }));
        },
      );
    };
    load();
    const timer = window.setInterval(load, againMs);
    return () => {
      controller.abort();
      window.clearInterval(timer);
    };
  }, [isLost, againMs]);
  return state;
}
