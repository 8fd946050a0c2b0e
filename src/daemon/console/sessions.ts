/**
 * Who is logged in to the console. A link is good for one exchange, and lives in memory alone; the session that
 * it is exchanged for is kept, so that a page goes on after the daemon was replaced. Only hashes are kept.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import type { Role } from '../../gate.ts';
import { writeAtomic } from '../../rundir/index.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { SessionMade, Sessions } from '../../transport/http/index.ts';

type Kept = { hash: string; csrf: string; role: Role; expires_at: string };
type File = { id: string; sessions: Kept[] };

export const linkLifeMs = 5 * 60_000;
const sessionLifeMs = 7 * 86_400_000;
/** More than anybody has open; the oldest go first. */
const most = 100;

export type ConsoleSessions = Sessions & {
  /** A secret that is exchanged once, within `linkLifeMs`, for a session of this role. */
  link(role: Role): { secret: string; expires_at: string };
  /** Ends all of them, and links that were not used yet. Returns how many sessions there were. */
  endAll(): number;
};

export function createSessions(options: {
  file: string;
  clock: Clock;
  log: Logger;
}): ConsoleSessions {
  const { file, clock, log } = options;
  const links = new Map<string, { role: Role; untilMs: number }>();
  const kept = read(file, log);
  const save = (sessions: Kept[]): void => {
    writeAtomic(file, JSON.stringify({ id: kept.id, sessions }), { mode: 0o600 });
    kept.sessions = sessions;
  };
  const live = (): Kept[] => kept.sessions.filter(({ expires_at: at }) => at > clock.iso());
  const find = (secret: string): Kept | undefined => {
    const hash = hashOf(secret);
    return live().find((session) => same(session.hash, hash));
  };
  return {
    // Cookies are told apart by host and name, not by port: each yard has its own name.
    cookieName: `runyard_${kept.id}`,
    link(role) {
      const now = clock.now();
      for (const [hash, { untilMs }] of links) if (untilMs <= now.mono_ms) links.delete(hash);
      const [oldest] = links.keys();
      if (links.size >= most && oldest !== undefined) links.delete(oldest);
      const secret = newSecret();
      links.set(hashOf(secret), { role, untilMs: now.mono_ms + linkLifeMs });
      return { secret, expires_at: new Date(now.wall_ms + linkLifeMs).toISOString() };
    },
    exchange(secret): SessionMade | null {
      const hash = hashOf(secret);
      const link = links.get(hash);
      if (link === undefined || link.untilMs <= clock.now().mono_ms) return null;
      const made = { secret: newSecret(), csrf: newSecret() };
      const expires_at = new Date(clock.now().wall_ms + sessionLifeMs).toISOString();
      const session: Kept = {
        hash: hashOf(made.secret),
        csrf: hashOf(made.csrf),
        role: link.role,
        expires_at,
      };
      // Used when it was used, whatever becomes of the session.
      links.delete(hash);
      save([...live(), session].slice(-most));
      return { ...made, role: link.role, expires_at, max_age_s: sessionLifeMs / 1000 };
    },
    find(secret) {
      const session = find(secret);
      if (session === undefined) return null;
      return { role: session.role, expires_at: session.expires_at };
    },
    isCsrf(secret, csrf) {
      const session = find(secret);
      return session !== undefined && same(session.csrf, hashOf(csrf));
    },
    end(secret) {
      const session = find(secret);
      if (session !== undefined) save(live().filter((other) => other !== session));
    },
    endAll() {
      const ended = live().length;
      links.clear();
      save([]);
      return ended;
    },
  };
}

const lost = 'the sessions of the console are lost; log in again: runyard console';

function read(file: string, log: Logger): File {
  try {
    if (fs.existsSync(file)) {
      const { id, sessions } = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<File>;
      if (typeof id === 'string' && Array.isArray(sessions)) return { id, sessions };
      log.warn({}, lost);
    }
  } catch (error) {
    log.warn({ err: error }, lost);
  }
  return { id: crypto.randomBytes(4).toString('hex'), sessions: [] };
}

function newSecret(): string {
  return crypto.randomBytes(32).toString('base64url');
}

function hashOf(secret: string): string {
  return crypto.createHash('sha256').update(secret).digest('hex');
}

function same(a: string, b: string): boolean {
  return a.length === b.length && crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
