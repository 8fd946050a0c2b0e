/** Gathers what tells why a trainer failed: its last output, and the kernel's count of killings. */
import fs from 'node:fs';
import path from 'node:path';
import type { Cause } from '../contracts/index.ts';
import { attemptFiles, lastOutput, readExit, readLaunch } from '../rundir/index.ts';
import { causeOf, type Evidence } from './cause.ts';

export type Inquest = {
  /** The likely cause of a failure. Null when it did not fail, or nothing says why. */
  cause(): Cause | null;
};

/** Last bytes of each stream that are looked at. */
const tailBytes = 64 * 1024;

/** Begins with the attempt: the kernel counts over all runs, so that only the difference says anything. */
export function createInquest(dir: string): Inquest {
  const file = path.join(dir, attemptFiles.oomKills);
  try {
    // A later worker finds the first one's.
    fs.writeFileSync(file, `${machineKills() ?? ''}\n`, { flag: 'wx', mode: 0o600 });
  } catch {
    // There already, or the disk is full: then it is not known.
  }
  return {
    cause() {
      const exit = readExit(dir);
      if (exit === null || (exit.kind === 'exited' && exit.code === 0)) return null;
      const { stdout, stderr } = lastOutput(dir, tailBytes);
      return causeOf(exit, {
        stdout: stdout.toString('utf8'),
        stderr: stderr.toString('utf8'),
        oomKills: killsSince(file, readLaunch(dir)?.cgroup ?? null),
      });
    },
  };
}

function killsSince(file: string, cgroup: string | null): Evidence['oomKills'] {
  const own = cgroup === null ? null : counted(path.join(cgroup, 'memory.events'));
  if (own !== null && own > 0) return { count: own, whose: 'run' };
  const now = machineKills();
  const before = Number.parseInt(read(file) ?? '', 10);
  if (now === null || Number.isNaN(before)) return null;
  return { count: now - before, whose: 'machine' };
}

function machineKills(): number | null {
  return counted('/proc/vmstat');
}

/** The line `oom_kill N` of a file of the kernel. */
function counted(file: string): number | null {
  const found = /^oom_kill (\d+)$/m.exec(read(file) ?? '');
  return found === null ? null : Number(found[1]);
}

function read(file: string): string | null {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}
