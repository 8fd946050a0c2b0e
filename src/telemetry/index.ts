export { type Clock, every, systemClock } from './clock.ts';
export { createLatency, type Latency } from './latency.ts';
export { createLogger, type Logger, lostLines } from './logger.ts';
export { type OtlpOptions, otlpOptions, type Target } from './otlp/options.ts';
export {
  attemptSpanId,
  readTraceparent,
  runSpanId,
  type TraceOf,
  traceparentOf,
  visitSpanId,
} from './trace-ids.ts';
