import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** The query of the address, and a way to change some of it in place; empty values are left out. */
export function useQuery(): [
  URLSearchParams,
  (changes: Readonly<Record<string, string | null>>) => void,
] {
  const [query, setQuery] = useSearchParams();
  const change = useCallback(
    (changes: Readonly<Record<string, string | null>>) => {
      setQuery(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === null || value === '') next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace: true },
      );
    },
    [setQuery],
  );
  return [query, change];
}
