/** Which files processes hold open to write. */
import fs from 'node:fs';

/** Access mode of the flags of an open file, as `/proc/PID/fdinfo` has them, in octal. */
const accessMode = 0o3;

/** As `dev:ino`. Of processes that we may not look into nothing is known. */
export function heldToWrite(pids: readonly number[]): Set<string> {
  const held = new Set<string>();
  for (const pid of pids) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      try {
        const info = fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
        const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
        if ((flags & accessMode) === 0) continue;
        const stat = fs.statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
        if (stat.isFile()) held.add(`${stat.dev}:${stat.ino}`);
      } catch {
        // It was closed meanwhile.
      }
    }
  }
  return held;
}

function entries(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}
