/**
 * Exit codes: 0 ok, 1 error, 2 usage, 3 no daemon, 4 rejected. Commands that pass the trainer's own code
 * on (`run`, `wait`, `--follow`) say 125 where others say 1, and 128+n for a signal.
 */
import os from 'node:os';
import type { RunSummary } from '../contracts/index.ts';
import { type ErrorCode, RunyardError } from '../errors.ts';

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  noDaemon: 3,
  rejected: 4,
  ours: 125,
} as const;

/** Refusals of what was asked for, as opposed to failures. */
const refusals: readonly ErrorCode[] = [
  'config_invalid',
  'key_conflict',
  'message_too_large',
  'input_too_large',
  'disk_full',
];

/** The exit code of an error. `passing`: the command passes a trainer's code on. */
export function exitCodeOfError(error: unknown, passing: boolean): number {
  if (error instanceof RunyardError) {
    if (error.code === 'usage') return exitCodes.usage;
    if (error.code === 'daemon_not_running') return exitCodes.noDaemon;
    if (refusals.includes(error.code)) return exitCodes.rejected;
  }
  return passing ? exitCodes.ours : exitCodes.error;
}

/** The trainer's own code; 0 of a run that completed, 125 when it has none or is 0 though the run did not. */
export function exitCodeOfRun(run: RunSummary): number {
  if (run.status === 'completed') return exitCodes.ok;
  if (run.status === 'rejected') return exitCodes.rejected;
  if (run.exit_signal !== '') {
    const number = os.constants.signals[run.exit_signal as NodeJS.Signals] as number | undefined;
    return number === undefined ? exitCodes.ours : 128 + number;
  }
  return run.exited && run.exit_code !== 0 ? run.exit_code : exitCodes.ours;
}
