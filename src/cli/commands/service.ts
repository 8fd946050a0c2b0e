/** `runyard service install`, `uninstall` and `status`: the daemon as a service of systemd. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { errnoOf, RunyardError } from '../../errors.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Step, stepText, takeStep } from '../service/steps.ts';
import { type Scope, unitText } from '../service/unit.ts';

export type ServiceFlags = { system?: boolean; user?: string; dryRun?: boolean };

const unitName = 'runyard.service';
/** Of the shell that installs it, what the daemon needs to find programs and its own files. */
const passed =
  /^(PATH|RUNYARD_(HOME|YARD|LISTEN|CONSOLE_LISTEN|PARALLEL|GPUS|CGROUP|RECORDER|NATS_SERVER)|XDG_(STATE|CONFIG|CACHE)_HOME)$/;

/** Throws daemon_already_running for one that is no service, service_failed, usage. */
export async function serviceInstall(context: Context, flags: ServiceFlags): Promise<number> {
  const scope = scopeOf(flags);
  const user = flags.user ?? os.userInfo().username;
  const home = await homeOf(context, scope, user);
  const file = unitFile(context, scope);
  const text = unitText({
    scope,
    user,
    command: [...context.command, 'daemon'],
    env: { ...variables(context), RUNYARD_HOME: home },
    home,
  });
  const ctl = systemctl(scope);
  const steps: Step[] = [
    { kind: 'run', command: ['mkdir', '-p', path.join(home, 'logs')], why: 'for the log' },
    { kind: 'write', file, text },
    { kind: 'run', command: [...ctl, 'daemon-reload'], why: 'systemd reads it' },
    { kind: 'run', command: [...ctl, 'enable', unitName], why: 'it starts with the machine' },
    { kind: 'run', command: [...ctl, 'restart', unitName], why: 'and now; runs go on meanwhile' },
  ];
  if (scope === 'system' && user !== os.userInfo().username) {
    const command = ['install', '-d', '-o', user, '-m', '700', home, path.join(home, 'logs')];
    steps[0] = { kind: 'run', command, why: 'for the log' };
  }
  if (scope === 'user' && !lingers()) {
    const why = 'services of yours go on after you log out';
    steps.splice(4, 0, { kind: 'run', command: ['loginctl', 'enable-linger'], why });
  }
  return carryOut(context, flags, steps, async () => {
    refuseWithoutSystemd();
    await refuseForeignDaemon(context, scope);
  });
}

export async function serviceUninstall(context: Context, flags: ServiceFlags): Promise<number> {
  const scope = scopeOf(flags);
  const ctl = systemctl(scope);
  const steps: Step[] = [
    { kind: 'run', command: [...ctl, 'disable', '--now', unitName], why: 'runs and bus go on' },
    { kind: 'remove', file: unitFile(context, scope) },
    { kind: 'run', command: [...ctl, 'daemon-reload'], why: 'systemd forgets it' },
  ];
  return carryOut(context, flags, steps, async () => refuseWithoutSystemd());
}

/** Exit code 1 when it is not active. */
export async function serviceStatus(context: Context, flags: ServiceFlags): Promise<number> {
  const { terminal, json } = context;
  const scope = scopeOf(flags);
  const names = [
    'LoadState',
    'UnitFileState',
    'ActiveState',
    'SubState',
    'MainPID',
    'NRestarts',
    'Result',
    'StatusText',
  ];
  const installed = fs.existsSync(unitFile(context, scope));
  const [program = '', ...args] = systemctl(scope);
  const { stdout, failed } = await execa(
    program,
    [...args, 'show', unitName, `--property=${names.join(',')}`],
    { reject: false, stdin: 'ignore', timeout: 10_000 },
  );
  const found = Object.fromEntries(
    failed ? [] : stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
  ) as Record<string, string>;
  const active = found.ActiveState === 'active';
  if (json) terminal.json({ scope, installed, active, ...found });
  else {
    terminal.print(`${installed ? 'installed' : 'not installed'}: ${unitFile(context, scope)}`);
    for (const name of names) if (found[name]) terminal.print(`${name}\t${found[name]}`);
    if (failed) terminal.note(`systemd does not answer for ${scope} services`);
  }
  return active ? exitCodes.ok : exitCodes.error;
}

/** First all that will be done, then it. */
async function carryOut(
  { terminal, json }: Context,
  flags: ServiceFlags,
  steps: readonly Step[],
  check: () => Promise<void>,
): Promise<number> {
  const dry = flags.dryRun === true;
  if (json) terminal.json({ dry_run: dry, steps });
  for (const step of json ? [] : steps) {
    terminal.print(stepText(step));
    if (step.kind === 'write')
      for (const line of step.text.trimEnd().split('\n')) terminal.print(`  ${line}`.trimEnd());
  }
  if (dry) return exitCodes.ok;
  await check();
  for (const step of steps) await takeStep(step);
  if (!json) terminal.print('done; see: runyard service status');
  return exitCodes.ok;
}

function scopeOf({ system, user }: ServiceFlags): Scope {
  if (system === true && user === undefined && process.getuid?.() === 0)
    throw usage(
      '--user',
      'says for whom a system service runs',
      'runyard service install --system --user ana',
    );
  if (system !== true && user !== undefined)
    throw usage('--user', 'goes with --system alone', 'without both, it is a service of your own');
  return system === true ? 'system' : 'user';
}

function systemctl(scope: Scope): string[] {
  return scope === 'user' ? ['systemctl', '--user'] : ['systemctl'];
}

function unitFile({ env }: Context, scope: Scope): string {
  if (scope === 'system') return path.join('/etc/systemd/system', unitName);
  const base = env.XDG_CONFIG_HOME || path.join(env.HOME || os.homedir(), '.config');
  return path.join(base, 'systemd/user', unitName);
}

/** Of another account, where that account's own command line would look. */
async function homeOf(context: Context, scope: Scope, user: string): Promise<string> {
  if (scope === 'user' || context.env.RUNYARD_HOME || user === os.userInfo().username)
    return context.home();
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${user}:`));
  const home = line?.split(':')[5];
  if (home === undefined) throw usage('--user', `names nobody: ${user}`);
  return path.join(home, '.local/state/runyard');
}

function variables({ env }: Context): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && passed.test(entry[0]),
    ),
  );
}

function lingers(): boolean {
  return fs.existsSync(path.join('/var/lib/systemd/linger', os.userInfo().username));
}

function refuseWithoutSystemd(): void {
  if (fs.existsSync('/run/systemd/system')) return;
  throw new RunyardError(
    'service_failed',
    'systemd does not run here; see what would be done by --dry-run, and start the daemon by `runyard up`',
  );
}

/** Two daemons of one home cannot be; one that is a service is replaced. */
async function refuseForeignDaemon(context: Context, scope: Scope): Promise<void> {
  if (scope === 'system') return;
  try {
    const { pid } = await (await context.connect({ deadlineMs: 3000 })).health();
    if (fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes('RUNYARD_SERVICE=')) return;
    throw new RunyardError(
      'daemon_already_running',
      `a daemon (pid ${pid}) runs that is no service; first: runyard down --keep-bus (runs go on)`,
    );
  } catch (error) {
    if (error instanceof RunyardError && error.code === 'daemon_not_running') return;
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
}
