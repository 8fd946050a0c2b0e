export { type Clock, every, systemClock } from './clock.ts';
export { createLatency, type Latency } from './latency.ts';
export { createLogger, type Logger } from './logger.ts';
