/** Options about how a run is to end, and to begin again. */
import type { Command } from 'commander';
import { usage, wholeNumber } from './context.ts';
import { parseSeconds } from './spans.ts';

export type EndFlags = {
  retries?: string;
  retryOn?: string[];
  retryBackoff?: string;
};

export function withEndOptions(command: Command): Command {
  return command
    .option('--retries <n>', 'further attempts of a run that fails; never after a stop')
    .option(
      '--retry-on <causes>',
      'exit, signal, oom, stall, time_limit, lost, unobserved, launch, internal, or exit codes; default: all but time_limit',
      collect,
    )
    .option(
      '--retry-backoff <time>',
      'before the first retry, each further one twice; default: 10s',
    );
}

/** What of a configuration they say; what a file says besides stays. Throws usage. */
export function endsOf(
  flags: EndFlags,
  base: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { retries, retryOn, retryBackoff } = flags;
  if (retries === undefined && retryOn === undefined && retryBackoff === undefined) return {};
  const before = isObject(base.retry) ? base.retry : {};
  if (retries === undefined && before.max === undefined) {
    const option = retryOn === undefined ? '--retry-backoff' : '--retry-on';
    throw usage(option, 'says nothing about how often', 'add --retries 3');
  }
  return {
    retry: {
      ...before,
      ...(retries === undefined ? {} : { max: wholeNumber(retries, '--retries') }),
      ...(retryOn === undefined ? {} : { on: retryOn.flatMap(causes) }),
      ...(retryBackoff === undefined
        ? {}
        : { backoff_s: parseSeconds(retryBackoff, '--retry-backoff') }),
    },
  };
}

/** `oom,stall,137`. Which names there are is the daemon's to check. */
function causes(text: string): (string | number)[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => (/^\d+$/.test(word) ? Number(word) : word));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
