/** What encodes and sends: for the thread that does it, since it brings OpenTelemetry's own code along. */
export { encodeMetrics, readMetricsAnswer } from './metrics.ts';
export { createSender, type Outcome, type Sender } from './sender.ts';
export { encodeSpans, readTraceAnswer, resourceOf } from './spans.ts';
