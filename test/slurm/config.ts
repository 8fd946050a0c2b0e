/** What a cluster of a test is configured as: the texts of slurm.conf, gres.conf and cgroup.conf. */
import os from 'node:os';

export type SlurmOptions = {
  /** Default 3. Named `node1`, `node2`, …; with cgroups, which two clusters share by name, after the cluster. */
  nodes?: number;
  /** Of each node; default 2. None makes nodes without GPUs. */
  gpus?: number;
  /** Of each node, whatever the machine has; default 8. */
  cpus?: number;
  /** Of each node, MiB; default 16000. */
  memory?: number;
  /** Seconds between TERM and KILL; default 2. */
  killWait?: number;
  /** Seconds for which squeue still knows an ended job; default 3600. */
  minJobAge?: number;
  /** How slurmd finds the processes of a job; default linuxproc, which runs everywhere; clusters mostly have cgroup. */
  proctrack?: 'linuxproc' | 'pgid' | 'cgroup';
  /** Whether a job that takes more than its --mem is OUT_OF_MEMORY, by the kernel's hand; needs cgroups. */
  limitMemory?: boolean;
  /** Seconds without an answer after which a node is DOWN; default 300, as Slurm's own. */
  slurmdTimeout?: number;
  /** Whether a job whose node failed is queued again unless it says --no-requeue; default true, as Slurm's own. */
  requeue?: boolean;
  /** Seconds between TERM and KILL of a preempted job; default 0: KillWait alone. */
  graceTime?: number;
  /** Lines for the end of slurm.conf. */
  extra?: readonly string[];
};

export function usesCgroups(options: SlurmOptions): boolean {
  return options.proctrack === 'cgroup' || options.limitMemory === true;
}

export type Node = { name: string; port: number };

type Place = { dir: string; cluster: string; port: number; nodes: readonly Node[] };

/**
 * Partitions: `main` (the default one), `short` (one minute), `low` and `lowagain` (a job of `main` that
 * needs the room cancels theirs, or has it queued again).
 */
export function slurmConf(place: Place, options: SlurmOptions): string {
  const { dir, cluster, port, nodes } = place;
  const host = os.hostname().split('.')[0];
  const gres = (options.gpus ?? 2) > 0 ? ` Gres=gpu:${options.gpus ?? 2}` : '';
  const size = `CPUs=${options.cpus ?? 8} RealMemory=${options.memory ?? 16_000}`;
  const proctrack = usesCgroups(options) ? 'cgroup' : (options.proctrack ?? 'linuxproc');
  const limits = options.limitMemory ?? false;
  const graceTime = `GraceTime=${options.graceTime ?? 0}`;
  return lines([
    ...[`ClusterName=${cluster}`, `SlurmctldHost=${host}(127.0.0.1)`, `SlurmctldPort=${port}`],
    ...['SlurmUser=root', 'SlurmdUser=root', 'AuthType=auth/munge', 'CredType=cred/munge'],
    ...[`AuthInfo=socket=${dir}/munge/socket`, 'MpiDefault=none', 'MailProg=/bin/true'],
    ...[`ProctrackType=proctrack/${proctrack}`, `TaskPlugin=task/${limits ? 'cgroup' : 'none'}`],
    ...['SwitchType=switch/none', 'JobAcctGatherType=jobacct_gather/none'],
    ...['AccountingStorageType=accounting_storage/none', 'JobCompType=jobcomp/none'],
    ...[
      'SelectType=select/cons_tres',
      `SelectTypeParameters=CR_Core${limits ? '_Memory' : ''}`,
      'GresTypes=gpu',
    ],
    // Each job is looked at as it comes. bf_interval is left alone: at 1 the state was not saved for 18 s.
    'SchedulerType=sched/backfill',
    'SchedulerParameters=batch_sched_delay=0,sched_min_interval=1,sched_interval=1',
    ...['PreemptType=preempt/partition_prio', 'PreemptMode=REQUEUE'],
    ...[`JobRequeue=${(options.requeue ?? true) ? 1 : 0}`, 'MaxArraySize=10001'],
    ...[`KillWait=${options.killWait ?? 2}`, `MinJobAge=${options.minJobAge ?? 3600}`],
    ...[`SlurmdTimeout=${options.slurmdTimeout ?? 300}`, 'ReturnToService=2'],
    // Nodes claim more than the machine has.
    'SlurmdParameters=config_overrides',
    ...[`StateSaveLocation=${dir}/ctld`, `SlurmdSpoolDir=${dir}/%n`],
    ...[`SlurmctldPidFile=${dir}/run/slurmctld.pid`, `SlurmdPidFile=${dir}/run/%n.pid`],
    ...[`SlurmctldLogFile=${dir}/log/slurmctld.log`, `SlurmdLogFile=${dir}/log/%n.log`],
    ...nodes.map(
      (node) =>
        `NodeName=${node.name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${node.port} ${size} State=UNKNOWN${gres}`,
    ),
    'PartitionName=DEFAULT Nodes=ALL State=UP OverSubscribe=NO PriorityTier=10 PreemptMode=OFF',
    ...['PartitionName=main Default=YES MaxTime=INFINITE', 'PartitionName=short MaxTime=1'],
    `PartitionName=low PriorityTier=1 PreemptMode=CANCEL ${graceTime}`,
    `PartitionName=lowagain PriorityTier=1 PreemptMode=REQUEUE ${graceTime}`,
    ...(options.extra ?? []),
  ]);
}

/** Each node has device files of its own; what they are devices of is nobody's business but mknod's. */
export function gresConf(dir: string, nodes: readonly Node[], gpus: number): string {
  if (gpus === 0) return '';
  const files = gpus === 1 ? '0' : `[0-${gpus - 1}]`;
  return lines(
    nodes.map(({ name }) => `NodeName=${name} Name=gpu File=${dir}/gpu/${name}-${files}`),
  );
}

export function cgroupConf(options: SlurmOptions): string {
  const ram = `ConstrainRAMSpace=${options.limitMemory ? 'yes' : 'no'}`;
  return lines(['CgroupAutomount=no', 'ConstrainCores=no', ram, 'ConstrainDevices=no']);
}

function lines(of: readonly string[]): string {
  return `${of.join('\n')}\n`;
}
