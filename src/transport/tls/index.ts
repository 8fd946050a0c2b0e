/**
 * The certificate of what listens beyond loopback: read at the start, and again whenever its files change, so that a
 * renewal needs no restart. Connections that stand keep theirs.
 */
import crypto from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { messageOf, RunyardError } from '../../errors.ts';
import { type Clock, every, type Logger } from '../../telemetry/index.ts';

export type Pair = { cert: Buffer; key: Buffer };

export type Tls = {
  pair(): Pair;
  /** Whether the certificate is one for that name or address. */
  covers(host: string): boolean;
  /** How this machine is called by the certificate: a name, else an address; empty when it has neither. */
  name(): string;
  /** Tells of each other pair. What it returns ends that. */
  onRenewed(tell: (pair: Pair) => void): () => void;
  /** What somebody has to look at: new files that cannot be used, or an end that is near. */
  trouble(): string | null;
  close(): void;
};

const lookMs = 5000;
const dayMs = 86_400_000;
/** An end is near when so much is left, or less than a quarter of the whole: some are made for a day. */
const nearMs = 7 * dayMs;

type Loaded = Pair & { about: crypto.X509Certificate; seen: string };

/** Throws settings_invalid. */
export async function openTls(options: {
  cert: string;
  key: string;
  clock: Clock;
  log: Logger;
}): Promise<Tls> {
  const { cert, key, clock, log } = options;
  let loaded = await load(cert, key);
  let failure: string | null = null;
  let failed = '';
  const listeners = new Set<(pair: Pair) => void>();
  const look = async (): Promise<void> => {
    const seen = await stamp([cert, key]);
    // One file is there before the other: what does not go together yet is looked at again when that changes.
    if (seen === loaded.seen || seen === failed) return;
    try {
      loaded = await load(cert, key);
      failure = null;
      failed = '';
      log.info({ until: loaded.about.validTo }, 'the certificate was read again');
      for (const tell of listeners) tell(loaded);
    } catch (error) {
      failed = seen;
      failure = messageOf(error);
      log.warn({ err: error }, 'the new certificate cannot be used; the one before stays');
    }
  };
  let looks = false;
  const callOff = every(clock, lookMs, () => {
    // Files that are far away may not answer: Node has few threads for such questions.
    if (looks) return;
    looks = true;
    void look().finally(() => {
      looks = false;
    });
  });
  return {
    pair: () => loaded,
    covers: (host) =>
      (net.isIP(host) === 0 ? loaded.about.checkHost(host) : loaded.about.checkIP(host)) !==
      undefined,
    name: () => nameIn(loaded.about.subjectAltName ?? ''),
    onRenewed(tell) {
      listeners.add(tell);
      return () => void listeners.delete(tell);
    },
    trouble() {
      if (failure !== null) return `${failure}; the certificate from before is in use`;
      const [from, until] = [loaded.about.validFrom, loaded.about.validTo].map(Date.parse);
      const leftMs = (until ?? 0) - clock.now().wall_ms;
      if (leftMs > Math.min(nearMs, ((until ?? 0) - (from ?? 0)) / 4)) return null;
      const when = leftMs < 0 ? 'ended' : 'ends';
      return `the certificate ${cert} ${when} on ${loaded.about.validTo}`;
    },
    close: callOff,
  };
}

/** Names with a wildcard lead nowhere, and addresses of loopback no further than here. */
function nameIn(names: string): string {
  const [, name = ''] = /DNS:([A-Za-z0-9][\w.-]*)/.exec(names) ?? [];
  if (name !== '') return name;
  const addresses = [...names.matchAll(/IP Address:([\dA-Fa-f.:]+)/g)].map(([, one = '']) => one);
  const [first = ''] = addresses.filter((one) => !/^127\.|^(0:){7}1$/.test(one));
  return first.includes(':') ? `[${first}]` : first;
}

async function load(certFile: string, keyFile: string): Promise<Loaded> {
  const seen = await stamp([certFile, keyFile]);
  const [cert, key] = [await read('/tls_cert', certFile), await read('/tls_key', keyFile)];
  try {
    // Whether they belong together.
    tls.createSecureContext({ cert, key });
    return { cert, key, about: new crypto.X509Certificate(cert), seen };
  } catch (cause) {
    const text = `${certFile} and ${keyFile} are no certificate in PEM and its key without a passphrase`;
    throw new RunyardError('settings_invalid', text, { cause });
  }
}

async function read(field: string, file: string): Promise<Buffer> {
  try {
    return await fs.readFile(file);
  } catch (cause) {
    throw new RunyardError('settings_invalid', `${file} cannot be read`, {
      cause,
      violations: [{ field, rule: 'must be a file that the daemon may read', hint: '' }],
    });
  }
}

/** Another one when a file was replaced or written anew. Never rejects, nor holds up anybody: it may be far away. */
async function stamp(files: readonly string[]): Promise<string> {
  const seen = files.map(async (file) => {
    const stat = await fs.stat(file).catch(() => null);
    return stat === null ? 'none' : [stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join();
  });
  return (await Promise.all(seen)).join(' ');
}
