/**
 * A copy of a run that may go on elsewhere is cut loose from it: nothing in the copy leads to processes, control
 * groups or directories of the original, so that the copy's daemon ends and removes none of them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles, bootId, judge, voidStart, writeAtomic } from '../rundir/index.ts';

/** Of no boot that ever was: who looks takes the machine for restarted since. */
const noBoot = 'restored-from-a-backup';

/** `dir`: of an attempt that is not over, in the copy. */
export function loosen(dir: string): void {
  const rewrite = (name: string, change: (text: string) => string): void => {
    const file = path.join(dir, name);
    if (!fs.existsSync(file)) return;
    writeAtomic(file, change(fs.readFileSync(file, 'utf8')), { mode: 0o600 });
  };
  const verdict = judge(dir);
  fs.rmSync(path.join(dir, attemptFiles.worker), { force: true });
  rewrite(attemptFiles.launch, (text) =>
    edited(text, { boot_id: bootId(), cgroup: null, gpu_locks: [] }),
  );
  rewrite(attemptFiles.spec, (text) => edited(text, { temp: null }));
  if (verdict.kind === 'exited' || verdict.kind === 'voided') return;
  rewrite(attemptFiles.claim, (text) => edited(text, { boot_id: noBoot }));
  if (verdict.kind !== 'started') {
    voidStart(dir);
    return;
  }
  rewrite(attemptFiles.start, (text) => {
    const [first = '', ...rest] = text.split('\n');
    const line = first.startsWith('{') ? edited(first, { boot_id: noBoot }) : first;
    return [line.trimEnd(), ...rest].join('\n');
  });
}

function edited(text: string, changes: Record<string, unknown>): string {
  return `${JSON.stringify({ ...(JSON.parse(text) as object), ...changes })}\n`;
}
