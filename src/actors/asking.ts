/** What people ask of a run in some states, and what is refused in all others, with the reason. */
import type { OrchestratorPort, RunSummary } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { RunRow } from '../persistence/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { Supervisor } from './supervisor.ts';

type AskingOptions = {
  supervisor: Supervisor;
  clock: Clock;
  synced: () => Promise<void>;
  /** The id of the run that a person named. */
  resolve: (ref: string) => string;
  rowOf: (ref: string) => RunRow;
  summary: (row: RunRow) => RunSummary;
};

type Asking = Pick<OrchestratorPort, 'pause' | 'resume' | 'hold' | 'release'>;

export function createAsking(options: AskingOptions): Asking {
  const { supervisor, clock, resolve, rowOf, summary } = options;

  /** A wish that only some states take: refused, with the reason, in all others. */
  const ask = async (
    type: 'run.pause' | 'run.resume',
    { run, reason, user }: { run: string; reason: string; user: string },
  ): Promise<RunSummary> => {
    const runId = resolve(run);
    const before = rowOf(runId);
    supervisor.send(runId, { type, user, reason, at: clock.iso() });
    const after = rowOf(runId);
    const wanted = type === 'run.pause' ? 'running.paused' : 'running.resuming';
    const already = type === 'run.pause' ? after.state.startsWith(wanted) : isRunning(after.state);
    if (!after.state.startsWith(wanted) && !already) {
      throw new RunyardError(
        'run_not_running',
        `run ${runId} is ${before.state}: ${type === 'run.pause' ? 'only a run whose trainer runs can be paused' : 'only a paused run can be resumed'}`,
      );
    }
    await options.synced();
    return summary(after);
  };

  /** Only a run that waits can be held or released; what is so already stays so. */
  const askQueued = async (
    type: 'run.hold' | 'run.release',
    { run, reason, user }: { run: string; reason: string; user: string },
  ): Promise<RunSummary> => {
    const row = rowOf(run);
    const { run_id: runId, state } = row;
    if (state !== 'queued') {
      const wish = type === 'run.hold' ? 'held' : 'released';
      throw new RunyardError(
        'run_not_queued',
        `run ${runId} is ${state}: only a run that waits can be ${wish}`,
      );
    }
    if ((type === 'run.hold') === (row.hold === null)) {
      supervisor.send(runId, { type, user, reason, at: clock.iso() });
    }
    await options.synced();
    return summary(rowOf(runId));
  };

  return {
    pause: (request) => ask('run.pause', request),
    resume: (request) => ask('run.resume', request),
    hold: (request) => askQueued('run.hold', request),
    release: (request) => askQueued('run.release', request),
  };
}

function isRunning(state: string): boolean {
  return ['running.live', 'running.silent', 'running.resuming'].includes(state);
}
