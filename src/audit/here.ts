/** What the command line does to a state directory without a daemon: said in the same log. */
import fs from 'node:fs';
import { RunyardError } from '../errors.ts';
import { type Asked, lineOf, nothingSaid } from './entry.ts';
import { auditFiles } from './places.ts';

/** Runs `act`, and writes down what came of it; a log that takes nothing stops nobody. */
export async function recording<T>(
  root: string,
  asked: Pick<Asked, 'what' | 'user'> & Partial<Asked>,
  act: () => Promise<T>,
): Promise<T> {
  const note = (outcome: string): void => {
    const entry = { v: 1 as const, at: new Date().toISOString(), ...nothingSaid, ...asked };
    try {
      append(root, lineOf({ ...entry, via: 'cli', role: 'operator', outcome }));
    } catch {
      // Whoever may do this here may write into that file as well, or take it away.
    }
  };
  try {
    const done = await act();
    note('ok');
    return done;
  } catch (error) {
    note(error instanceof RunyardError ? error.code : 'internal');
    throw error;
  }
}

function append(root: string, line: string): void {
  const [file = ''] = auditFiles(root);
  const { uid, gid } = fs.statSync(root);
  const fd = fs.openSync(file, 'a', 0o600);
  try {
    // By root for somebody else's daemon, which has to go on writing it.
    if (fs.fstatSync(fd).uid !== uid) fs.fchownSync(fd, uid, gid);
    fs.writeSync(fd, line);
  } finally {
    fs.closeSync(fd);
  }
}
