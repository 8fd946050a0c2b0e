/** The configuration and the credentials of the daemon's own nats-server. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import { writeAtomic } from '../../rundir/index.ts';
import { type AllCredentials, accountsText, type BusCredentials } from './accounts.ts';
import type { KeptReader } from './readers.ts';

export type ServerConfig = {
  dir: string;
  yard: string;
  port: number;
  maxFileBytes: number;
  credentials: AllCredentials;
  readers: readonly KeptReader[];
};

/** Users that are always there: no reader may have such a name. */
export const reservedUsers = ['daemon', 'worker', 'reader', 'system'] as const;

/** Reads the generated passwords, and generates those that are not there. The file is private to the user. */
export function loadCredentials(file: string): AllCredentials {
  let kept: Partial<AllCredentials> = {};
  if (fs.existsSync(file)) {
    try {
      kept = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<AllCredentials>;
    } catch (cause) {
      throw new RunyardError('bus_unavailable', `${file} cannot be read`, { cause });
    }
  }
  const make = (user: string): BusCredentials => ({
    user,
    password: crypto.randomBytes(24).toString('hex'),
  });
  const entries = reservedUsers.map((user) => [user, kept[user] ?? make(user)]);
  const whole = Object.fromEntries(entries) as AllCredentials;
  if (reservedUsers.some((user) => kept[user] === undefined))
    writeAtomic(file, JSON.stringify(whole), { mode: 0o600 });
  return whole;
}

export function configText(config: ServerConfig): string {
  const { yard, port, dir, credentials, maxFileBytes, readers } = config;
  return `# Written by the daemon: edits are lost.
listen: "127.0.0.1:${port}"
server_name: "runyard-${yard}"
pid_file: ${JSON.stringify(path.join(dir, 'nats.pid'))}
log_file: ${JSON.stringify(path.join(dir, 'nats.log'))}
logfile_size_limit: 16MB
logfile_max_num: 3
max_payload: 1MB
jetstream {
  store_dir: ${JSON.stringify(path.join(dir, 'store'))}
  # Ordered consumers keep their state in memory; nothing else is stored there.
  max_mem: 16MB
  max_file: ${Math.floor(maxFileBytes)}
  # An acknowledged message survives a power loss.
  sync_interval: always
}
${accountsText(yard, credentials, readers)}`;
}
