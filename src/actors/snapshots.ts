/**
 * Snapshots of older charts, brought up to date before any actor is made of them. XState has no
 * migrations: a missing key would be silent, an unknown state fatal. A step is never edited once it
 * was released; `test/fixtures/snapshots` keeps a snapshot of every version.
 */
import { RunyardError } from '../errors.ts';
import { runMachineVersion } from '../machines/index.ts';

type Snapshot = { context: Record<string, unknown>; children: object } & Record<string, unknown>;

/** Step `n` takes a snapshot of version `n` to version `n + 1`. */
const steps: Readonly<Record<string, (old: Snapshot) => Snapshot>> = {
  // Pausing came, and a deadline for the start; neither was under way then. The patience was fixed.
  1: (old) => ({
    ...old,
    context: { ...old.context, pause: null, startBy: null, killPatienceMs: 30_000 },
  }),
  // Retries came: nothing that was under way then has a policy.
  2: (old) => ({
    ...old,
    context: {
      ...old.context,
      retry: null,
      retries: 0,
      notBefore: null,
      last: null,
      cause: null,
      lateStop: null,
    },
  }),
};

/** The snapshot as the chart of this version knows it. Throws `registry_from_future`. */
export function upgraded(runId: string, version: string, snapshot: Snapshot): Snapshot {
  const [from, to] = [Number(version), Number(runMachineVersion)];
  if (from > to) {
    throw new RunyardError(
      'registry_from_future',
      `run ${runId} was last driven by chart ${version}, this version knows ${runMachineVersion}: upgrade Runyard`,
    );
  }
  let current = snapshot;
  for (let at = from; at < to; at += 1) {
    const step = steps[at];
    if (step === undefined) throw new RunyardError('internal', `no way from chart ${at} on`);
    current = step(current);
  }
  return current;
}
