/**
 * Ends a run where a metric is where its user said: each point is looked at in the order in which it is
 * found. What was met is written down before the point is published, so that a worker that takes over,
 * and finds the point published, tells it too.
 */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles, writeAtomic } from '../rundir/index.ts';
import type { Found } from './feed.ts';

export type StopRule = {
  key: string;
  /** At least one of these two. */
  below?: number;
  above?: number;
  /** Points of earlier steps, and of none, do not count. */
  after_steps?: number;
};

/** Where it is kept that a rule was met. */
export type RuleFile = { read(): string | null; write(text: string): void };

export type PointWatch = {
  note(found: Found): void;
  /** The trainer was found: from here on what was met is told. */
  begin(): void;
  /** `return 204`: what is shown of a run beside its state. */
  last(): string | null;
};

export function createPointWatch(options: {
  /** Asked with the first point: the attempt may be prepared after its worker began. */
  rules: () => readonly StopRule[];
  file: RuleFile;
  /** What is found once the trainer has ended does not end it any more. */
  isOver: () => boolean;
  met: (text: string) => void;
}): PointWatch {
  const { file } = options;
  let rules: readonly StopRule[] | null = null;
  let met: string | null = null;
  let state: 'waits' | 'live' | 'told' = 'waits';
  let last: string | null = null;
  const tell = (): void => {
    if (met === null || state !== 'live') return;
    state = 'told';
    options.met(met);
  };
  const judge = (found: Found): void => {
    rules ??= rulesOr(options.rules);
    if (rules.length === 0) return;
    const text = rules.map((rule) => metBy(rule, found)).find((each) => each !== null);
    if (text == null) return;
    met = text;
    file.write(text);
    tell();
  };
  return {
    note(found) {
      const { key, value } = found;
      if (key === 'charts/episodic_return') last = `return ${Number(value.toPrecision(5))}`;
      if (met === null && !options.isOver()) judge(found);
    },
    begin() {
      if (state !== 'waits') return;
      state = 'live';
      met ??= file.read();
      tell();
    },
    last: () => last,
  };
}

/** An attempt whose directory was removed has none any more: others tell that. */
function rulesOr(rules: () => readonly StopRule[]): readonly StopRule[] {
  try {
    return rules();
  } catch {
    return [];
  }
}

/** `charts/episodic_return 12.5 below 50 at step 20,480`, or null. NaN is below and above nothing. */
export function metBy(rule: StopRule, { key, step, value }: Found): string | null {
  if (key !== rule.key) return null;
  if (rule.after_steps !== undefined && (step === null || step < BigInt(rule.after_steps)))
    return null;
  const at = step === null ? '' : ` at step ${step.toLocaleString('en')}`;
  const shown = Number(value.toPrecision(6));
  if (rule.below !== undefined && value < rule.below)
    return `${key} ${shown} below ${rule.below}${at}`;
  if (rule.above !== undefined && value > rule.above)
    return `${key} ${shown} above ${rule.above}${at}`;
  return null;
}

/** In the attempt's directory. */
export function ruleFile(dir: string): RuleFile {
  const file = path.join(dir, attemptFiles.rule);
  return {
    read: () => readRule(file),
    write(text) {
      try {
        writeAtomic(file, JSON.stringify({ text, at: new Date().toISOString() }), { mode: 0o600 });
      } catch {
        // On a full disk it is told all the same, by this worker.
      }
    },
  };
}

function readRule(file: string): string | null {
  try {
    const { text } = JSON.parse(fs.readFileSync(file, 'utf8')) as { text?: unknown };
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}
