/** `kill -9` of whatever a run on Slurm hangs on, and who starts again what nobody else does. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import type { Random } from '../chaos/random.ts';
import { kill } from '../chaos/yard.ts';
import type { ChaosLoad } from './chaos-load.ts';
import { pidsWith, stepds } from './processes.ts';
import type { SlurmYard } from './yard.ts';

export const victims = [
  'slurmctld early',
  'slurmctld late',
  'slurmd',
  'slurmstepd',
  'daemon',
  'worker',
] as const;
export type Victim = (typeof victims)[number];

/** Side by side: while what one has killed comes back, the other goes on. */
export const lanes = {
  slurm: ['slurmctld early', 'slurmctld late', 'slurmd', 'slurmd'],
  ours: ['slurmstepd', 'slurmstepd', 'daemon', 'worker', 'worker'],
} as const satisfies Record<string, readonly Victim[]>;
export type Lane = keyof typeof lanes;

/** `at`: as `performance.now()` told; `what`: which of them. */
export type Killed = { victim: Victim; at: number; what: string };

/** A start is early within this: Slurm's state of it is not saved by then. */
const earlyMs = 2500;
/** And from here on it is. */
const lateMs = 6000;
const momentMs = 5000;

export type ChaosKiller = {
  killed: readonly Killed[];
  /** What its own side of it met, such as a node that came back late. */
  notes: string[];
  /** One more, of the kind whose turn it is; none where no such process is to be had in time. */
  strike(lane: Lane): Promise<void>;
  /** Brings back what Slurm or a kill has set aside, as whoever runs a cluster would. */
  mend(): Promise<void>;
};

export function createChaosKiller(options: {
  yard: SlurmYard;
  load: ChaosLoad;
  random: Random;
  signal: AbortSignal;
}): ChaosKiller {
  const { yard, load, random } = options;
  const { slurm } = yard;
  const killed: Killed[] = [];
  const notes: string[] = [];
  const turns: Record<Lane, Victim[]> = { slurm: [], ours: [] };

  const note = (victim: Victim, what = ''): void =>
    void killed.push({ victim, at: performance.now(), what });
  const rest = (most: number): Promise<void> => sleep(random.between(0, most));
  const moment = async (holds: () => boolean): Promise<boolean> => {
    const deadline = performance.now() + momentMs;
    while (!holds()) {
      if (performance.now() > deadline || options.signal.aborted) return false;
      await sleep(30);
    }
    return true;
  };

  const controller = async (victim: Victim): Promise<void> => {
    note(victim);
    await slurm.crash(slurm.controllerPid());
    await rest(1500);
    await slurm.startController();
  };

  const strikes: Record<Victim, () => Promise<void>> = {
    async 'slurmctld early'() {
      if (await moment(() => load.live().some(({ forMs }) => forMs < earlyMs)))
        await controller('slurmctld early');
    },
    async 'slurmctld late'() {
      const settled = (): boolean => {
        const live = load.live();
        return live.length > 0 && live.every(({ forMs }) => forMs > lateMs);
      };
      const any = () => load.live().some(({ forMs }) => forMs > lateMs);
      if ((await moment(settled)) || any()) await controller('slurmctld late');
    },
    async slurmd() {
      const name = random.pick(slurm.nodes);
      note('slurmd', name);
      await slurm.crash(slurm.nodePid(name));
      await rest(3000);
      await slurm.startNode(name);
    },
    async slurmstepd() {
      const found = stepds(slurm.dir);
      if (found.length === 0) return;
      const pid = random.pick(found);
      note('slurmstepd', titleOf(pid));
      kill(pid);
    },
    async daemon() {
      note('daemon');
      await yard.crash();
      await rest(3000);
      await yard.up();
    },
    async worker() {
      const found = workersOf(slurm.conf);
      if (found.length === 0) return;
      const pid = random.pick(found);
      note('worker', jobOfProcess(pid));
      kill(pid);
    },
  };

  return {
    killed,
    notes,
    async strike(lane) {
      if (turns[lane].length === 0) turns[lane] = random.shuffled<Victim>(lanes[lane]);
      const victim = turns[lane].pop() as Victim;
      try {
        await strikes[victim]();
      } catch (error) {
        notes.push(`${victim}: ${messageOf(error).split('\n')[0]}`);
        if (victim === 'daemon') throw error;
      }
    },
    async mend() {
      if (slurm.controllerPid() === 0) await slurm.startController();
      for (const name of slurm.nodes) {
        if (slurm.nodePid(name) === 0) await slurm.startNode(name).catch(() => undefined);
        const told = await slurm.scontrol('-o', 'show', 'node', name).catch(() => '');
        if (!/ State=\S*(DRAIN|DOWN)/.test(told)) continue;
        const why = / Reason=(.*?)(?: \[|$)/.exec(told)?.[1] ?? '';
        notes.push(`${name} was set aside: ${why}`);
        await slurm
          .scontrol('update', `nodename=${name}`, 'state=resume')
          .catch((error: unknown) => void notes.push(messageOf(error)));
      }
    },
  };
}

function titleOf(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

function jobOfProcess(pid: number): string {
  return /\0SLURM_JOB_ID=(\d+)/.exec(read(pid, 'environ'))?.[1] ?? '';
}

function read(pid: number, name: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** Our own on the nodes of a cluster. */
export function workersOf(conf: string): number[] {
  const words = '\0worker\0--job\0';
  return pidsWith([`SLURM_CONF=${conf}`]).filter((pid) => read(pid, 'cmdline').includes(words));
}
