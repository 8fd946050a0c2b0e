export { type Clock, systemClock } from './clock.ts';
export { createLogger, type Logger } from './logger.ts';
