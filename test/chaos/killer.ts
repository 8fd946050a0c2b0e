/** Kills: at random moments, and at failpoints, each with enough live runs. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { arm, failpoints, recorderFailpoints } from '../../src/failpoints.ts';
import { lives, processesOf } from './journal.ts';
import type { Load } from './load.ts';
import type { Random } from './random.ts';
import { type ChaosYard, kill } from './yard.ts';

export const kinds = ['daemon', 'bus', 'worker', 'recorder'] as const;
export type Kind = (typeof kinds)[number];
type Failpoint = Parameters<typeof arm>[1];

export type Kills = {
  /** By a signal of ours, at a random moment. */
  random: Record<Kind, number>;
  /** Failpoints that were armed and that nothing passed in time. */
  missed: Map<string, number>;
  /** The fewest live runs at any kill. */
  leastLive: number;
  /** Pids of daemons that we killed. */
  daemons: Set<number>;
  /** Runs whose recorder we killed. */
  recorders: Set<string>;
};

export type KillerOptions = {
  yard: ChaosYard;
  load: Load;
  random: Random;
  /** How many live runs there are at each kill. */
  live: number;
  /** How long a failpoint stays armed at most. */
  armedMs: number;
  /** Failpoints that are armed at the same time, at most. */
  together: number;
  signal: AbortSignal | undefined;
};

export type Killer = {
  kills: Kills;
  total(): number;
  /** One more kill, sometimes several at once. */
  strike(): Promise<void>;
};

/** Share of kills at failpoints. */
const failpointShare = 0.7;
/** The bus has next to no failpoints: more of the random ones are its. */
const weighted: readonly Kind[] = ['daemon', 'bus', 'bus', 'worker', 'recorder'];
/** Passed only when somebody asks for it, as nobody does here: tests of their own arm these. */
const asked = /^(gc|pin|readers|rm)\./;
const pollMs = 40;
const nudgeTurns = 5;
const liveMargin = 3;
/** Runs beyond the live ones up to which one more is begun only to be stopped. */
const flashRoom = 20;

export function createKiller(options: KillerOptions): Killer {
  const { yard, load, random } = options;
  const kills: Kills = {
    random: { daemon: 0, bus: 0, worker: 0, recorder: 0 },
    missed: new Map(),
    leastLive: Number.POSITIVE_INFINITY,
    daemons: new Set(),
    recorders: new Set(),
  };
  let cycle: Failpoint[] = [];
  /** Some may end between a look and a kill. */
  const enough = options.live + liveMargin;

  const noteLive = (count = load.live().length): void => {
    kills.leastLive = Math.min(kills.leastLive, count);
  };
  const enoughLive = async (): Promise<void> => {
    while (load.live().length < enough && !options.signal?.aborted) await sleep(pollMs);
  };

  const killOne = (kind: Kind): void => {
    const live = load.live().length;
    const victim = victimOf(kind);
    if (victim === null || live < options.live) return;
    noteLive(live);
    if (kind === 'daemon') kills.daemons.add(victim.pid);
    if (victim.run !== undefined) kills.recorders.add(victim.run);
    if (kill(victim.pid)) kills.random[kind] += 1;
  };

  const victimOf = (kind: Kind): { pid: number; run?: string } | null => {
    if (kind === 'daemon') return { pid: yard.daemonPid() };
    if (kind === 'recorder') {
      const living = load.live();
      if (living.length === 0) return null;
      const { run, started } = random.pick(living);
      const recorder = { pid: started.parent, start_time: started.parent_start_time };
      // Where its recorder was gone already, somebody else is its parent.
      const ours =
        lives(recorder) && processesOf(yard.root).some(({ pid }) => pid === recorder.pid);
      return ours ? { pid: recorder.pid, run: run.plan.key } : null;
    }
    const wanted = kind === 'bus' ? /nats-server/ : /fixtures\/worker\.ts/;
    const found = processesOf(yard.root).filter(({ command }) => wanted.test(command));
    return found.length === 0 ? null : random.pick(found);
  };

  const nextFailpoint = (): Failpoint => {
    if (cycle.length === 0) {
      // Those of jobs are passed on a cluster alone (test/integration/slurm-faults.test.ts).
      const all = [...failpoints, ...recorderFailpoints].filter((one) => !one.startsWith('slurm.'));
      cycle = random.shuffled(all.filter((name) => !asked.test(name)));
    }
    return cycle.pop() as Failpoint;
  };

  const hitsOf = (name: Failpoint): number => yard.hits().filter((hit) => hit.name === name).length;

  /** Arms a failpoint, and sees to it that something passes it. */
  const strikeAt = async (name: Failpoint): Promise<void> => {
    const before = hitsOf(name);
    arm(yard.failpoints, name);
    if (name.startsWith('daemon.')) killOne('daemon');
    if (name.startsWith('bus.')) killOne('bus');
    const deadline = performance.now() + options.armedMs;
    /** As it was before somebody passed. */
    let live = load.live().length;
    for (let turn = 0; performance.now() < deadline; turn++) {
      if (hitsOf(name) > before) break;
      live = load.live().length;
      // Not while too little is going on.
      if (live < enough) break;
      if (turn % nudgeTurns === 0) nudge(name);
      await sleep(pollMs);
    }
    // Taken back, unless somebody just passed.
    fs.rmSync(path.join(yard.failpoints, name), { force: true });
    if (hitsOf(name) > before) noteLive(live);
    else if (live < enough) cycle.unshift(name);
    else kills.missed.set(name, (kills.missed.get(name) ?? 0) + 1);
  };

  const nudge = (name: Failpoint): void => {
    // Not so many that all others wait behind them.
    if (name === 'void.made' && load.open().length < options.live + flashRoom) load.flash();
    if (!name.startsWith('stop.') && name !== 'worker.signalled') return;
    const living = load.live().filter(({ run }) => !run.stopTried);
    if (living.length > 0) void load.stop(random.pick(living).run);
  };

  return {
    kills,
    total: () =>
      yard.hits().length + Object.values(kills.random).reduce((sum, count) => sum + count, 0),
    async strike() {
      await enoughLive();
      if (options.signal?.aborted) return;
      if (random.chance(failpointShare)) {
        // Several at once: what one tears apart, another hits while it heals.
        const names = Array.from({ length: random.between(1, options.together) }, nextFailpoint);
        await Promise.all([...new Set(names)].map(strikeAt));
        // While the next daemon or worker is still finding out what happened.
        if (random.chance(0.1)) killOne(random.pick(kinds));
        return;
      }
      // All at once, now and then: only trainers and their recorders are left, but for one.
      if (random.chance(0.1)) for (const kind of kinds) killOne(kind);
      else killOne(random.pick(weighted));
      await sleep(random.between(0, 300));
    },
  };
}
