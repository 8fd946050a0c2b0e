/** A deadline of a chart, kept as an instant, as an actor that rings when it has come. */
import { type Alarm, after, type Instant, msUntil, type RunEvent } from '../machines/index.ts';
import type { Clock } from '../telemetry/index.ts';

/** Longest delay of one timer: longer ones would overflow and fire at once. */
const timerMaxMs = 2 ** 30;
/** For alarms whose cause had no clock at hand. */
const defaultAlarmMs = 10_000;
/** How long a restarted daemon has to start, or to find started, what is overdue. */
const restartedMs = 30_000;

/** Calls back with the event that it rings by; what it returns calls that off. */
export function alarm(
  { clock, leftoversMs }: { clock: Clock; leftoversMs: number },
  input: { at: Instant | null; ring: Alarm },
  sendBack: (event: RunEvent) => void,
): () => void {
  const { at, ring } = input;
  // No limit, or a snapshot of a time when there was none.
  if (at === null && (ring === 'limit.reached' || ring === 'start.timed_out'))
    return () => undefined;
  const due = at ?? { ...clock.now(), mono_ms: clock.now().mono_ms + defaultAlarmMs };
  // These two judge what we tried, and while no daemon was there nobody did: the time begins anew.
  const again = { 'kill.timed_out': leftoversMs, 'start.timed_out': restartedMs };
  const soonest = ring in again ? after(clock.now(), again[ring as keyof typeof again]) : due;
  // Of another boot only the wall clock tells, and that may have been set: then it is just the new time.
  const latest = ring in again && due.boot_id !== clock.now().boot_id ? soonest : due;
  let callOff: () => void = () => undefined;
  const wait = (): void => {
    const now = clock.now();
    const left = Math.max(msUntil(latest, now), msUntil(soonest, now));
    if (left > 0) callOff = clock.after(Math.min(left, timerMaxMs), wait);
    else if (ring === 'kill.timed_out') sendBack({ type: ring });
    else sendBack({ type: ring, now: clock.now() });
  };
  callOff = clock.after(0, wait);
  return () => callOff();
}
