/**
 * `runyard bus init`: what a cluster of one's own needs, or the streams on one that is there. All of it is
 * printed first, and done with `--yes` alone. Nothing that is there is replaced.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import type { BusPlan, PlannedFile, ServersPlan, StreamLook } from '../../transport/nats/index.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type BusFlags, busOf } from './bus-check.ts';

export type BusInitFlags = BusFlags & {
  dir?: string;
  yard?: string[];
  server?: string[];
  store?: string;
  yes?: boolean;
};

const yardPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9.:_-]*$/;
const undone = 'nothing was done: look through it, then add --yes';

export async function busInit(context: Context, flags: BusInitFlags): Promise<number> {
  if (flags.url === undefined && flags.creds === undefined) return initServers(context, flags);
  for (const name of ['dir', 'yard', 'server', 'store'] as const) {
    if (flags[name] !== undefined)
      throw usage(
        `--${name}`,
        'is for servers to be set up, not for --url',
        'leave one of them out',
      );
  }
  return initStreams(context, flags);
}

async function initServers(context: Context, flags: BusInitFlags): Promise<number> {
  const { terminal, json, cwd } = context;
  const nats = await import('../../transport/nats/index.ts');
  const yards = checked('--yard', flags.yard ?? [(await context.settings()).yard], yardPattern);
  const hosts = checked('--server', flags.server ?? ['127.0.0.1'], hostPattern);
  const dir = path.resolve(cwd, flags.dir ?? 'runyard-bus');
  const servers: ServersPlan = { hosts, store: path.resolve('/', flags.store ?? '/var/lib/nats') };
  const plan = nats.planBus(yards);
  const files = nats.plannedFiles(plan, servers);
  const unmade = nats.unmadeKeys(plan);
  const url = nats.serversUrl(servers);
  if (json) {
    const shown = files.map(({ name, mode, what }) => ({ path: path.join(dir, name), mode, what }));
    terminal.json({ done: flags.yes === true, ...plan, files: shown, url });
  } else {
    for (const line of planLines(plan)) terminal.print(line);
    for (const each of files) {
      for (const line of fileLines(each, dir, each.text(unmade))) terminal.print(line);
    }
  }
  refuseExisting(dir, files);
  if (flags.yes !== true) {
    terminal.note(undone);
    return exitCodes.ok;
  }
  const keys = await nats.makeKeys(plan);
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const { name, mode, text } of files)
    fs.writeFileSync(path.join(dir, name), text(keys), { mode, flag: 'wx' });
  if (json) return exitCodes.ok;
  terminal.print('done; on each server: its own server-N.conf and accounts.conf, side by side');
  for (const yard of yards) {
    terminal.print(`for the daemon of yard ${yard}: RUNYARD_NATS_URL=${url}, and in config.yaml:`);
    const settings = {
      bus_replicas: hosts.length >= 5 ? 5 : hosts.length >= 3 ? 3 : 1,
      bus_creds: path.join(dir, `daemon-${yard}.creds`),
      bus_signing_key: path.join(dir, `${yard}.signing`),
      bus_publishers: keys.accounts[nats.workersAccount(yard)]?.id ?? '',
    };
    for (const [name, value] of Object.entries(settings)) terminal.print(`  ${name}: ${value}`);
  }
  terminal.print('then: runyard bus check');
  return exitCodes.ok;
}

function checked(option: string, values: readonly string[], pattern: RegExp): string[] {
  const wrong = values.find((value) => !pattern.test(value));
  if (wrong !== undefined) throw usage(option, `is no name for that: ${JSON.stringify(wrong)}`);
  return [...new Set(values)];
}

/** Keys that are there may be in use: another set of them would shut everybody out. */
function refuseExisting(dir: string, files: readonly PlannedFile[]): void {
  const there = files.filter(({ name }) => fs.existsSync(path.join(dir, name)));
  if (there.length === 0) return;
  const names = there.slice(0, 3).map(({ name }) => name);
  throw usage(
    '--dir',
    `has ${there.length} of these files already (${names.join(', ')} …), and none is replaced`,
    'name another directory',
  );
}

function planLines(plan: BusPlan): string[] {
  const lines = ['operator runyard'];
  for (const { name, jetstream, signing, exports, imports } of plan.accounts) {
    const has = [
      jetstream ? 'JetStream without limits' : 'no JetStream',
      'connections without limits',
      ...(signing ? ['a signing key'] : []),
    ];
    lines.push(`account ${name}: ${has.join(', ')}`);
    for (const { subject, type } of exports) lines.push(`  exports ${type} ${subject}`);
    for (const { subject, type, account } of imports)
      lines.push(`  imports ${type} ${subject} of ${account}`);
  }
  for (const { name, account, rights } of plan.users) {
    if (rights === null) lines.push(`user ${name} in ${account}: everything`);
    else
      lines.push(
        `user ${name} in ${account}: may ask what that account imports, and hear ${rights.subscribe.join(', ')}`,
      );
  }
  return lines;
}

function fileLines({ name, mode, what }: PlannedFile, dir: string, text: string): string[] {
  const head = `file ${path.join(dir, name)} ${mode.toString(8).padStart(4, '0')}: ${what}`;
  if (!name.endsWith('.conf')) return [head];
  return [
    head,
    ...text
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`.trimEnd()),
  ];
}

async function initStreams(context: Context, flags: BusInitFlags): Promise<number> {
  const { terminal, json } = context;
  const nats = await import('../../transport/nats/index.ts');
  const { url, access, yard, shape, bytes } = await busOf(context, flags);
  const nc = await nats.connectDaemon({ url, credentials: null, access });
  try {
    const streams = await nats.lookAtStreams(nc, yard);
    const steps = streams.map((stream) => ({
      name: stream.name,
      ...stepOf(stream, shape.replicas),
    }));
    if (json) terminal.json({ done: flags.yes === true, bus: nats.shownUrl(url), steps });
    else for (const { name, text } of steps) terminal.print(`stream ${name}: ${text}`);
    if (flags.yes !== true) {
      terminal.note(undone);
      return exitCodes.ok;
    }
    // Without an owner: the daemon that comes first does not mind, and marks nothing.
    await nats.ensureStreams(nc, yard, bytes, () => crypto.randomUUID(), { shape });
    for (const { name, step } of steps)
      if (step === 'change') await nats.changeReplicas(nc, name, shape.replicas);
    if (!json) terminal.print('done; see: runyard bus check');
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof RunyardError) throw error;
    throw new RunyardError('bus_unavailable', String((error as Error).message), { cause: error });
  } finally {
    await nc.close();
  }
}

function stepOf({ found }: StreamLook, wanted: number): { step: string; text: string } {
  if (found === null) return { step: 'make', text: `is made, ${wanted} replicas` };
  const { replicas, place } = found;
  const whose = place === '' ? '' : ` (of ${place})`;
  if (replicas === wanted) return { step: 'none', text: `is there, ${replicas} replicas${whose}` };
  return {
    step: 'change',
    text: `is there${whose}, and gets ${wanted} replicas in place of ${replicas}`,
  };
}
