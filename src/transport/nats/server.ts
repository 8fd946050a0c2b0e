/** The daemon's own nats-server: on loopback, detached so that it outlives the daemon, found again by identity. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { RunyardError } from '../../errors.ts';
import { type Identity, identityOf, isAlive, writeAtomic } from '../../rundir/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { streamNames } from './names.ts';

export type BusCredentials = { user: string; password: string };
export type AllCredentials = Record<'daemon' | 'worker' | 'reader', BusCredentials>;
export type Address = { url: string; port: number; identity: Identity };

export type BusServer = {
  readonly addressFile: string;
  readonly credentialsFile: string;
  readonly credentials: AllCredentials;
  /** Starts the server, or finds the live one. Returns its address. */
  ensure(): Promise<Address>;
  /** Ends it, and waits until it is gone. */
  stop(): Promise<void>;
};

export type BusServerOptions = {
  dir: string;
  yard: string;
  binary: string;
  /** Below the free disk: a stream on a full disk stays dead until the server restarts. */
  maxFileBytes: number;
  log: Logger;
};

const readyMs = 15_000;
const stopMs = 5_000;

export function createBusServer(options: BusServerOptions): BusServer {
  const { dir, yard, binary, log } = options;
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const addressFile = path.join(dir, 'address.json');
  const credentialsFile = path.join(dir, 'credentials.json');
  const credentials = loadCredentials(credentialsFile);
  const configFile = path.join(dir, 'nats.conf');

  const known = (): Address | null => {
    try {
      return JSON.parse(fs.readFileSync(addressFile, 'utf8')) as Address;
    } catch {
      return null;
    }
  };

  const start = async (wanted: number): Promise<Address> => {
    const port = (await isFree(wanted)) ? wanted : await freePort();
    writeAtomic(configFile, configOf({ ...options, port, credentials }), { mode: 0o600 });
    const child = execa(binary, ['-c', configFile], {
      detached: true,
      cleanup: false,
      stdio: 'ignore',
      reject: false,
      buffer: false,
      env: { PATH: process.env.PATH ?? '', HOME: dir },
      extendEnv: false,
    });
    child.nodeChildProcess.unref();
    let ended = false;
    void child.then(() => {
      ended = true;
    });
    const identity = child.pid === undefined ? null : identityOf(child.pid);
    const deadline = Date.now() + readyMs;
    while (identity !== null && !ended && Date.now() < deadline) {
      if (await accepts(port)) {
        const address = { url: `nats://127.0.0.1:${port}`, port, identity };
        writeAtomic(addressFile, JSON.stringify(address), { mode: 0o600 });
        log.info({ pid: identity.pid, port, yard }, 'bus started');
        return address;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new RunyardError('bus_unavailable', `nats-server did not start; see ${dir}/nats.log`);
  };

  return {
    addressFile,
    credentialsFile,
    credentials,
    async ensure() {
      const address = known();
      if (address !== null && isAlive(address.identity)) return address;
      return start(address?.port ?? 0);
    },
    async stop() {
      const address = known();
      if (address === null || !isAlive(address.identity)) return;
      process.kill(address.identity.pid, 'SIGTERM');
      const deadline = Date.now() + stopMs;
      while (isAlive(address.identity)) {
        if (Date.now() > deadline) process.kill(address.identity.pid, 'SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

function loadCredentials(file: string): AllCredentials {
  if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8')) as AllCredentials;
  const make = (user: string): BusCredentials => ({
    user,
    password: crypto.randomBytes(24).toString('hex'),
  });
  const made = { daemon: make('daemon'), worker: make('worker'), reader: make('reader') };
  writeAtomic(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/**
 * Two accounts: a publisher's reply subject is not checked against its permissions, and JetStream sends
 * its acknowledgement there with the power of its own account. So workers live in another account, which
 * imports just the subjects they write and the look-up of their own last message.
 */
function configOf(input: BusServerOptions & { port: number; credentials: AllCredentials }): string {
  const { yard, port, dir, credentials, maxFileBytes } = input;
  const streams = streamNames(yard);
  const written = ['facts', 'metrics', 'logs', 'artifacts', 'beat'].map((kind) => `${yard}.runs.*.${kind}`);
  const lookups = (['logs', 'metrics'] as const).map(
    (kind) => `$JS.API.DIRECT.GET.${streams[kind]}.${yard}.runs.*.${kind}`,
  );
  const services = [...written, ...lookups];
  const list = (items: readonly string[]): string => items.map((item) => JSON.stringify(item)).join(', ');
  const user = ({ user, password }: BusCredentials): string => `user: ${user}, password: "${password}"`;
  const read = Object.values(streams).flatMap((stream) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ]);
  return `# Written by the daemon at each start of the server: edits are lost.
listen: "127.0.0.1:${port}"
server_name: "runyard-${yard}"
pid_file: ${JSON.stringify(path.join(dir, 'nats.pid'))}
log_file: ${JSON.stringify(path.join(dir, 'nats.log'))}
logfile_size_limit: 16MB
max_payload: 1MB
jetstream {
  store_dir: ${JSON.stringify(path.join(dir, 'store'))}
  max_mem: 16MB
  max_file: ${Math.floor(maxFileBytes)}
  # An acknowledged message survives a power loss.
  sync_interval: always
}
accounts {
  YARD {
    jetstream: enabled
    users: [
      { ${user(credentials.daemon)} }
      { ${user(credentials.reader)}, permissions: {
          publish: [${list(['$JS.API.INFO', '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST', ...read])}]
          subscribe: ["_INBOX.>", ${list([`${yard}.runs.>`])}]
      } }
    ]
    exports: [${services.map((service) => `{ service: "${service}" }`).join(', ')}]
  }
  WORKERS {
    users: [ { ${user(credentials.worker)}, permissions: {
        publish: [${list(services)}]
        subscribe: ["_INBOX.>"]
    } } ]
    imports: [${services.map((s) => `{ service: { account: YARD, subject: "${s}" } }`).join(', ')}]
  }
  SYS {}
}
system_account: SYS
`;
}

function isFree(port: number): Promise<boolean> {
  if (port === 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
