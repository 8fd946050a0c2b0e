/** What of the machine the supervision of an attempt needs; a simulation has another one. */
import { createSegments, createTree } from '../processes/index.ts';
import {
  bootId,
  type Identity,
  isAlive,
  judge,
  processStat,
  readClaim,
  readLaunch,
  voidStart,
} from '../rundir/index.ts';
import { systemClock } from '../telemetry/index.ts';
import { announce } from './announce.ts';
import { type Taken, takeArtifacts } from './artifacts.ts';
import { openControl } from './control.ts';
import { createFeed } from './feed.ts';
import { createGathering } from './gathering.ts';
import { createInquest } from './inquest.ts';
import { startPump } from './pump.ts';
import { ruleFile } from './rules.ts';
import { endOf, isDrained, preparedAtMs, readSpec, saysAlone } from './spec.ts';
import { createStallWatch, silentFor } from './stall.ts';
import { surveyOutput } from './survey.ts';
import { until } from './until.ts';

type ThisMachine = ReturnType<typeof thisMachine>;
/** What a simulation does without. */
type Spared = 'removeSegments' | 'createInquest' | 'createGathering';
/** What only a node of a cluster does: its disk is not the yard's. */
type OnNode = {
  /** Brings home what was collected, before it is told. */
  deliver(taken: Taken): Promise<void>;
  /** The same with its places at home. */
  atHome(taken: Taken): Taken;
};
export type Machine = Omit<ThisMachine, Spared> &
  Partial<Pick<ThisMachine, Spared>> &
  Partial<OnNode>;

export function thisMachine() {
  const segments = createSegments();
  return {
    clock: systemClock(),
    bootId,
    isAlive: (identity: Parameters<typeof isAlive>[0]) => isAlive(identity),
    /** Paused, by us or by anybody else. */
    isStopped: (identity: Identity) =>
      isAlive(identity) && processStat(identity.pid)?.stopped === true,
    judge: (dir: string) => judge(dir),
    readClaim,
    readLaunch,
    voidStart,
    until,
    createTree: (trainer: Identity, marker: string, cgroup: string | null) =>
      createTree({
        trainer,
        marker,
        cgroup,
        endedMs: () => endOf(marker),
        ending: segments.note,
      }),
    removeSegments: segments.remove,
    openControl,
    createFeed,
    startPump,
    readSpec,
    preparedAtMs,
    saysAlone,
    isDrained,
    takeArtifacts,
    announce,
    ruleFile,
    createStallWatch,
    silentFor,
    surveyOutput,
    createInquest,
    createGathering,
    complain: (error: unknown): void => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    },
  };
}
