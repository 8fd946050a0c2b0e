/** The spans of all runs that are under way. What is not in memory any more is read again from the registry. */
import type { TraceReader, TraceRow, TraceRun } from '../../persistence/index.ts';
import {
  createTrail,
  type EndReason,
  type Span,
  type Trail,
} from '../../telemetry/traces/index.ts';

/** Of runs whose spans are kept in memory while they are not complete. */
const keptRuns = 2000;

type Source = Pick<TraceReader, 'before' | 'run' | 'firstOfGroup'>;

export function createTrails(source: Source) {
  const trails = new Map<string, Trail>();

  /** Null for a run that was removed: there is nobody left to tell of it. */
  const trailOf = ({ run_id: runId, seq }: TraceRow): Trail | null => {
    const kept = trails.get(runId);
    if (kept !== undefined && kept.seq() === seq - 1) return kept;
    const run = source.run(runId);
    if (run === undefined) return null;
    const made = createTrail(seenOf(run, source));
    for (const row of source.before(runId, seq)) made.take(row);
    return made;
  };
  return {
    /** The spans that the next transition of the yard completes. */
    take(row: TraceRow): Span[] {
      const { run_id: runId, to_state: to } = row;
      const trail = trailOf(row);
      trails.delete(runId);
      if (trail === null) return [];
      const isDone = to.startsWith('done.');
      const spans = trail.take(row, isDone ? reasonOf(source.run(runId)) : null);
      if (isDone) return spans;
      // The newest last: who was heard of longest ago is let go of first.
      trails.set(runId, trail);
      const [oldest] = trails.keys();
      if (trails.size > keptRuns && oldest !== undefined) trails.delete(oldest);
      return spans;
    },
  };
}

function seenOf(run: TraceRun, source: Source): Parameters<typeof createTrail>[0] {
  const other = (
    found: Pick<TraceRun, 'run_id' | 'trace_id'> | undefined,
    kind: 'group' | 'retry_of',
  ) =>
    found === undefined || found.run_id === run.run_id
      ? []
      : [{ kind, traceId: found.trace_id, runId: found.run_id }];
  return {
    traceId: run.trace_id,
    runId: run.run_id,
    callerId: run.trace_parent,
    name: run.name,
    user: run.user,
    project: run.project,
    group: run.grp,
    links: [
      ...(run.retry_of === null ? [] : other(source.run(run.retry_of), 'retry_of')),
      ...(run.grp === '' ? [] : other(source.firstOfGroup(run.grp), 'group')),
    ],
  };
}

function reasonOf(run: TraceRun | undefined): EndReason | null {
  return run?.failure_reason == null ? null : (JSON.parse(run.failure_reason) as EndReason);
}
