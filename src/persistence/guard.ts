/**
 * What stands between the store and the disk: times commits, says what a failing disk means, and makes
 * room for last words from the reserve. A fault is kept until a write succeeds again, so that health can tell it.
 */
import { type ErrorCode, RunyardError } from '../errors.ts';

export type Fault = { code: ErrorCode; text: string; lasting: boolean };

export type Guard = {
  read<T>(act: () => T): T;
  /** A write that may be refused on a full disk. Throws disk_full, registry_unavailable. */
  write<T>(act: () => T): T;
  /** A write that ends something, and may use up the reserve. */
  lastWord<T>(act: () => T): T;
  fault(): Fault | null;
};

export type GuardOptions = {
  /** The registry's file, for the texts. */
  file: string;
  freeBytes: () => number;
  /** Gives some space back; false when there is none to give. */
  makeRoom: () => boolean;
  /** Told of each committed transaction, and how long it took. */
  onCommit: (ms: number) => void;
};

/** SQLite says `IOERR` where it could not enlarge its files, too: with less than this it was the space. */
const fullBytes = 1 << 20;

export function createGuard(options: GuardOptions): Guard {
  const { file } = options;
  let fault: Fault | null = null;

  const failed = (error: unknown): unknown => {
    const found = faultOf(error, file, options.freeBytes);
    if (found === null) return error;
    // Damage does not heal by a write elsewhere that succeeds.
    if (fault?.lasting !== true) fault = found;
    return new RunyardError(found.code, found.text, { cause: error });
  };
  const commit = <T>(act: () => T): T => {
    const from = performance.now();
    const result = act();
    if (fault?.lasting === false) fault = null;
    options.onCommit(performance.now() - from);
    return result;
  };
  return {
    read(act) {
      try {
        return act();
      } catch (error) {
        throw failed(error);
      }
    },
    write(act) {
      try {
        return commit(act);
      } catch (error) {
        throw failed(error);
      }
    },
    lastWord(act) {
      for (;;) {
        try {
          return commit(act);
        } catch (error) {
          const failure = failed(error);
          const full = failure instanceof RunyardError && failure.code === 'disk_full';
          if (!full || !options.makeRoom()) throw failure;
        }
      }
    },
    fault: () => fault,
  };
}

/** No guard at all, for a store of which nobody wants to know how it does. */
export const unguarded: Guard = {
  read: (act) => act(),
  write: (act) => act(),
  lastWord: (act) => act(),
  fault: () => null,
};

/** What an error of SQLite says about the disk; null when it says nothing about it. */
export function faultOf(error: unknown, file: string, freeBytes: () => number): Fault | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isIo = code.startsWith('SQLITE_IOERR');
  if (code.startsWith('SQLITE_FULL') || (isIo && freeBytes() < fullBytes)) {
    return { code: 'disk_full', text: `the disk is full: ${file} cannot grow`, lasting: false };
  }
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) {
    const text = `the registry ${file} is damaged; end the daemon, then: runyard up --rebuild-registry`;
    return { code: 'registry_corrupt', text, lasting: true };
  }
  if (isIo || /^SQLITE_(READONLY|CANTOPEN|BUSY|LOCKED|NOMEM|PROTOCOL)/.test(code)) {
    const text = `the registry ${file} cannot be read or written (${code})`;
    return { code: 'registry_unavailable', text, lasting: false };
  }
  return null;
}
