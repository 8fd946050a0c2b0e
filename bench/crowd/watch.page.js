// Within the page: when which row was last seen to change, and tasks of more than 50 ms.
(() => {
  const seen = { states: {}, longMs: [] };
  globalThis.seen = seen;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.longMs.push(duration);
  }).observe({ type: 'longtask' });
  const look = () => {
    // What was changed now is on the screen with the next frame.
    requestAnimationFrame(() => {
      const atMs = Date.now();
      for (const row of document.querySelectorAll('[role=row]')) {
        const href = row.querySelector('a')?.getAttribute('href') ?? '';
        const run = /\/run\/(\w+)/.exec(href)?.[1];
        const text = row.children[1]?.textContent ?? '';
        if (run === undefined) continue;
        seen.states[run] ??= [];
        if (seen.states[run].at(-1)?.text !== text) seen.states[run].push({ text, atMs });
      }
    });
  };
  const rows = document.querySelector('[role=grid]') ?? document.body;
  new MutationObserver(look).observe(rows, { subtree: true, childList: true, characterData: true });
})();
