/** The state directory: its layout, and the checks that it can hold state at all. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { RunyardError } from '../errors.ts';

export type Home = {
  readonly root: string;
  readonly registry: string;
  readonly lock: string;
  /** Who has the lock, for people and for those who come second. */
  readonly lockOwner: string;
  readonly daemonFile: string;
  readonly socket: string;
  readonly tokenFile: string;
  /** For who may read the figures and nothing else. */
  readonly scrapeTokenFile: string;
  readonly runs: string;
  readonly inputs: string;
  readonly artifacts: string;
  readonly bus: string;
  readonly logs: string;
  readonly gpuLocks: string;
  readonly reserve: string;
};

/** Longest path that fits `sockaddr_un` with its terminating zero. */
const socketPathMax = 107;

/** Magic numbers of file systems on which SQLite's WAL fails (statfs(2)). */
const networkFileSystems = new Map<number, string>([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x00c36400, 'Ceph'],
  [0x19830326, 'BeeGFS'],
  [0x73757245, 'Coda'],
  [0x5346414f, 'AFS'],
]);

/** Creates the layout, private to the user. Throws home_unusable, home_on_network_fs. */
export function openHome(root: string): Home {
  try {
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
    const stat = fs.statSync(root);
    if (stat.uid !== process.getuid?.()) {
      throw new RunyardError(
        'home_unusable',
        `the state directory ${root} belongs to another user`,
      );
    }
    fs.chmodSync(root, 0o700);
  } catch (cause) {
    if (cause instanceof RunyardError) throw cause;
    throw new RunyardError(
      'home_unusable',
      `the state directory ${root} cannot be used; set RUNYARD_HOME to one that can be written`,
      { cause },
    );
  }
  refuseNetwork(root);
  const home = layout(root);
  for (const dir of [home.runs, home.inputs, home.artifacts, home.bus, home.logs]) {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  return home;
}

/** Throws home_on_network_fs, with a local path proposed, if `root` lies on a network file system. */
export function refuseNetwork(root: string, type: number = fs.statfsSync(root).type): void {
  const name = networkFileSystems.get(type);
  if (name === undefined) return;
  throw new RunyardError(
    'home_on_network_fs',
    `the state directory ${root} is on ${name}, where SQLite cannot work safely; ` +
      `use a local one: export RUNYARD_HOME=/var/tmp/runyard-${os.userInfo().username}`,
  );
}

function layout(root: string): Home {
  return {
    root,
    registry: path.join(root, 'registry.db'),
    lock: path.join(root, 'daemon.lock.db'),
    lockOwner: path.join(root, 'daemon.lock.json'),
    daemonFile: path.join(root, 'daemon.json'),
    socket: socketPath(path.join(root, 'daemon.sock')),
    tokenFile: path.join(root, 'token'),
    scrapeTokenFile: path.join(root, 'scrape.token'),
    runs: path.join(root, 'runs'),
    inputs: path.join(root, 'inputs'),
    artifacts: path.join(root, 'artifacts'),
    bus: path.join(root, 'bus'),
    logs: path.join(root, 'logs'),
    gpuLocks: path.join(root, 'gpu-locks'),
    reserve: path.join(root, 'reserve'),
  };
}

/**
 * Where a socket that belongs at `wanted` really lies: there, or, when the path is too long for the
 * kernel, under a name derived from it in a short private directory.
 */
export function socketPath(wanted: string): string {
  if (Buffer.byteLength(wanted) <= socketPathMax) return wanted;
  const base = process.env.XDG_RUNTIME_DIR ?? '/tmp';
  const short = path.join(base, `runyard-${process.getuid?.() ?? 0}`);
  fs.mkdirSync(short, { recursive: true, mode: 0o700 });
  const stat = fs.lstatSync(short);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new RunyardError(
      'home_unusable',
      `the socket path ${wanted} is too long, and ${short} is not a private directory of yours`,
    );
  }
  const name = crypto.createHash('sha256').update(wanted).digest('hex').slice(0, 32);
  return path.join(short, `${name}.sock`);
}
