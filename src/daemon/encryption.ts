/** What is encrypted: each door that listens beyond loopback, once there is a certificate. */
import net from 'node:net';
import os from 'node:os';
import { hostOf, isLoopback, type Settings } from '../contracts/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import { openTls, type Tls } from '../transport/tls/index.ts';

export type Encryption = {
  /** For what listens there; null: in the clear. */
  of(listen: string): Tls | null;
  trouble(): string | null;
  /** Of the doors, by the names that health has for them. */
  doors(): string[];
  close(): void;
};

/** Throws settings_invalid for files that are no certificate and its key. */
export async function openEncryption(
  settings: Settings,
  clock: Clock,
  log: Logger,
): Promise<Encryption> {
  const { tls_cert: cert, tls_key: key, listen, console_listen } = settings;
  const leaves = (address: string): boolean => address !== 'off' && !isLoopback(address);
  const isWanted = cert !== '' && (leaves(listen) || leaves(console_listen));
  const tls = isWanted ? await openTls({ cert, key, clock, log }) : null;
  return {
    of: (address) => (leaves(address) ? tls : null),
    trouble: () => tls?.trouble() ?? null,
    doors: () => [
      ...(tls !== null && leaves(listen) ? ['tcp'] : []),
      ...(tls !== null && leaves(console_listen) ? ['console'] : []),
    ],
    close: () => tls?.close(),
  };
}

/**
 * By which names the page may be asked for. A name that leads here and is none of the certificate's is somebody
 * else's; without a certificate only an address cannot be a name that was turned to us.
 */
export function calledBy(listen: string, tls: Tls | null): (host: string) => boolean {
  if (isLoopback(listen)) return () => false;
  if (tls !== null) return tls.covers;
  const own = os.hostname().toLowerCase();
  return (host) => net.isIP(host) !== 0 || host.toLowerCase() === own;
}

/** What to open: an address that others can use, under which the certificate is good. */
export function shownAddress(bound: string, tls: Tls | null): string {
  const host = hostOf(bound);
  const isAll = ['0.0.0.0', '::'].includes(host);
  if (!isAll && (tls === null || tls.covers(host))) return bound;
  const name = tls?.name() || (isAll ? os.hostname() : host);
  return `${name}${bound.slice(bound.lastIndexOf(':'))}`;
}
