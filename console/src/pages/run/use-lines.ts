/** Lines of output: the last ones as they come, or those round a moment, and more on either side when asked. */
import { useEffect, useReducer, useRef } from 'react';
import { ask, errorText } from '../../data/api.ts';
import type { LogChunk, LogLine } from '../../data/types.ts';
import { subscribe } from '../../data/yard.ts';

const tail = 1000;
const pageLines = 1000;
/** Kept while following; the rest is a scroll away. */
const linesMost = 20_000;
const drawMs = 100;

type Known = {
  lines: LogLine[];
  begun: LogChunk['begun'];
  lostBytes: number;
  hasMore: boolean;
  search: string;
  error: string;
};

function nothing(search: string): Known {
  return { lines: [], begun: [], lostBytes: 0, hasMore: false, search, error: '' };
}

export type Lines = {
  lines: readonly LogLine[];
  /** Those that have begun and not ended, such as a progress bar. */
  begun: LogChunk['begun'];
  /** Bytes that were not kept. */
  lostBytes: number;
  isFollowing: boolean;
  isSearch: boolean;
  /** What was asked for is not here yet. */
  isLoading: boolean;
  hasMore: boolean;
  /** Why no more come; empty when they do, or when all are there. */
  error: string;
  version: number;
  loadBefore(): void;
};

export function useLines(options: {
  run: string;
  attempt: number;
  /** Only lines with this text; '' for all. */
  search: string;
  /** Milliseconds since the epoch; null: now. */
  at: number | null;
}): Lines {
  const { run, attempt, search, at } = options;
  const [version, draw] = useReducer((count: number) => count + 1, 0);
  const state = useRef(nothing(''));
  const isFollowing = at === null && search === '';
  // Small moves of the cursor stay within the lines that are here.
  const have = state.current.lines;
  const isHere =
    at !== null &&
    have.length > 0 &&
    at >= Date.parse(have[0]?.at ?? '') &&
    at <= Date.parse(have.at(-1)?.at ?? '');
  const window_ = useRef(0);
  if (at !== null && !isHere && search === '') window_.current = at;
  const around = at === null ? null : window_.current;

  useEffect(() => {
    const own = nothing(search);
    const controller = new AbortController();
    const { signal } = controller;
    let timer: number | undefined;
    const show = (): void => {
      state.current = own;
      timer ??= window.setTimeout(() => {
        timer = undefined;
        draw();
      }, drawMs);
    };
    const fetched = async (): Promise<void> => {
      const params = { run };
      const base = { attempt, limit: pageLines };
      if (search !== '') {
        const found = await ask('GET /api/runs/:run/logs', {
          params,
          query: { ...base, grep: search },
          signal,
        });
        Object.assign(own, { lines: found.lines, hasMore: found.more });
      } else if (around !== null) {
        const since = new Date(around).toISOString();
        const first = await ask('GET /api/runs/:run/logs', {
          params,
          query: { ...base, since, limit: 1 },
          signal,
        });
        const seq = first.lines[0]?.seq;
        const query =
          seq === undefined
            ? { ...base, tail }
            : { ...base, from_seq: Math.max(1, seq - pageLines / 2) };
        const found = await ask('GET /api/runs/:run/logs', { params, query, signal });
        Object.assign(own, { lines: found.lines, hasMore: found.more });
      }
      show();
    };
    if (!isFollowing) {
      fetched().catch((failure) => {
        if (signal.aborted) return;
        own.error = errorText(failure);
        show();
      });
      return () => {
        controller.abort();
        window.clearTimeout(timer);
      };
    }
    const end = subscribe({
      wish: () => {
        const last = own.lines.at(-1)?.seq;
        const from = last === undefined ? { tail } : { from_seq: last + 1 };
        return { kind: 'logs', run, attempt, begun: true, ...from };
      },
      logs(chunk) {
        const last = own.lines.at(-1)?.seq ?? 0;
        own.lines.push(...chunk.lines.filter(({ seq }) => seq > last));
        if (own.lines.length > linesMost) own.lines.splice(0, own.lines.length - linesMost);
        own.begun = chunk.begun;
        for (const { bytes } of chunk.gaps) own.lostBytes += bytes;
        own.error = '';
        show();
      },
      ended(failure) {
        own.error = failure?.message ?? '';
        if (failure !== null) show();
      },
    });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [run, attempt, search, isFollowing, around]);

  const isLoading = state.current.search !== search;
  return {
    ...(isLoading ? nothing('') : state.current),
    isLoading,
    isFollowing,
    isSearch: search !== '',
    version,
    loadBefore() {
      const own = state.current;
      const first = own.lines[0]?.seq ?? 1;
      if (first <= 1 || search !== '') return;
      const from = Math.max(1, first - pageLines);
      const query = { attempt, from_seq: from, limit: first - from };
      ask('GET /api/runs/:run/logs', { params: { run }, query }).then(
        ({ lines }) => {
          if (state.current !== own || own.lines[0]?.seq !== first) return;
          own.lines = [...lines.filter(({ seq }) => seq < first), ...own.lines];
          draw();
        },
        () => undefined,
      );
    },
  };
}
