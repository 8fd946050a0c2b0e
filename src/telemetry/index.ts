export { type Clock, every, systemClock } from './clock.ts';
export { createLogger, type Logger } from './logger.ts';
