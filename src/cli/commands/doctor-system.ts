/** What `runyard doctor` says of the machine: whether it lets runs live on, and what it has. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Finding } from '../findings.ts';
import { bytesText } from '../render.ts';

/** Where a test puts another machine's files; `/` otherwise. */
export type Machine = {
  root: string;
  user: string;
  env: Readonly<Record<string, string | undefined>>;
};

export function thisMachine(env: Machine['env']): Machine {
  return { root: '/', user: os.userInfo().username, env };
}

export function machineFinding(): Finding {
  const cpus = os.availableParallelism();
  const text = `Linux ${os.release()} ${os.arch()}, ${cpus} CPU${cpus === 1 ? '' : 's'}, ${bytesText(os.totalmem())} of memory`;
  if (process.platform !== 'linux')
    return finding('machine', 'fail', `${process.platform} is not supported`, 'use Linux');
  return finding('machine', 'ok', text);
}

/** Whether what a user started goes on after the last of the user's sessions. */
export function lingerFinding({ root, user }: Machine): Finding {
  if (!hasSystemd(root)) return finding('linger', 'ok', 'no systemd: nothing ends with a session');
  if (user === 'root') return finding('linger', 'ok', 'not needed for root');
  if (fs.existsSync(path.join(root, 'var/lib/systemd/linger', user)))
    return finding('linger', 'ok', `on for ${user}`);
  return finding(
    'linger',
    'warn',
    `off for ${user}: services of yours, this daemon among them, end with your last session`,
    'loginctl enable-linger',
  );
}

/** logind ends whatever a session started, where it is told to. */
export function killUserFinding(machine: Machine): Finding {
  const { root, user } = machine;
  if (!hasSystemd(root)) return finding('sessions', 'ok', 'no systemd-logind');
  const { value, file } = logindSetting(root, 'KillUserProcesses') ?? { value: 'no', file: '' };
  if (!/^(yes|true|on|1)$/i.test(value)) return finding('sessions', 'ok', 'KillUserProcesses=no');
  const spared = logindSetting(root, 'KillExcludeUsers')?.value.split(/\s+/) ?? ['root'];
  if (spared.includes(user))
    return finding('sessions', 'ok', `${user} is spared from KillUserProcesses`);
  return finding(
    'sessions',
    'fail',
    `KillUserProcesses=${value} (${file}): daemon and runs are killed when you log out`,
    'loginctl enable-linger, then: runyard service install',
  );
}

/** systemd-oomd ends whole control groups: of a session, that is all that was started there. */
export function oomdFinding(machine: Machine): Finding {
  const { root, env } = machine;
  if (!isRunning(root, 'systemd-oomd')) return finding('oomd', 'ok', 'systemd-oomd does not run');
  if (env.RUNYARD_SERVICE)
    return finding('oomd', 'ok', 'systemd-oomd runs; the service keeps to itself');
  return finding(
    'oomd',
    'warn',
    'systemd-oomd runs: short of memory it ends a whole session, daemon and runs with it',
    'runyard service install gives the daemon a control group of its own',
  );
}

function hasSystemd(root: string): boolean {
  return fs.existsSync(path.join(root, 'run/systemd/system'));
}

/** The last word on a setting: drop-ins by name over the file, /etc over /run over /usr/lib. */
function logindSetting(root: string, name: string): { value: string; file: string } | null {
  const dirs = ['etc/systemd', 'run/systemd', 'usr/lib/systemd'];
  const main = dirs.map((dir) => `${dir}/logind.conf`).find((file) => exists(root, file));
  const dropIns = new Map<string, string>();
  for (const dir of [...dirs].reverse())
    for (const each of list(root, `${dir}/logind.conf.d`))
      dropIns.set(each, `${dir}/logind.conf.d/${each}`);
  const files = [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
  let found: { value: string; file: string } | null = null;
  for (const file of [...(main === undefined ? [] : [main]), ...files]) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    const value = new RegExp(`^\\s*${name}\\s*=\\s*(.*?)\\s*$`, 'm').exec(text)?.[1];
    if (value !== undefined) found = { value, file: `/${file}` };
  }
  return found;
}

function exists(root: string, file: string): boolean {
  return fs.existsSync(path.join(root, file));
}

function list(root: string, dir: string): string[] {
  if (!exists(root, dir)) return [];
  return fs.readdirSync(path.join(root, dir)).filter((name) => name.endsWith('.conf'));
}

function isRunning(root: string, name: string): boolean {
  const proc = path.join(root, 'proc');
  if (!fs.existsSync(proc)) return false;
  return fs
    .readdirSync(proc)
    .filter((pid) => /^\d+$/.test(pid))
    .some((pid) => {
      try {
        // The kernel keeps fifteen letters of a name.
        return fs.readFileSync(path.join(proc, pid, 'comm'), 'utf8').trim() === name.slice(0, 15);
      } catch {
        return false;
      }
    });
}

function finding(part: string, state: Finding['state'], text: string, hint = ''): Finding {
  return { part, state, text, hint };
}
