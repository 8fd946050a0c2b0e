/** Keys of the page that is open, and of all pages: pressed anywhere but in a field, listed by `?`. */
import { useEffect, useRef } from 'react';
import { createStore } from 'zustand/vanilla';

export type Key = {
  /** As `KeyboardEvent.key` has it; two in a row with a space between: `g r`. */
  keys: string;
  label: string;
  run(): void;
};

/** Layers, the newest first: a page's own before those of all pages. */
export const keysStore = createStore<{ layers: readonly (readonly Key[])[]; open: boolean }>(
  () => ({
    layers: [],
    open: false,
  }),
);

/** How long the first of two keys is remembered. */
const secondMs = 1200;
let first = '';
let firstAt = 0;

/** `keys` may be a new list at each rendering: what is pressed runs the last one. */
export function useKeys(keys: readonly Key[]): void {
  const last = useRef(keys);
  last.current = keys;
  const shape = keys.map(({ keys: name, label }) => `${name}\t${label}`).join('\n');
  useEffect(() => {
    if (shape === '') return;
    const layer = shape.split('\n').map((line, index): Key => {
      const [name = '', label = ''] = line.split('\t');
      return { keys: name, label, run: () => last.current[index]?.run() };
    });
    keysStore.setState(({ layers }) => ({ layers: [layer, ...layers] }));
    return () => {
      keysStore.setState(({ layers }) => ({ layers: layers.filter((each) => each !== layer) }));
    };
  }, [shape]);
}

export function listenForKeys(): void {
  window.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (isTyping(target)) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    // A dialog keeps its keys to itself, and so does a button that is pressed by them.
    if (document.querySelector('[role=dialog]') !== null) return;
    if (['Enter', ' '].includes(event.key) && target.matches('button, a, summary, [role=tab]'))
      return;
    const now = performance.now();
    const pair = now - firstAt < secondMs ? `${first} ${event.key}` : '';
    const found = (pair === '' ? undefined : find(pair)) ?? find(event.key);
    first = event.key;
    firstAt = now;
    if (found === undefined) return;
    first = '';
    event.preventDefault();
    found.run();
  });
}

function find(name: string): Key | undefined {
  return keysStore
    .getState()
    .layers.flat()
    .find(({ keys }) => keys === name);
}

function isTyping(target: HTMLElement): boolean {
  return target.isContentEditable || target.matches('input:not([type=checkbox]), textarea, select');
}
