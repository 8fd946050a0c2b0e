/** The drill of a power loss: what is answered was synced before, and what a restart leaves is taken up. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { attemptDir, readClaim, readStart } from '../../../src/rundir/index.ts';
import { kill } from '../../chaos/yard.ts';
import { asAfterReboot } from '../../fixtures/reboot.ts';
import { until } from '../../integration/yard.ts';
import { type Drill, played } from '../drill.ts';
import { unsyncedAnswers } from '../syncs.ts';

export const powerLoss: Drill = {
  name: 'power-loss',
  provoked:
    'each answer is preceded by its sync (strace); then all dies, and what is left has another boot id',
  async lacks() {
    const { failed } = await execa('strace', ['-V'], { reject: false });
    if (failed) return 'there is no strace (Debian: apt-get install strace)';
    const own = await execa('strace', ['-e', 'none', 'true'], { reject: false });
    return own.failed ? `strace may not trace here: ${own.stderr.slice(0, 100)}` : null;
  },
  begin: played(async (stage) => {
    const { scene, ledger, provoke, told, repair, healed } = stage;
    const live = await ledger.start('was-live', 0);
    live.spared = 'machine_rebooted';
    const trace = await traced(scene.daemonPid(), path.join(scene.dir, 'strace'), async () => {
      const over = await ledger.start('over', 3);
      over.end();
      await scene.client.wait(over.run);
      await ledger.submit('waits', 0, { hold: true });
    });
    const unsynced = unsyncedAnswers(trace, scene.home, ['over', 'waits'].map(idOf));
    if (unsynced.length > 0) throw new Error(unsynced.join('; '));
    await provoke(async () => {
      const attempt = attemptDir(scene.home, live.run, 1);
      const pids = [
        ...[scene.daemonPid(), scene.bus().pid, scene.worker(live.run).pid],
        ...[readClaim(attempt)?.pid ?? 0, forkOf(attempt)],
      ];
      for (const pid of pids) kill(pid);
      await until(() => pids.every((pid) => !fs.existsSync(`/proc/${pid}`)), 'all to be dead');
      asAfterReboot(attempt);
    });
    await told({ RUN: live.run });
    await repair({ RUN: live.run });
    await healed({ RUN: live.run });
    await scene.client.release(idOf('waits'));

    function idOf(name: string): string {
      return ledger.entries.find((entry) => entry.name === name)?.run ?? '';
    }
  }),
};

function forkOf(attempt: string): number {
  const start = readStart(attempt);
  return start === null || start.voided ? 0 : (start.fork?.pid ?? 0);
}

/** What strace writes down of a process and its threads meanwhile. */
async function traced(pid: number, file: string, act: () => Promise<void>): Promise<string> {
  const calls = 'trace=fdatasync,fsync,write,writev,sendto,sendmsg,pwrite64';
  const args = ['-f', '-yy', '-s', '100000', '-e', calls, '-o', file, '-p', String(pid)];
  const strace = execa('strace', args, { reject: false, buffer: false, stdin: 'ignore' });
  const isOn = () => /^TracerPid:\t[1-9]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  try {
    await until(isOn, 'strace to be attached', 60_000);
    await act();
  } finally {
    strace.kill('SIGINT');
    await strace;
  }
  return fs.readFileSync(file, 'latin1');
}
