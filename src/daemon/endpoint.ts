/** Where the daemon of a state directory is reached: its address file, its token, its neighbours. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import { messageOf, RunyardError } from '../errors.ts';
import type { Home } from '../persistence/index.ts';
import { identityOf, writeAtomic } from '../rundir/index.ts';

/** For a daemon that came second: who was first, and where it answers. */
export async function alreadyRunning(home: Home): Promise<RunyardError> {
  // The winner may not have written its address yet.
  const deadline = Date.now() + 2000;
  for (;;) {
    try {
      const { pid, tcp } = JSON.parse(fs.readFileSync(home.daemonFile, 'utf8')) as {
        pid: number;
        tcp: string;
      };
      const text = `a daemon runs already for ${home.root}: pid ${pid}, endpoint unix:${home.socket} and ${tcp}`;
      return new RunyardError('daemon_already_running', text);
    } catch (cause) {
      if (Date.now() > deadline) {
        const text = `a daemon is starting for ${home.root}`;
        return new RunyardError('daemon_already_running', text, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The token of TCP clients, made on first use. */
export function loadToken(file: string): string {
  if (!fs.existsSync(file)) {
    writeAtomic(file, crypto.randomBytes(32).toString('hex'), { mode: 0o600 });
  }
  return fs.readFileSync(file, 'utf8').trim();
}

/** The address that the last daemon of this directory listened on. */
export function readTcp(file: string): string | null {
  try {
    return (JSON.parse(fs.readFileSync(file, 'utf8')) as { tcp: string }).tcp;
  } catch {
    return null;
  }
}

/** The first address that works. Throws what the last one threw. */
export async function firstOf<T>(
  wanted: readonly string[],
  attempt: (address: string) => Promise<T>,
): Promise<T> {
  let error: unknown;
  for (const address of wanted) {
    try {
      return await attempt(address);
    } catch (cause) {
      error = cause;
    }
  }
  throw error instanceof Error ? error : new Error(messageOf(error));
}

/** Says where this daemon answers. */
export function writeAddress(
  home: Home,
  about: { yard: string; version: string; tcp: string },
): void {
  const { yard, version, tcp } = about;
  const address = {
    ...identityOf(process.pid),
    yard,
    version,
    socket: home.socket,
    tcp,
    token_file: home.tokenFile,
  };
  writeAtomic(home.daemonFile, JSON.stringify(address), { mode: 0o600 });
}
