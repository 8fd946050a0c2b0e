/** Which daemon is called, and how it is reached. */
import fs from 'node:fs';
import { isLoopback, resolveHome } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { discover } from './discover.ts';

export type ConnectOptions = {
  /** State directory; default: $RUNYARD_HOME or the XDG one. */
  home?: string;
  /** A UNIX socket, instead of looking for one. */
  socket?: string;
  /** What that socket leads to, for messages. */
  where?: string;
  /** `host:port`, with the token; defaults: $RUNYARD_ADDRESS where no home is named, and $RUNYARD_TOKEN. */
  address?: string;
  token?: string;
  /**
   * By whom the certificate of that address has to be signed: a PEM file, or `public` for the authorities that
   * browsers trust; default: $RUNYARD_CA. Without it, nothing is encrypted.
   */
  ca?: string;
  /** Send the token beyond this machine without encryption; default: whether $RUNYARD_INSECURE is 1. */
  insecure?: boolean;
  env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a call with one answer may take; default 10 s. */
  deadlineMs?: number;
};

export type Target = {
  address: string;
  where: string;
  token?: string | undefined;
  /** PEM of the authorities, or `public`; undefined: in the clear. */
  ca?: Buffer | 'public' | undefined;
};

/** Throws daemon_not_running, and tls_failed for what would go over the network in the clear. */
export function target(options: ConnectOptions): Target {
  const { env = process.env, socket, home } = options;
  if (socket !== undefined) return { address: `unix:${socket}`, where: options.where ?? socket };
  const address =
    options.address ?? (home === undefined ? env.RUNYARD_ADDRESS || undefined : undefined);
  if (address !== undefined) {
    const ca = options.ca ?? (env.RUNYARD_CA || undefined);
    const insecure = options.insecure ?? env.RUNYARD_INSECURE === '1';
    if (ca === undefined && !insecure) refuseClear(address);
    const token = options.token ?? env.RUNYARD_TOKEN;
    return { address, where: address, token, ca: ca === undefined ? ca : authority(ca) };
  }
  const root = home ?? resolveHome(env);
  return { address: `unix:${discover({ home: root, env }).socket}`, where: root };
}

function refuseClear(address: string): void {
  // A gRPC name of a socket, such as `unix:/run/…`, stays on this machine as well.
  if (isLoopback(address) || address.startsWith('unix:')) return;
  throw new RunyardError('tls_failed', `the token would go to ${address} in the clear`, {
    violations: [
      {
        field: 'ca',
        rule: 'is missing: who has to have signed the certificate of that address',
        hint: 'a PEM file, or `public`, by `ca` or RUNYARD_CA; without encryption: `insecure`, RUNYARD_INSECURE=1',
      },
    ],
  });
}

function authority(ca: string): Buffer | 'public' {
  if (ca === 'public') return ca;
  try {
    return fs.readFileSync(ca);
  } catch (cause) {
    const hint = 'the PEM file of the authority, or `public`';
    throw new RunyardError('tls_failed', `the file ${ca} cannot be read`, {
      cause,
      violations: [{ field: 'ca', rule: 'must be a file that can be read', hint }],
    });
  }
}
