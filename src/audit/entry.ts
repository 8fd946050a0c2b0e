/** A line of the audit log: who asked for what, from where, why, and what came of it. Fields are only ever added. */
import type { Role } from '../gate.ts';
import { fitted } from '../small.ts';

/** What of a call goes into a line. */
export type Asked = {
  /** The method of the API, or what else happened: `DaemonStarted`, `Backup`. */
  what: string;
  via: 'grpc' | 'http' | 'cli' | 'daemon';
  /** By which credential: who could open the socket, a header, a cookie of the console. */
  by: 'socket' | 'header' | 'cookie' | 'none';
  /** null: of nobody that is known. */
  role: Role | null;
  /** `address:port`, or `unix` for the socket; empty when there is no connection. */
  from: string;
  /** As the caller said it; empty: it said nothing. */
  user: string;
  /** Ids, or what the caller said instead when the call failed: at most `runsMost`. */
  runs: readonly string[];
  /** How many runs in all. */
  count: number;
  about: Readonly<Record<string, string | number | boolean>>;
  why: string;
};

export type AuditEntry = Asked & {
  v: 1;
  /** When it was answered, RFC 3339 UTC. */
  at: string;
  /** `ok`, or the code of the error. */
  outcome: string;
};

export const runsMost = 8;
/** Of a line, its end included: one write of the kernel's, whoever else appends. */
const lineMaxBytes = 4000;

/** Whatever was said is cut until the line is short enough. */
export function lineOf(entry: AuditEntry): string {
  return `${JSON.stringify(fitted(entry, lineMaxBytes - 1))}\n`;
}

/** `address:port` of a caller, as one writes it: of Node it comes without brackets, and IPv4 in the dress of IPv6. */
export function callerAt(address: string | undefined, port: string | number | undefined): string {
  if (address === undefined) return '';
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '');
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Null for what is no whole line of ours. */
export function entryOf(line: string): AuditEntry | null {
  try {
    const found = JSON.parse(line) as Partial<AuditEntry> | null;
    return typeof found?.at === 'string' && typeof found.what === 'string'
      ? { ...nothingSaid, v: 1, outcome: '', ...found, at: found.at, what: found.what }
      : null;
  } catch {
    return null;
  }
}

/** For what was not asked over a connection. */
export const nothingSaid: Omit<Asked, 'what'> = {
  via: 'daemon',
  by: 'none',
  role: null,
  from: '',
  user: '',
  runs: [],
  count: 0,
  about: {},
  why: '',
};
