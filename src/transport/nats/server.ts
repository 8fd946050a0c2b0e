/** The daemon's own nats-server: on loopback, detached so that it outlives the daemon, found again by identity. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import { type Identity, identityOf, isAlive, writeAtomic } from '../../rundir/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { AllCredentials } from './accounts.ts';
import { type KeptReader, readerFile, unexpired } from './readers.ts';
import { reload } from './reload.ts';
import { configText, loadCredentials } from './server-config.ts';

export type Address = { url: string; port: number; identity: Identity };

export type BusServer = {
  readonly addressFile: string;
  readonly credentialsFile: string;
  readonly credentials: AllCredentials;
  /** Starts the server, or finds the live one. Returns its address. Calls at the same time share it. */
  ensure(): Promise<Address>;
  /** Who was given a credential for reading. */
  readers(): KeptReader[];
  /**
   * Stores who may read from now on; resolves when a live server has it in force: who is not among them any
   * more is cut off. Throws bus_unavailable when the live server did not take it up: it is tried again.
   */
  setReaders(readers: readonly KeptReader[]): Promise<void>;
  /** Ends it, and waits until it is gone. */
  stop(): Promise<void>;
};

export type BusServerOptions = {
  dir: string;
  yard: string;
  binary: string;
  /**
   * Below the free disk: a stream on a full disk stays dead until the server restarts. Never lowered once
   * set: streams have reserved their shares, and would be refused at the next start.
   */
  maxFileBytes: number;
  log: Logger;
};

const readyMs = 15_000;
/** How long a live but silent server may take to answer before it is replaced. */
const answerMs = 10_000;
const stopMs = 5_000;

export function createBusServer(options: BusServerOptions): BusServer {
  const { dir, yard, binary, log } = options;
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const addressFile = path.join(dir, 'address.json');
  const credentialsFile = path.join(dir, 'credentials.json');
  const credentials = loadCredentials(credentialsFile);
  const configFile = path.join(dir, 'nats.conf');
  const kept = readerFile(dir);
  let ensuring: Promise<Address> | null = null;
  /** Whether the live server was seen to have the configuration that is wanted. */
  let inForce = false;
  let changing: Promise<void> = Promise.resolve();

  const known = (): Address | null => {
    try {
      return JSON.parse(fs.readFileSync(addressFile, 'utf8')) as Address;
    } catch {
      return null;
    }
  };

  const writeConfig = (port: number, maxFileBytes: number): void => {
    const readers = unexpired(kept.read(), Date.now());
    const config = configText({ ...options, maxFileBytes, port, credentials, readers });
    writeAtomic(configFile, config, { mode: 0o600 });
  };

  const start = async (wanted: number): Promise<Address> => {
    await endStray(dir, configFile, log);
    const port = (await isFree(wanted)) ? wanted : await freePort();
    writeConfig(port, Math.max(options.maxFileBytes, keptLimit(configFile)));
    inForce = true;
    // Not with the rest: a worker loads this folder too, and starts no server.
    const { execa } = await import('execa');
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
    failpoint('bus.spawned');
    if (identity !== null) {
      const address = { url: `nats://127.0.0.1:${port}`, port, identity };
      // Before it is ready: a daemon that dies now leaves a server that the next one finds.
      writeAtomic(addressFile, JSON.stringify(address), { mode: 0o600 });
      if (await ready(port, readyMs, () => !ended)) {
        failpoint('bus.ready');
        log.info({ pid: identity.pid, port, yard }, 'bus started');
        return address;
      }
      await end(identity);
    }
    throw new RunyardError('bus_unavailable', `nats-server did not start; see ${dir}/nats.log`);
  };

  /** With the limits it was started with: those of the storage are not to change while it runs. */
  const reconfigure = async (address: Address): Promise<void> => {
    inForce = false;
    writeConfig(address.port, keptLimit(configFile) || options.maxFileBytes);
    await reload(address, credentials.system);
    inForce = true;
  };

  const change = async (readers: readonly KeptReader[]): Promise<void> => {
    kept.write(readers);
    failpoint('readers.kept');
    // One that is being started has read, or will read, the file; which of both nobody knows.
    await ensuring?.catch(() => undefined);
    const address = known();
    if (address !== null && isAlive(address.identity)) await reconfigure(address);
  };

  const findOrStart = async (): Promise<Address> => {
    const address = known();
    if (address !== null && isAlive(address.identity)) {
      const alive = (): boolean => isAlive(address.identity);
      if (await ready(address.port, answerMs, alive)) {
        // Who may read may have changed just before an earlier daemon died, or while there was none.
        if (!inForce) await reconfigure(address).catch((error) => log.error({ err: error }, 'bus'));
        return address;
      }
      log.warn({ pid: address.identity.pid }, 'bus does not answer: replaced');
      await end(address.identity);
    }
    return start(address?.port ?? 0);
  };

  return {
    addressFile,
    credentialsFile,
    credentials,
    ensure() {
      ensuring ??= findOrStart().finally(() => {
        ensuring = null;
      });
      return ensuring;
    },
    readers: kept.read,
    setReaders(readers) {
      const changed = changing.then(() => change(readers));
      changing = changed.catch(() => undefined);
      return changed;
    },
    async stop() {
      await changing;
      await ensuring?.catch(() => undefined);
      const address = known();
      if (address !== null) await end(address.identity);
      await endStray(dir, configFile, log);
    },
  };
}

/** Whether a nats-server greets on the port before the time is over; `going` false ends the wait. */
async function ready(port: number, withinMs: number, going: () => boolean): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (going() && Date.now() < deadline) {
    if (await accepts(port, deadline - Date.now())) return going();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

async function end(identity: Identity): Promise<void> {
  const killAt = Date.now() + stopMs;
  let signal: NodeJS.Signals | null = null;
  while (isAlive(identity)) {
    const wanted = Date.now() < killAt ? 'SIGTERM' : 'SIGKILL';
    try {
      if (signal !== wanted) process.kill(identity.pid, wanted);
    } catch {
      // It ended by itself meanwhile.
    }
    signal = wanted;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Ends a server of this directory that no address file tells of, before another one starts: two on one
 * store would destroy it. Known by the pid that it wrote itself and by its command line.
 */
async function endStray(dir: string, configFile: string, log: Logger): Promise<void> {
  try {
    const pid = Number(fs.readFileSync(path.join(dir, 'nats.pid'), 'utf8'));
    const identity = identityOf(pid);
    if (identity === null || !isAlive(identity)) return;
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (!command.includes(configFile)) return;
    log.warn({ pid }, 'a bus that no address file tells of is ended');
    await end(identity);
  } catch {
    // No pid file, or no such process.
  }
}

/** The storage limit of the last start, or 0. */
function keptLimit(configFile: string): number {
  try {
    return Number(/^ *max_file: (\d+)$/m.exec(fs.readFileSync(configFile, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
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

/** A stopped server's kernel accepts too, so its greeting counts. */
function accepts(port: number, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const finish = (accepted: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(() => finish(false), Math.max(1, withinMs));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('data', (data) => finish(data.toString('latin1').startsWith('INFO ')));
  });
}
