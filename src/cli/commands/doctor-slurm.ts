/** What `runyard doctor` says of Slurm, where runs go there: commands, controller, this user, and the way back from nodes. */
import os from 'node:os';
import { execa } from 'execa';
import type { Settings } from '../../contracts/index.ts';
import { findProgram } from '../code-identity.ts';
import type { Finding } from '../findings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A client without a controller takes 9 s to say so. */
const patienceMs = 15_000;
const commands = ['sbatch', 'squeue', 'scancel'] as const;
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i;

/** Whether any run may become a job by what the settings say. */
export function usesSlurm({ executor, executor_rules: rules, slurm }: Settings): boolean {
  const rest = Object.keys(slurm).length > 0 || rules.some((rule) => rule.executor === 'slurm');
  return executor === 'slurm' || rest;
}

/** Commands, controller, and whether sbatch would take a job of the usual kind. */
export async function slurmFinding(env: Env, settings: Settings): Promise<Finding> {
  const missing = commands.filter((name) => findProgram(name, '/', env.PATH ?? '') === null);
  if (missing.length > 0)
    return finding(
      'fail',
      `no ${missing.join(', ')} on PATH, and runs are to go to Slurm`,
      'start the daemon where Slurm’s commands are, on a login node; or set executor: local',
    );
  const { partition, account, qos, time_s: timeS, flags = [] } = settings.slurm;
  const given = { partition, account, qos, time: timeS && Math.ceil(timeS / 60) };
  const args = [
    ...Object.entries(given).flatMap(([name, value]) => (value ? [`--${name}=${value}`] : [])),
    ...flags,
  ];
  const tried = await run(env, 'sbatch', ['--test-only', ...args, '--wrap=true']);
  const words = wordsOf(tried);
  if (tried.exitCode === 0) {
    const [, partitionOf = ''] = /in partition (\S+)/.exec(words) ?? [];
    const where = partitionOf === '' ? '' : `, partition ${partitionOf}`;
    return finding('ok', `sbatch would take a job of this user${where}`);
  }
  // Which of both it is, its words say only in part.
  const { exitCode } = await run(env, 'squeue', ['-h', '-u', String(process.getuid?.() ?? '')]);
  if (exitCode !== 0)
    return finding(
      'fail',
      `the controller does not answer: ${words}`,
      'docs/runbooks/slurm-away.md',
    );
  const said = args.length === 0 ? '' : ` (${args.join(' ')})`;
  return finding(
    'fail',
    `sbatch refuses a job of this user${said}: ${words}`,
    'see slurm in config.yaml: partition, account, qos, time_s, flags',
  );
}

/** Whether workers on nodes can reach the bus, as far as its address tells. */
export async function slurmBusFinding(env: Env, settings: Settings): Promise<Finding> {
  const url = settings.slurm.bus_url ?? env.RUNYARD_NATS_URL ?? '';
  const hosts = hostsOf(url);
  const shown = url.replaceAll(/(^|,|\/\/)[^,/@]*@/g, '$1');
  if (url !== '' && !hosts.every((host) => loopback.test(host)))
    return { ...finding('ok', `nodes are told ${shown}`), part: 'slurm bus' };
  const strangers = (await nodeAddresses(env)).filter((address) => !isThisMachine(address));
  if (strangers.length === 0)
    return { ...finding('ok', 'all nodes are this machine'), part: 'slurm bus' };
  const which = url === '' ? 'the daemon’s own bus listens' : `${shown} is`;
  const some = strangers.slice(0, 3).join(', ');
  return {
    ...finding(
      'fail',
      `nodes such as ${some} cannot reach the bus: ${which} on this machine’s loopback only, so nothing starts there`,
      'set RUNYARD_NATS_URL to a server that nodes reach, or slurm.bus_url to how they reach it',
    ),
    part: 'slurm bus',
  };
}

async function nodeAddresses(env: Env): Promise<string[]> {
  const { exitCode, stdout } = await run(env, 'sinfo', ['-h', '-N', '-o', '%o']);
  // Who cannot be asked may be anywhere.
  if (exitCode !== 0) return ['those of this cluster'];
  const all = stdout.split('\n').map((line) => line.trim());
  return [...new Set(all)].filter((line) => line !== '');
}

function isThisMachine(address: string): boolean {
  const own = Object.values(os.networkInterfaces()).flatMap((each) => each ?? []);
  const names = [os.hostname(), os.hostname().split('.')[0], ...own.map((each) => each.address)];
  return loopback.test(address) || names.includes(address);
}

function hostsOf(urls: string): string[] {
  return urls
    .split(',')
    .filter((url) => url !== '')
    .map((url) => url.replace(/^[a-z]+:\/\//, '').replace(/^.*@/, ''))
    .map((place) => place.replace(/[:/](?!.*\]).*$/, ''));
}

function run(env: Env, command: string, args: readonly string[]) {
  // Of a job that this shell itself may be in, sbatch would take options.
  const own = Object.entries(env).filter(([name]) => !/^(SBATCH_|SLURM_(?!CONF$))/.test(name));
  return execa(command, args, {
    ...({ reject: false, stdin: 'ignore', timeout: patienceMs, extendEnv: false } as const),
    env: Object.fromEntries(own),
  });
}

function wordsOf({ stderr, stdout }: { stderr: string; stdout: string }): string {
  const lines = `${stderr}\n${stdout}`.split('\n');
  const words = lines.map((line) => line.replace(/^\w+: (error: )?/, '').trim()).filter(Boolean);
  return words.join('; ').slice(0, 300) || 'no answer';
}

function finding(state: Finding['state'], text: string, hint = ''): Finding {
  return { part: 'slurm', state, text, hint };
}
