/** Drills in which one of our own processes dies, or stands still. */
import { isAlive, readClaim } from '../../../src/rundir/index.ts';
import { until } from '../../integration/yard.ts';
import { type Drill, played } from '../drill.ts';

export const daemonCrash: Drill = {
  name: 'daemon-crash',
  provoked: '`kill -9` of the daemon; a run ends while there is none',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    await ledger.start('goes-on', 0);
    const ends = await ledger.start('ends', 3);
    const waits = await ledger.submit('waits', 0, { hold: true });
    await provoke(() => process.kill(scene.daemonPid(), 'SIGKILL'));
    await told();
    ends.end();
    await repair();
    await healed();
    await scene.client.release(waits.run);
  }),
};

export const daemonStalled: Drill = {
  name: 'daemon-stalled',
  provoked: 'SIGSTOP of the daemon; a run ends meanwhile',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    await ledger.start('goes-on', 0);
    const ends = await ledger.start('ends', 3);
    const pid = scene.daemonPid();
    scene.defer(() => {
      if (scene.daemonPid() === pid) process.kill(pid, 'SIGCONT');
    });
    await provoke(() => process.kill(pid, 'SIGSTOP'));
    await told();
    ends.end();
    await repair();
    await healed();
  }),
};

export const workerCrash: Drill = {
  name: 'worker-crash',
  provoked: '`kill -9` of the worker of a live run',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    await ledger.start('beside', 3);
    const { run } = await ledger.start('goes-on', 0);
    const worker = scene.worker(run);
    await provoke(() => process.kill(worker.pid, 'SIGKILL'));
    await told({ RUN: run });
    await repair({ RUN: run });
    await healed({ RUN: run });
    await until(() => isAlive(scene.worker(run)), 'another worker');
  }),
};

export const recorderCrash: Drill = {
  name: 'recorder-crash',
  provoked: '`kill -9` of the recorder of a live run',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    await ledger.start('beside', 3);
    const entry = await ledger.start('unobserved', 0);
    entry.spared = 'exit_unobserved';
    const claim = readClaim(scene.attemptFile(entry.run, '.'));
    await provoke(() => process.kill(claim?.pid ?? 0, 'SIGKILL'));
    // Its pipe is broken: the next line is its last.
    await told({ RUN: entry.run });
    await repair({ RUN: entry.run });
    await healed({ RUN: entry.run });
  }),
};
