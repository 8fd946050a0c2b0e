// Within the page, from its very beginning: when a row or a chart was seen to change, when the first row was there,
// and tasks of more than 50 ms. Times are of the wall clock, as those of events are, but for `usefulMs`.
(() => {
  const shown = new Map();
  const read = () => {
    const now = [];
    for (const row of document.querySelectorAll('.runs [role=row]')) {
      const href = row.querySelector('a')?.getAttribute('href') ?? '';
      const run = /\/run\/(\w+)/.exec(href)?.[1];
      if (run !== undefined) now.push([run, row.children[1]?.textContent?.slice(2) ?? '']);
    }
    const chart = document.querySelector('.run-chart svg')?.getAttribute('aria-label') ?? '';
    const run = /^\/run\/(\w+)/.exec(location.pathname)?.[1];
    if (run !== undefined && chart !== '') now.push([run, chart.replace('chart of the run: ', '')]);
    return now;
  };
  const seen = { changes: [], longTasks: [], usefulMs: null, read };
  globalThis.seen = seen;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      seen.longTasks.push({ atMs: performance.timeOrigin + startTime, ms: duration });
  }).observe({ type: 'longtask' });

  // What was changed is read while its frame is made, and counts once that is done.
  const painted = new MessageChannel();
  let waiting = [];
  painted.port1.onmessage = () => {
    const atMs = Date.now();
    const rows = waiting;
    waiting = [];
    if (rows.length > 0) seen.usefulMs ??= performance.now();
    for (const [run, text] of rows) {
      if (shown.get(run) === text) continue;
      shown.set(run, text);
      seen.changes.push({ run, text, atMs });
    }
  };
  let asked = false;
  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      waiting = read();
      painted.port2.postMessage(null);
    });
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
})();
