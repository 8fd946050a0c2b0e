/** Structured logs: object first, constant message, data in fields; whole cause chains. */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

export type { Logger } from 'pino';

/** A logger writing JSON lines to `destination` (default: stdout). Level from RUNYARD_LOG or info. */
export function createLogger(
  name: string,
  options: { destination?: DestinationStream; level?: string } = {},
): Logger {
  return pino(
    {
      name,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: stdSerializers.errWithCause },
      redact: ['env', '*.env', 'token', '*.token', 'password', '*.password'],
    },
    ...(options.destination === undefined ? [] : [options.destination]),
  );
}
