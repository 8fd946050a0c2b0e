/**
 * Failpoints: named places where a process of ours can be made to die as by `kill -9`, so that tests can
 * hit the moments that matter and not only random ones. Inert unless RUNYARD_FAILPOINTS names a
 * directory, which only tests do: then the cost of a passage is one look for a file, else one comparison.
 *
 * A file `<directory>/<name>` arms a failpoint for one death, in whichever process passes first: it takes
 * the file away (by rename, so that only one can), notes its hit in `hits.jsonl`, and dies. The recorder has
 * the same in recorder/failpoint.go. Docs: docs/decisions/0007-failpoints.md.
 */
import fs from 'node:fs';
import path from 'node:path';

/** Places in the daemon and in the worker; those of the recorder are in `recorderFailpoints`. */
export const failpoints = [
  'daemon.opened',
  'daemon.recovered',
  'daemon.served',
  'submit.written',
  'submit.committed',
  'submit.synced',
  'stop.committed',
  'stop.synced',
  'commit.before',
  'commit.within',
  'commit.after',
  'sync.before',
  'sync.after',
  'checkpoint.before',
  'checkpoint.after',
  'relay.publish',
  'relay.acked',
  'relay.deleted',
  'notify.owed',
  'notify.told',
  'lease.taken',
  'launch.asked',
  'launch.prepared',
  'launch.written',
  'launch.synced',
  'assign.numbered',
  'assign.written',
  'assign.sent',
  'fact.received',
  'fact.applied',
  'fact.acked',
  'void.made',
  'release.begun',
  'release.freed',
  'env.deleted',
  'pin.marked',
  'gc.discarded',
  'gc.forgotten',
  'gc.removed',
  'rm.aside',
  'rm.committed',
  'rm.cleared',
  'telemetry.synced',
  'traces.sent',
  'bus.spawned',
  'bus.ready',
  'readers.kept',
  'slurm.named',
  'slurm.submitted',
  'worker.locked',
  'worker.attached',
  'worker.launching',
  'worker.launched',
  'worker.found',
  'worker.stated',
  'worker.signalled',
  'worker.publish',
  'worker.published',
  'worker.ended',
  'worker.drained',
  'artifact.copied',
  'artifact.placed',
  'worker.taking',
  'artifact.listed',
  'worker.collected',
  'worker.acked',
] as const;

export const recorderFailpoints = [
  'recorder.begun',
  'recorder.claimed',
  'recorder.prepared',
  'recorder.start-made',
  'recorder.forked',
  'recorder.start-written',
  'recorder.output',
  'recorder.reaped',
  'recorder.exit-drafted',
  'recorder.exit-written',
  'recorder.drained',
  'recorder.done',
] as const;

export type Failpoint = (typeof failpoints)[number];
type AnyFailpoint = Failpoint | (typeof recorderFailpoints)[number];

const variable = 'RUNYARD_FAILPOINTS';
const armed = process.env[variable] || null;

/** Dies here if a test wants it. */
export function failpoint(name: Failpoint): void {
  if (armed !== null) pass(armed, name);
}

/** What a recorder has to be started with: the variable in tests, nothing otherwise. */
export function failpointEnvironment(): Record<string, string> {
  return armed === null ? {} : { [variable]: armed };
}

/** Arms a failpoint for one death. For tests. */
export function arm(directory: string, name: AnyFailpoint): void {
  fs.writeFileSync(path.join(directory, name), '');
}

function pass(directory: string, name: Failpoint): void {
  const file = path.join(directory, name);
  if (!fs.existsSync(file)) return;
  try {
    fs.renameSync(file, `${file}.taken.${process.pid}`);
  } catch {
    // Another process was faster, and dies of it.
    return;
  }
  const hit = { name, pid: process.pid, at: new Date().toISOString() };
  const fd = fs.openSync(path.join(directory, 'hits.jsonl'), 'a', 0o600);
  fs.writeSync(fd, `${JSON.stringify(hit)}\n`);
  fs.fdatasyncSync(fd);
  process.kill(process.pid, 'SIGKILL');
}
