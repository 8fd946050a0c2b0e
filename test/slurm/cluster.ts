/**
 * A real Slurm for a test: munged, slurmctld and several slurmd on this machine, with keys, ports, state and
 * GPUs of their own below one directory. Two of them do not meet, and nothing of the machine's is touched.
 * What Slurm then does, and says, when things end or die: README.md beside this.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { until } from '../integration/yard.ts';
import { removeTree } from '../remove-tree.ts';
import { cgroupConf, gresConf, type SlurmOptions, slurmConf, usesCgroups } from './config.ts';
import { programOf } from './packages.ts';
import {
  cgroupsOf,
  isAlive,
  kill,
  pidsOfCgroup,
  pidsWith,
  removeCgroup,
  stepds,
} from './processes.ts';

export type Slurm = {
  dir: string;
  /** The path of slurm.conf. */
  conf: string;
  /** What makes a client of Slurm's speak with this cluster. */
  env: { SLURM_CONF: string };
  nodes: readonly string[];
  /** The id of the job; `stdin` is its script, where the arguments name none. Throws what sbatch says. */
  sbatch(args: readonly string[], stdin?: string): Promise<string>;
  squeue(...args: string[]): Promise<string>;
  scancel(...args: string[]): Promise<void>;
  scontrol(...args: string[]): Promise<string>;
  /** Slurm's word for the state of a job or of a task of an array, `12` or `12_3`; empty when squeue has no answer. */
  state(job: string): Promise<string>;
  /** Fields of `scontrol show job`, as JobState, ExitCode, Restarts, times in Unix seconds; none of a job that is not known. */
  job(id: string): Promise<Record<string, string>>;
  /** 0 while it has none. */
  controllerPid(): number;
  /** Resolves when it answers; `clean` forgets all jobs. */
  startController(options?: { clean?: boolean }): Promise<void>;
  nodePid(name: string): number;
  /** Resolves when its slurmd is registered again. */
  startNode(name: string): Promise<void>;
  /** `job` is a job's own number, of a task of an array too: its raw id, not `12_3`. */
  stepdPids(job: string): number[];
  /** What was started with the job's number in its environment, wherever it has gone since, and its children. */
  jobPids(job: string): number[];
  /** `kill -9` of one of the pids above, and waits until it is gone. */
  crash(pid: number): Promise<void>;
  /** What the daemons logged, for the words of a failed test. */
  logs(): string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `pid` is 0 once it has ended: the number may be somebody else's by then. */
type Daemon = { pid: number; ended: Promise<unknown> };

/** Ready when all nodes are idle. Needs what `slurmTrouble` looks for. */
export async function startSlurm(options: SlurmOptions = {}): Promise<Slurm> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'rs-'));
  const file = (...names: string[]): string => path.join(dir, ...names);
  const cluster = `t${crypto.randomBytes(5).toString('hex')}`;
  const conf = file('slurm.conf');
  const env = { SLURM_CONF: conf };
  const daemons = new Map<string, Daemon>();
  const [port = 0, ...ports] = await freePorts((options.nodes ?? 3) + 1);
  const stem = usesCgroups(options) ? `${cluster}n` : 'node';
  const nodes = ports.map((of, index) => ({ name: `${stem}${index + 1}`, port: of }));

  const pidOf = (name: string): number => daemons.get(name)?.pid ?? 0;
  const start = (name: string, program: string, args: readonly string[]): void => {
    const child = execa(programOf(program), args, {
      env,
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: { file: file('log', `${name}.stderr`), append: true },
    });
    const daemon: Daemon = { pid: child.pid ?? 0, ended: Promise.resolve() };
    daemon.ended = child.then(() => {
      daemon.pid = 0;
    });
    daemons.set(name, daemon);
  };
  const ask = async (program: string, args: readonly string[], input = ''): Promise<string> => {
    // Of the job that these tests themselves may run in, Slurm's clients take options.
    const own = Object.entries(process.env).filter(([name]) => !/^(SLURM|SBATCH)_/.test(name));
    const all = { ...Object.fromEntries(own), ...env, SLURM_TIME_FORMAT: '%s' };
    return (await execa(programOf(program), args, { env: all, extendEnv: false, input })).stdout;
  };
  const quietly = (program: string, ...args: string[]): Promise<string> =>
    ask(program, args).catch(() => '');
  const allIdle = async (): Promise<boolean> => {
    const told = await quietly('sinfo', '-h', '-N', '-p', 'main', '-o', '%T');
    return told.split('\n').filter((state) => state === 'idle').length === nodes.length;
  };

  const slurm: Slurm = {
    dir,
    conf,
    env,
    nodes: nodes.map(({ name }) => name),
    async sbatch(args, stdin) {
      const told = await ask('sbatch', ['--parsable', ...args], stdin);
      return told.split(';')[0] ?? '';
    },
    squeue: (...args) => ask('squeue', args),
    scontrol: (...args) => ask('scontrol', args),
    async scancel(...args) {
      await ask('scancel', args);
    },
    async state(job) {
      const told = await quietly('squeue', '-h', '-t', 'all', '-j', job, '-o', '%T');
      return told.split('\n')[0] ?? '';
    },
    async job(id) {
      const told = await quietly('scontrol', '-o', 'show', 'job', id);
      const fields = told.split('\n')[0]?.matchAll(/(?:^| )([A-Za-z/:]+)=(\S*)/g) ?? [];
      return Object.fromEntries([...fields].map(([, name, value]) => [name, value]));
    },
    controllerPid: () => pidOf('slurmctld'),
    async startController({ clean = false } = {}) {
      start('slurmctld', 'slurmctld', ['-D', '-f', conf, ...(clean ? ['-c'] : [])]);
      const up = async () => (await quietly('scontrol', 'ping')).includes('is UP');
      await until(up, `slurmctld\n${slurm.logs()}`);
    },
    nodePid: pidOf,
    async startNode(name) {
      const since = Math.floor(Date.now() / 1000);
      start(name, 'slurmd', ['-D', '-f', conf, '-N', name]);
      const up = async () => {
        const node = await quietly('scontrol', '-o', 'show', 'node', name);
        const started = Number(/ SlurmdStartTime=(\d+)/.exec(node)?.[1] ?? 0);
        return started >= since && !/ State=(DOWN|UNKNOWN|\S*\*|\S*NOT_RESPONDING)/.test(node);
      };
      await until(up, `slurmd of ${name}\n${slurm.logs()}`);
    },
    stepdPids: (job) => stepds(dir, job),
    jobPids: (job) => pidsWith([`SLURM_CLUSTER_NAME=${cluster}`, `SLURM_JOB_ID=${job}`]),
    async crash(pid) {
      kill(pid, 'SIGKILL');
      await until(() => !isAlive(pid), `process ${pid} to be gone`);
      // What is a daemon of ours is known to be gone, too.
      for (const daemon of daemons.values()) if (daemon.pid === pid) await daemon.ended;
    },
    logs() {
      const texts = fs.readdirSync(file('log')).map((name) => {
        const said = fs.readFileSync(file('log', name), 'utf8').trim().split('\n');
        return `${name}:\n${said.slice(-20).join('\n')}`;
      });
      return texts.join('\n');
    },
    async close() {
      // The controller first, lest it starts jobs again whose nodes go; then who starts processes, then those.
      const order = ['slurmctld', ...slurm.nodes];
      for (const name of order) await end(daemons.get(name));
      const groups = usesCgroups(options) ? slurm.nodes.flatMap(cgroupsOf) : [];
      const gone = () => {
        const known = [...stepds(dir), ...pidsWith([`SLURM_CLUSTER_NAME=${cluster}`])];
        const pids = [...known, ...groups.flatMap(pidsOfCgroup)];
        for (const pid of pids) kill(pid, 'SIGKILL');
        return pids.length === 0;
      };
      await until(gone, 'the jobs of a cluster to end');
      await end(daemons.get('munged'));
      for (const group of groups) removeCgroup(group);
      removeTree(dir);
    },
    [Symbol.asyncDispose]: () => slurm.close(),
  };

  try {
    for (const name of ['munge', 'ctld', 'run', 'log', 'gpu', ...slurm.nodes])
      fs.mkdirSync(file(name));
    const gpus = options.gpus ?? 2;
    fs.writeFileSync(conf, slurmConf({ dir, cluster, port, nodes }, options));
    fs.writeFileSync(file('gres.conf'), gresConf(dir, nodes, gpus));
    fs.writeFileSync(file('cgroup.conf'), cgroupConf(options));
    // Slurm takes no regular file for a device; these are /dev/null by another name.
    for (const node of slurm.nodes)
      for (let gpu = 0; gpu < gpus; gpu += 1)
        await execa('mknod', ['-m', '666', file('gpu', `${node}-${gpu}`), 'c', '1', '3']);
    fs.writeFileSync(file('munge', 'key'), crypto.randomBytes(128), { mode: 0o600 });
    start('munged', 'munged', mungedArgs(file('munge')));
    await until(() => fs.existsSync(file('munge', 'socket')), `munged\n${slurm.logs()}`);
    await slurm.startController({ clean: true });
    for (const { name } of nodes) start(name, 'slurmd', ['-D', '-f', conf, '-N', name]);
    await until(allIdle, 'all nodes to be idle');
  } catch (error) {
    const said = fs.existsSync(file('log')) ? slurm.logs() : '';
    await slurm.close();
    throw new Error(`no Slurm could be started: ${said}`, { cause: error });
  }
  return slurm;
}

/** `--force`: the temporary directory may be nobody's business but this user's, of which munged complains. */
function mungedArgs(dir: string): string[] {
  const files = Object.entries({ 'key-file': 'key', 'log-file': 'log', 'pid-file': 'pid' });
  const named = [...files, ['seed-file', 'seed'], ['socket', 'socket']];
  return ['--foreground', '--force', ...named.map(([name, of]) => `--${name}=${dir}/${of}`)];
}

/** TERM, and KILL for who does not listen. */
async function end(daemon: Daemon | undefined): Promise<void> {
  if (daemon === undefined || daemon.pid === 0) return;
  const { pid } = daemon;
  kill(pid, 'SIGTERM');
  const late = setTimeout(() => kill(pid, 'SIGKILL'), 3000);
  await daemon.ended;
  clearTimeout(late);
}

/** Held all at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => net.createServer());
  for (const probe of probes)
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const ports = probes.map((probe) => (probe.address() as net.AddressInfo).port);
  for (const probe of probes) await new Promise((resolve) => probe.close(resolve));
  return ports;
}
