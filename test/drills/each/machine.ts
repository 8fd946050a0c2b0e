/** Drills of what the machine does to a yard: its disk, its GPUs, its clock. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openSmallDisk } from '../../integration/small-disk.ts';
import type { Drill } from '../drill.ts';

const gpuFixtures = path.resolve(import.meta.dirname, '../../fixtures/gpus');
const diskMib = 96;

export const diskFull: Drill = {
  name: 'disk-full',
  provoked: `the file system of the state directory (tmpfs, ${diskMib} MiB) is filled`,
  async lacks() {
    const disk = await openSmallDisk(diskMib);
    if (typeof disk === 'string') return disk;
    await disk[Symbol.asyncDispose]();
    return null;
  },
  async begin(defer) {
    const disk = await openSmallDisk(diskMib);
    if (typeof disk === 'string') throw new Error(disk);
    defer(() => disk[Symbol.asyncDispose]());
    const settings = { disk_floor_mib: 12, bus_limit_mib: 32, parallel: 3 };
    return {
      options: { home: path.join(disk.dir, 'home'), settings },
      async play({ scene, ledger, provoke, told, repair, healed }) {
        await ledger.start('goes-on', 5);
        const ends = await ledger.start('ends', 3);
        await ledger.start('beside', 0);
        await ledger.submit('waits', 0);
        await provoke(() => disk.fill());
        await told();
        ends.end();
        await scene.client.wait(ends.run);
        await repair({}, [() => disk.clear()]);
        await healed();
      },
    };
  },
};

export const gpuMissing: Drill = {
  name: 'gpu-missing',
  provoked: 'one of two made-up GPUs is no longer listed, with a run on it',
  async begin(defer) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ryg-'));
    defer(() => fs.rmSync(dir, { recursive: true }));
    const now = path.join(dir, 'now.xml');
    const list = (name: string): void => {
      fs.copyFileSync(path.join(gpuFixtures, name), `${now}.new`);
      fs.renameSync(`${now}.new`, now);
    };
    list('nvidia-two.xml');
    const tool = `#!/bin/sh\ncat ${now}\n`;
    fs.writeFileSync(path.join(dir, 'nvidia-smi'), tool, { mode: 0o755 });
    // The programs that the fixture tells of are nobody's.
    const settings = { gpus: 'auto', gpu_foreign: 'ignore' };
    return {
      options: { settings, tools: dir },
      async play({ ledger, provoke, told, repair, healed }) {
        await ledger.start('on-it', 3, { gpus: 1 });
        await ledger.start('beside', 0, { gpus: 1 });
        await provoke(() => list('nvidia-second-alone.xml'));
        await told();
        await ledger.submit('waits', 0, { gpus: 1 });
        await repair({}, [() => list('nvidia-two.xml')]);
        await healed();
      },
    };
  },
};

const faketime = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
];

export const clockJump: Drill = {
  name: 'clock-jump',
  provoked: "the daemon's wall clock goes a day back, then two days ahead",
  lacks: async () =>
    faketime.some((file) => fs.existsSync(file))
      ? null
      : 'there is no faketime (Debian: apt-get install faketime)',
  async begin(defer) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ryc-'));
    defer(() => fs.rmSync(dir, { recursive: true }));
    const file = path.join(dir, 'time');
    const set = (offset: string): void => fs.writeFileSync(file, offset);
    set('+0');
    const env = {
      LD_PRELOAD: faketime.find((each) => fs.existsSync(each)) ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return {
      options: { daemonEnv: env },
      async play({ scene, ledger, provoke, told, repair, healed }) {
        // Shared memory that the library makes, and leaves behind when its first process becomes another program.
        for (const kind of ['faketime_shm', 'sem.faketime_sem'])
          defer(() => fs.rmSync(`/dev/shm/${kind}_${scene.upPid()}`, { force: true }));
        // Limits that a day would pass.
        await ledger.start('goes-on', 0, { time_limit_s: 3600, stall_limit_s: 1800 });
        const ends = await ledger.start('ends', 3, { time_limit_s: 3600 });
        await provoke(() => set('-86400'));
        await told();
        ends.end();
        (await ledger.start('during', 5, { time_limit_s: 3600 })).end();
        set('+86400');
        await repair({}, [() => set('+0')]);
        await healed();
      },
    };
  },
};
