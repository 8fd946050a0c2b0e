/** Errors as a person wants to read them: what, then where, which rule, and the way out. */
import { messageOf, RunyardError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** One line what went wrong, one for each violation; the cause only where it says more. */
export function errorLines(error: unknown, paint: Terminal['paint']): string[] {
  if (!(error instanceof RunyardError)) return [`${label(paint)} ${messageOf(error)}`];
  const lines = [`${label(paint)} ${error.message}`];
  for (const { field, rule, hint } of error.violations) {
    lines.push(`  ${paint('bold', field)}  ${rule}${hint === '' ? '' : ` — ${hint}`}`);
  }
  // That nobody listens is all that a refused connection has to say; what ssh tried is worth a line.
  const refused = (error.cause as { syscall?: unknown; details?: unknown }) ?? {};
  const told =
    error.code === 'daemon_not_running' && ('syscall' in refused || 'details' in refused);
  if (error.cause !== undefined && !told) {
    const { details } = error.cause as { details?: string };
    const cause = details ?? messageOf(error.cause);
    if (cause !== '' && cause !== error.message) lines.push(paint('dim', `  because: ${cause}`));
  }
  return lines;
}

/** The same for `--json`. */
export function errorJson(error: unknown): object {
  const { code, violations } =
    error instanceof RunyardError ? error : { code: 'internal', violations: [] };
  return { error: { code, message: messageOf(error), violations } };
}

function label(paint: Terminal['paint']): string {
  return paint('red', 'runyard:');
}
