/** Compares what the API says of one run with what its trainer wrote down. */
import type { RunSummary } from '../../src/contracts/index.ts';
import type { Journal } from './journal.ts';
import type { LoadedRun } from './load.ts';

/** What may be missing because we killed a recorder of the run. */
export type Excuse = {
  /** It was never started, as often as an attempt may be tried. */
  start: boolean;
  /** How it ended was not seen. */
  end: boolean;
  /** The last of its output was not written down. */
  output: boolean;
};

const unstarted = ['recorder.begun', 'recorder.claimed', 'recorder.prepared'];
/** From here on its end is on the disk. */
const endSeen = ['recorder.exit-written', 'recorder.drained', 'recorder.done'];

/** `at`: the failpoints that recorders of the run died at; `random`: whether one was killed anywhere. */
export function excuseFor(at: readonly string[], random: boolean): Excuse {
  const end = random || at.some((name) => ![...unstarted, ...endSeen].includes(name));
  return {
    start: random || at.some((name) => unstarted.includes(name)),
    end,
    // The rest of the output may be read after the end was written down.
    output: end || at.includes('recorder.exit-written'),
  };
}

/** Why the report is wrong, or null. */
export function wrongReport(
  run: LoadedRun,
  told: RunSummary,
  journal: Journal,
  excuse: Excuse,
): string | null {
  const said = `${told.status} (${told.failure_reason?.code ?? '-'}, exit ${told.exit_code}, signal ${told.exit_signal || '-'}, exited ${told.exited})`;
  const wrote = `the trainer wrote ${JSON.stringify(journal.ends)}`;
  if (!exitIsTrue(told, journal)) return `${said}, but ${wrote}`;
  if (isExpected(run, told, journal, excuse)) return null;
  return `${said} was not to be expected: ${wrote}; stop tried ${run.stopTried}, excused ${JSON.stringify(excuse)}`;
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
function isExpected(run: LoadedRun, told: RunSummary, { ends }: Journal, excuse: Excuse): boolean {
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
      return excuse.end;
    case 'voided':
      return excuse.start;
    default:
      return false;
  }
}

/** Why these are not 1, 2, 3 … `last`; null when they are. */
export function gapIn(seqs: readonly number[], last: number): string | null {
  const at = seqs.findIndex((seq, index) => seq !== index + 1);
  if (at >= 0) return `${seqs[at]} came where ${at + 1} was expected`;
  return seqs.length === last ? null : `${seqs.length} of ${last} came`;
}
