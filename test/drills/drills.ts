/** All drills, in the order of the table. */
import type { Drill } from './drill.ts';
import { busCrash, busWiped, stalledSubscriber } from './each/bus.ts';
import { clockJump, diskFull, gpuMissing } from './each/machine.ts';
import { slowNetwork } from './each/network.ts';
import { powerLoss } from './each/power.ts';
import { daemonCrash, daemonStalled, recorderCrash, workerCrash } from './each/processes.ts';
import { registryDamaged } from './each/registry.ts';
import { traces } from './each/traces.ts';

export const drills: readonly Drill[] = [
  gpuMissing,
  diskFull,
  stalledSubscriber,
  daemonCrash,
  daemonStalled,
  busCrash,
  busWiped,
  workerCrash,
  recorderCrash,
  clockJump,
  powerLoss,
  slowNetwork,
  registryDamaged,
  traces,
];
