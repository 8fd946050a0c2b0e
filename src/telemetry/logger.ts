/** Structured logs: object first, constant message, data in fields; whole cause chains. */
import fs from 'node:fs';
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
    options.destination ?? lossy(1),
  );
}

/**
 * Writes at once, and loses what cannot be written, counted. Pino's own destination ends the process on a
 * full disk, or keeps every line in memory, or spins at the exit until there is space.
 */
/** Lines that this process could not write so far. */
export function lostLines(): number {
  return lostInAll;
}

let lostInAll = 0;

export function lossy(fd: number): DestinationStream {
  let lost = 0;
  let torn = false;
  const put = (text: string): boolean => {
    try {
      const bytes = Buffer.byteLength(text);
      const written = fs.writeSync(fd, text);
      torn = written < bytes;
      return !torn;
    } catch {
      return false;
    }
  };
  return {
    write(line) {
      const told = lost === 0 ? '' : `{"level":40,"msg":"log lines were lost","lost":${lost}}\n`;
      const written = put(`${torn ? '\n' : ''}${told}${line}`);
      lost = written ? 0 : lost + 1;
      if (!written) lostInAll += 1;
    },
  };
}
