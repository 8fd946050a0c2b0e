import { useEffect } from 'react';

/** What the tab is called, so that one is found among many. */
export function useTitle(text: string): void {
  useEffect(() => {
    document.title = text === '' ? 'Runyard' : `${text} · Runyard`;
  }, [text]);
}
