/**
 * `runyard doctor --bundle FILE`: what a bug report needs, and nothing that is anybody's secret. It is made of
 * fields that are known to be harmless; what is free text is scrubbed of what looks like a secret, and of every
 * secret that we know.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { DaemonStatus } from '../../contracts/index.ts';
import { errnoOf, RunyardError } from '../../errors.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../findings.ts';
import { createScrubber, type Scrub, secretsOf } from './scrub.ts';

/** Last bytes of the daemon's log. */
const logMost = 512 * 1024;
const runsMost = 200;
const filesMost = 5000;

/** Throws usage when `file` is there. Returns the names in it. */
export async function writeBundle(
  context: Context,
  file: string,
  found: { findings: readonly Finding[]; status: DaemonStatus | null },
): Promise<string[]> {
  const home = await context.home();
  const scrub = createScrubber(secretsOf(context.env, home));
  const to = path.resolve(context.cwd, file);
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-bundle-'));
  try {
    const put = (name: string, data: unknown): void =>
      fs.writeFileSync(path.join(dir, name), scrub(`${JSON.stringify(data, null, 2)}\n`));
    put('findings.json', found.findings);
    put('status.json', found.status);
    put('about.json', about(context));
    put('settings.json', await settings(context));
    put('runs.json', await runs(context));
    put('files.json', listing(home));
    fs.writeFileSync(path.join(dir, 'daemon.log'), daemonLog(home, scrub));
    const names = fs.readdirSync(dir);
    fs.closeSync(fs.openSync(to, 'wx', 0o600));
    await execa('tar', ['-czf', to, '-C', dir, ...names]);
    return names;
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST')
      throw new RunyardError('backup_exists', `${to} is there already`, { cause });
    throw cause;
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function about({ version, env }: Context): object {
  const names = Object.keys(env).filter((name) =>
    /^(RUNYARD_|XDG_|CUDA_|NVIDIA_|NODE_)/.test(name),
  );
  return {
    version,
    node: process.version,
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    cpus: os.availableParallelism(),
    memory_bytes: os.totalmem(),
    os: read('/etc/os-release')
      .split('\n')
      .filter((line) => /^(ID|VERSION_ID)=/.test(line)),
    // Which are set, never to what.
    variables: names.sort(),
    at: new Date().toISOString(),
  };
}

/** Of hooks only when they come: programs and arguments may hold addresses and keys. */
async function settings(context: Context): Promise<object> {
  try {
    const { notify, ...rest } = await context.settings();
    return {
      ...rest,
      notify: notify.map(({ on, timeout_s, after_s }) => ({ on, timeout_s, after_s })),
    };
  } catch (error) {
    return {
      invalid:
        error instanceof RunyardError
          ? error.violations.map(({ rule, field }) => ({ field, rule }))
          : [],
    };
  }
}

/** How runs did, not what they were: no command, name, note, group or environment. */
async function runs(context: Context): Promise<object[]> {
  const found: object[] = [];
  try {
    for await (const run of (await context.offline()).list({ all: true, limit: runsMost })) {
      const { run_id, status, state, attempt, submitted_at, started_at, finished_at } = run;
      const { exit_code, exit_signal, gpu_slots, last_seq } = run;
      const code = run.failure_reason?.code ?? '';
      const times = { submitted_at, started_at, finished_at };
      found.push({
        run_id,
        status,
        state,
        attempt,
        ...times,
        exit_code,
        exit_signal,
        gpus: gpu_slots.length,
        last_seq,
        code,
      });
    }
  } catch (error) {
    found.push({ unreadable: error instanceof RunyardError ? error.code : 'internal' });
  }
  return found;
}

/** Names that are ours, with sizes. What a trainer named is not shown. */
function listing(home: string): object[] {
  const found: object[] = [];
  const visit = (inner: string, depth: number): void => {
    const dir = path.join(home, inner);
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      if (found.length >= filesMost) return;
      const name = path.join(inner, entry.name);
      const stat = fs.lstatSync(path.join(home, name), { throwIfNoEntry: false });
      if (stat === undefined || entry.name === 'work') continue;
      if (!name.startsWith('artifacts/'))
        found.push({
          name,
          bytes: stat.size,
          mode: (stat.mode & 0o7777).toString(8),
          modified: stat.mtime,
        });
      if (entry.isDirectory() && depth < 4 && name !== 'artifacts') visit(name, depth + 1);
    }
  };
  if (fs.existsSync(home)) visit('', 0);
  return found;
}

/** Constant messages, and of errors what kind and where. Lines that are no JSON are scrubbed text. */
function daemonLog(home: string, scrub: Scrub): string {
  const file = path.join(home, 'logs/daemon.out');
  const text = read(file).slice(-logMost);
  const lines = text.split('\n').slice(text.length === logMost ? 1 : 0);
  return lines.map((line) => scrub(plain(line))).join('\n');
}

const harmless = [
  'level',
  'time',
  'pid',
  'name',
  'msg',
  'runId',
  'attempt',
  'generation',
  'port',
  'code',
  'live',
  'runs',
  'lost',
  'released',
  'left',
];

function plain(line: string): string {
  try {
    const all = JSON.parse(line) as Record<string, unknown> & { err?: Record<string, unknown> };
    const kept = Object.entries(all).filter(([name]) => harmless.includes(name));
    const err = all.err === undefined ? {} : { err: errorOf(all.err) };
    return JSON.stringify({ ...Object.fromEntries(kept), ...err });
  } catch {
    return line;
  }
}

function errorOf({ type, code, message, stack }: Record<string, unknown>): object {
  const at = String(stack ?? '')
    .split('\n')
    .filter((each) => /^\s+at /.test(each))
    .map((each) => each.trim());
  return { type, code, message, at };
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
