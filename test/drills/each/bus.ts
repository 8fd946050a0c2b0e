/** Drills of the bus: its server, its store, those who read it, and the way to it. */
import fs from 'node:fs';
import path from 'node:path';
import { freeze, freezeReader } from '../../integration/late-subscriber.ts';
import { type Drill, played } from '../drill.ts';

export const busCrash: Drill = {
  name: 'bus-crash',
  provoked: '`kill -9` of nats-server; runs begin and end meanwhile',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    await ledger.start('goes-on', 0);
    const ends = await ledger.start('ends', 3);
    await provoke(() => process.kill(scene.bus().pid, 'SIGKILL'));
    ends.end();
    (await ledger.submit('during', 5)).end();
    await told();
    await repair();
    await healed();
  }),
};

export const busWiped: Drill = {
  name: 'bus-wiped',
  provoked: "nats-server's store is deleted under it, and it is killed",
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    (await ledger.start('over', 3)).end();
    await ledger.start('goes-on', 0);
    await provoke(() => {
      const { pid } = scene.bus();
      process.kill(pid, 'SIGSTOP');
      fs.rmSync(path.join(scene.home, 'bus/store'), { recursive: true });
      process.kill(pid, 'SIGKILL');
    });
    await told();
    await repair();
    await healed();
  }),
};

export const stalledSubscriber: Drill = {
  name: 'stalled-subscriber',
  provoked: 'SIGSTOP of two that follow points, one by gRPC and one on the bus',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    const { run } = await ledger.start('goes-on', 0);
    const ends = await ledger.start('ends', 3);
    const much = await ledger.flood(30_000);
    await provoke(async () => {
      const byGrpc = await freeze(scene, much.run, 4);
      scene.defer(() => byGrpc[Symbol.asyncDispose]());
      const byBus = await freezeReader(scene, 40);
      scene.defer(() => byBus[Symbol.asyncDispose]());
    });
    await told({ RUN: run });
    ends.end();
    (await ledger.submit('during', 5)).end();
    await repair({ RUN: run });
    await healed({ RUN: run });
  }),
};
