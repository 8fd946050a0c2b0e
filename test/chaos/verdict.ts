/** Compares what the API says of one run with what its trainer wrote down. */
import type { RunSummary } from '../../src/contracts/index.ts';
import type { Journal } from './journal.ts';
import type { LoadedRun } from './load.ts';

/** Why the report is wrong, or null. `recorderKilled`: by us, so that an end may not have been seen. */
export function wrongReport(
  run: LoadedRun,
  told: RunSummary,
  journal: Journal,
  recorderKilled: boolean,
): string | null {
  const said = `${told.status} (${told.failure_reason?.code ?? '-'}, exit ${told.exit_code}, signal ${told.exit_signal || '-'}, exited ${told.exited})`;
  const wrote = `the trainer wrote ${JSON.stringify(journal.ends)}`;
  if (!exitIsTrue(told, journal)) return `${said}, but ${wrote}`;
  if (isExpected(run, told, journal, recorderKilled)) return null;
  return `${said} was not to be expected: ${wrote}; stop tried ${run.stopTried}, recorder killed ${recorderKilled}`;
}

/** Whatever is said about an exit is what the trainer was about to do, or a signal that it cannot see. */
function exitIsTrue(told: RunSummary, { ends, start }: Journal): boolean {
  if (told.status === 'completed' && !ends.some(({ exit }) => exit === 0)) return false;
  if (!told.exited) return true;
  if (start === null) return told.exit_signal !== '';
  if (told.exit_signal === '') return ends.some(({ exit }) => exit === told.exit_code);
  // Before it could say so, and in the middle of its work.
  return ends.length === 0 || told.exit_signal === 'SIGKILL' || ends.some(isOf(told.exit_signal));
}

const isOf = (name: string) => (end: { signal?: string }) => end.signal === name;

/** Whether the status has a cause: the trainer's own end, or something that we did to it. */
function isExpected(
  run: LoadedRun,
  told: RunSummary,
  { ends }: Journal,
  recorderKilled: boolean,
): boolean {
  const { status, failure_reason: reason } = told;
  switch (status) {
    case 'completed':
      return told.exited && told.exit_code === 0 && told.exit_signal === '';
    case 'cancelled':
      return run.stopTried;
    case 'failed':
      break;
    default:
      return false;
  }
  switch (reason?.code) {
    case 'exit_nonzero':
      return told.exited && told.exit_code === run.plan.trainer.exit && told.exit_code !== 0;
    case 'signal':
      // A recorder's death breaks the pipes of its trainer.
      return ends.some(isOf(told.exit_signal)) && run.plan.trainer.signal !== 0;
    case 'time_limit':
      return run.plan.limited;
    case 'exit_unobserved':
    case 'voided':
      return recorderKilled;
    default:
      return false;
  }
}
