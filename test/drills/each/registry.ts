/** The drill of a registry whose pages are overwritten. */
import fs from 'node:fs';
import path from 'node:path';
import { until } from '../../integration/yard.ts';
import { type Drill, played } from '../drill.ts';

const pageBytes = 4096;

export const registryDamaged: Drill = {
  name: 'registry-damaged',
  provoked: 'the daemon dies, and all of registry.db but its first page is overwritten',
  begin: played(async ({ scene, ledger, provoke, told, repair, healed }) => {
    (await ledger.start('over', 3)).end();
    await ledger.start('goes-on', 0);
    const ends = await ledger.start('ends', 5);
    await ledger.submit('waits', 0, { hold: true });
    await provoke(async () => {
      const pid = scene.daemonPid();
      process.kill(pid, 'SIGKILL');
      await until(() => !fs.existsSync(`/proc/${pid}`), 'the daemon to be gone');
      const file = path.join(scene.home, 'registry.db');
      for (const suffix of ['-wal', '-shm']) fs.rmSync(`${file}${suffix}`, { force: true });
      const fd = fs.openSync(file, 'r+');
      const { size } = fs.fstatSync(fd);
      fs.writeSync(fd, Buffer.alloc(size - pageBytes, 0x55), 0, undefined, pageBytes);
      fs.closeSync(fd);
    });
    await told();
    ends.end();
    await repair();
    await healed();
    for (const { run } of ledger.entries) {
      const { state } = await scene.client.get(run);
      if (state === 'queued') await scene.client.release(run);
    }
  }),
};
