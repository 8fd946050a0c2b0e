/** Options about how a run is to end, and to begin again. */
import type { Command } from 'commander';
import { usage, wholeNumber } from './context.ts';
import { parseSeconds } from './spans.ts';
import { collect, isObject } from './values.ts';

export type EndFlags = {
  retries?: string;
  retryOn?: string[];
  retryBackoff?: string;
  stopWhen?: string[];
};

export function withEndOptions(command: Command): Command {
  return command
    .option(
      '--stop-when <rule>',
      "end it where a metric is, such as 'charts/episodic_return<50@20000': below 50 from step 20000 on",
      collect,
    )
    .option('--retries <n>', 'further attempts of a run that fails; never after a stop')
    .option(
      '--retry-on <causes>',
      'exit, signal, oom, stall, time_limit, lost, preempted, unobserved, launch, internal, or exit codes; default: all but time_limit',
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
  const { stopWhen } = flags;
  return {
    ...retryOf(flags, base),
    ...(stopWhen === undefined ? {} : { stop_when: stopWhen.map(stopRule) }),
  };
}

function retryOf(
  { retries, retryOn, retryBackoff }: EndFlags,
  base: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
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

/** `charts/episodic_return<50@20000`. */
function stopRule(text: string): Record<string, unknown> {
  const [, key = '', sign, value = '', after] =
    /^(.+?)\s*([<>])\s*(-?[\d.]+(?:e[+-]?\d+)?)(?:@(\d+))?$/i.exec(text) ?? [];
  if (sign === undefined || Number.isNaN(Number(value)))
    throw usage('--stop-when', `must be a rule, not "${text}"`, "such as 'charts/loss>5@1000'");
  return {
    key,
    [sign === '<' ? 'below' : 'above']: Number(value),
    ...(after === undefined ? {} : { after_steps: Number(after) }),
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
