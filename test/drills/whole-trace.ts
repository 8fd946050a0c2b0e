/** Whether a trace, as Jaeger's API tells it, is the whole story of a run. */
import type { RunEvent } from '../../src/contracts/index.ts';

type Field = { key: string; value: unknown };
type Reference = { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string };
export type SpanSeen = {
  traceID: string;
  spanID: string;
  operationName: string;
  references: Reference[];
  tags: Field[];
  /** Span events. */
  logs: { fields: Field[] }[];
};
export type TraceSeen = { traceID: string; spans: SpanSeen[] };

export type Wanted = {
  traceId: string;
  /** As the registry has them. */
  events: readonly Pick<RunEvent, 'seq' | 'event' | 'from' | 'to'>[];
  attempts: number;
  /** Of the run that this one is a retry of; empty: of none. */
  retryOf: string;
};

/**
 * What is wrong, in words; empty: nothing. What was sent again, with the same ids, counts once if it is the same,
 * as it does for whoever looks at a trace.
 */
export function wrongIn(trace: TraceSeen, wanted: Wanted): string[] {
  const wrong: string[] = [];
  const { spans, changed } = distinct(trace.spans);
  wrong.push(...changed.map((id) => `span ${id} came twice, and not the same`));
  for (const { operationName: name, traceID } of spans)
    if (traceID !== wanted.traceId) wrong.push(`${name} is of trace ${traceID}`);

  const told = spans.flatMap(({ logs }) => logs.map(transitionOf));
  const expected = wanted.events.map(({ seq, event, from, to }) =>
    [seq, event, from, to].join(' '),
  );
  for (const each of expected) {
    const times = told.filter((other) => other === each).length;
    if (times !== 1) wrong.push(`transition ${each} is there ${times} times`);
  }
  for (const each of told) if (!expected.includes(each)) wrong.push(`${each} never happened`);

  const ids = new Set(spans.map(({ spanID }) => spanID));
  const roots = spans.filter((span) => parentsOf(span).length === 0);
  if (roots.length !== 1 || roots[0]?.operationName !== 'run')
    wrong.push(`without a parent: ${roots.map(({ operationName: name }) => name).join(', ')}`);
  for (const span of spans)
    for (const parent of parentsOf(span))
      if (!ids.has(parent.spanID)) wrong.push(`${span.operationName} is an orphan`);

  const attempts = spans
    .filter(({ operationName: name }) => name === 'attempt')
    .sort((a, b) => Number(tagOf(a, 'runyard.attempt')) - Number(tagOf(b, 'runyard.attempt')));
  if (attempts.length !== wanted.attempts) wrong.push(`${attempts.length} attempts`);
  attempts.forEach((span, index) => {
    const before = attempts[index - 1]?.spanID;
    const links = linksOf(span).map(({ spanID }) => spanID);
    if (before !== undefined && !links.includes(before))
      wrong.push(`attempt ${index + 1} has no link to the one before`);
  });
  const linked = roots.flatMap(linksOf).map(({ traceID }) => traceID);
  if (wanted.retryOf !== '' && !linked.includes(wanted.retryOf))
    wrong.push('no link to the run that it is a retry of');
  return wrong;
}

/** For people: what is in it. */
export function summaryOf({ traceID, spans: all }: TraceSeen): string {
  const { spans } = distinct(all);
  const count = (of: (span: SpanSeen) => unknown[]) =>
    spans.reduce((n, span) => n + of(span).length, 0);
  const again = all.length - spans.length;
  return [
    `trace ${traceID}: ${spans.length} spans`,
    `${count(({ logs }) => logs)} events`,
    `${count(linksOf)} links`,
    `${again} spans that came again`,
  ].join(', ');
}

function distinct(spans: readonly SpanSeen[]): { spans: SpanSeen[]; changed: string[] } {
  const found = new Map<string, SpanSeen>();
  const changed: string[] = [];
  for (const span of spans) {
    const same = found.get(span.spanID);
    if (same === undefined) found.set(span.spanID, span);
    else if (storyOf(same) !== storyOf(span)) changed.push(span.spanID);
  }
  return { spans: [...found.values()], changed };
}

/** Without what Jaeger itself adds to a span. */
function storyOf({ operationName, references, tags, logs }: SpanSeen): string {
  return JSON.stringify({ operationName, references, tags, logs });
}

function transitionOf({ fields }: SpanSeen['logs'][number]): string {
  const value = (key: string): unknown => fields.find((field) => field.key === key)?.value;
  const keys = ['runyard.seq', 'event', 'runyard.from', 'runyard.to'];
  return keys.map((key) => value(key) ?? '').join(' ');
}

function tagOf({ tags }: SpanSeen, key: string): unknown {
  return tags.find((tag) => tag.key === key)?.value;
}

function parentsOf({ references }: SpanSeen): Reference[] {
  return references.filter(({ refType }) => refType === 'CHILD_OF');
}

function linksOf({ references }: SpanSeen): Reference[] {
  return references.filter(({ refType }) => refType === 'FOLLOWS_FROM');
}
