/** Where the daemon of a state directory is reached: its address file, its token, its neighbours. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { messageOf, RunyardError } from '../errors.ts';
import type { Home } from '../persistence/index.ts';
import { type Identity, identityOf, isAlive, writeAtomic } from '../rundir/index.ts';
import type { StreamOwner } from '../transport/nats/index.ts';

/** How long one that came second waits until the first has written down who it is. */
const ownerWaitMs = 2000;
const ownerPollMs = 20;

/** How long one that comes while its predecessor ends waits for that end. */
const endingMaxMs = 60_000;

type Owner = Identity & { socket?: string; tcp?: string; ending?: boolean };

/** Writes down, right after the lock was taken and long before anything is served, who has it. */
export function noteOwner(home: Home): void {
  const about = { ...identityOf(process.pid), socket: home.socket };
  try {
    writeAtomic(home.lockOwner, JSON.stringify(about), { mode: 0o600 });
  } catch (error) {
    // No reason not to start: the reserve makes room for what is needed, and the address comes later.
    if (!(error instanceof RunyardError && error.code === 'disk_full')) throw error;
    fs.rmSync(home.lockOwner, { force: true });
  }
}

/** Writes down, before it serves no longer, that its end has begun. Whatever the disk says, it goes on to end. */
export function noteEnding(home: Home): void {
  const about = { ...identityOf(process.pid), socket: home.socket, ending: true };
  try {
    writeAtomic(home.lockOwner, JSON.stringify(about), { mode: 0o600 });
  } catch {
    // Who comes meanwhile is told that a daemon runs, and tries again.
  }
}

/**
 * Takes what an ending predecessor still holds as soon as it is free; null when its holder is not about to
 * end. Somebody who saw a daemon fall silent, from another machine say, may start the next one at once.
 */
export async function takeAfter<T>(home: Home, take: () => T | null): Promise<T | null> {
  const deadline = Date.now() + endingMaxMs;
  for (;;) {
    const taken = take();
    const waits = taken === null && Date.now() < deadline;
    if (!waits || liveIdentity(home.lockOwner)?.ending !== true) return taken ?? take();
    await new Promise((resolve) => setTimeout(resolve, ownerPollMs));
  }
}

/** For a daemon that came second: who was first, and where it answers, or will. */
export async function alreadyRunning(home: Home): Promise<RunyardError> {
  const deadline = Date.now() + ownerWaitMs;
  for (;;) {
    const owner = liveIdentity(home.lockOwner) ?? liveIdentity(home.daemonFile);
    if (owner !== null) {
      // The address of a predecessor is that of somebody else.
      const address = liveIdentity(home.daemonFile);
      const tcp =
        address?.pid === owner.pid ? ` and ${address.tcp}` : ', which it is about to open';
      const text = `a daemon runs already for ${home.root}: pid ${owner.pid}, endpoint unix:${home.socket}${tcp}`;
      return new RunyardError('daemon_already_running', text);
    }
    if (Date.now() > deadline) {
      return new RunyardError('daemon_already_running', `a daemon is starting for ${home.root}`);
    }
    await new Promise((resolve) => setTimeout(resolve, ownerPollMs));
  }
}

/** What a process wrote about itself that still lives; null when there is none. */
function liveIdentity(file: string): Owner | null {
  try {
    const about = JSON.parse(fs.readFileSync(file, 'utf8')) as Owner;
    return isAlive(about) ? about : null;
  } catch {
    return null;
  }
}

/** The token of TCP clients, made on first use. */
export function loadToken(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : makeToken(file);
}

/** A new token, on the disk in place of the one before. */
export function makeToken(file: string): string {
  const token = crypto.randomBytes(32).toString('hex');
  writeAtomic(file, token, { mode: 0o600, sync: true });
  return token;
}

/** Who this state directory is to others that use the same nats-server. */
export function streamOwner(home: Home): StreamOwner {
  const file = path.join(home.bus, 'owner');
  if (!fs.existsSync(file)) writeAtomic(file, crypto.randomUUID(), { mode: 0o600 });
  return {
    id: fs.readFileSync(file, 'utf8').trim(),
    place: `${os.hostname()}:${home.root}`,
  };
}

/** The addresses that the last daemon of this directory listened on. */
export function readAddress(file: string): { tcp?: string; console?: string } {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as { tcp?: string; console?: string };
  } catch {
    return {};
  }
}

/** What to try, in turn: an address that was not chosen stays the same over restarts while it can. */
export function addressesFor(listen: string, before: string | undefined): string[] {
  const isSame =
    before !== undefined && listen.endsWith(':0') && before.startsWith(listen.slice(0, -1));
  return isSame ? [before, listen] : [listen];
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
  about: { yard: string; version: string; tcp: string; console: string },
): void {
  const { tcp, console, ...rest } = about;
  const address = {
    ...identityOf(process.pid),
    ...rest,
    socket: home.socket,
    tcp,
    console,
    token_file: home.tokenFile,
  };
  writeAtomic(home.daemonFile, JSON.stringify(address), { mode: 0o600 });
}
