/** Asks Slurm about all jobs at once, more often while something is waited for. */
import { messageOf } from '../../errors.ts';
import type { Clock } from '../../telemetry/index.ts';
import type { JobHint, Tools } from './tools.ts';

export type JobSeen = {
  /** Null: Slurm did not mention it. */
  readonly hint: JobHint | null;
  /** How long its answers have said so, ms. */
  readonly forMs: number;
};

export type JobWatch = {
  /** What Slurm says of a job of this name: a number that was never saved is given to somebody else's job. */
  of(job: string, name: string): JobSeen;
  /** Milliseconds since the last answer; null: none so far. */
  answeredMs(): number | null;
  trouble(): string | null;
  /** Asks now, or soon when an answer is under way. */
  hurry(): void;
  close(): void;
};

export function createJobWatch(options: {
  tools: Tools;
  clock: Clock;
  /** Between two questions, while a job is waited for. */
  pollMs: number;
  /** `waited`: somebody waits for a job; `none`: there is none. */
  need: () => 'none' | 'calm' | 'waited';
  /** Told after each answer, and after each failure. */
  answered: () => void;
}): JobWatch {
  const { tools, clock, pollMs } = options;
  const seen = new Map<string, { hint: JobHint; since: number }>();
  /** Jobs that were asked for and not mentioned, by number and name, since when. */
  const absent = new Map<string, number>();
  const keyOf = (job: string, name: string): string => `${job} ${name}`;
  let answeredAt: number | null = null;
  let trouble: string | null = null;
  let asking = false;
  let again = false;
  let closed = false;
  let callOff: () => void = () => undefined;

  const now = (): number => clock.now().mono_ms;
  const ask = async (): Promise<void> => {
    if (asking || closed) {
      again = true;
      return;
    }
    callOff();
    asking = true;
    again = false;
    try {
      const jobs = await tools.jobs();
      const at = now();
      answeredAt = at;
      trouble = null;
      const mentioned = new Set(jobs.map(({ id }) => id));
      for (const hint of jobs) {
        const before = seen.get(hint.id);
        const same = before?.hint.state === hint.state && before.hint.name === hint.name;
        seen.set(hint.id, { hint, since: same ? (before?.since ?? at) : at });
        absent.delete(keyOf(hint.id, hint.name));
      }
      for (const [id, { hint }] of seen) {
        if (mentioned.has(id)) continue;
        seen.delete(id);
        absent.set(keyOf(id, hint.name), at);
      }
    } catch (error) {
      trouble = messageOf(error);
    }
    asking = false;
    if (closed) return;
    options.answered();
    wait();
  };
  const wait = (): void => {
    callOff();
    const need = options.need();
    if (need === 'none' && !again) return;
    callOff = clock.after(again ? 200 : need === 'waited' ? pollMs : 5 * pollMs, () => void ask());
  };

  /** Until its last answer: what it says while it does not answer is nothing. */
  const saidFor = (since: number): number => Math.max(0, (answeredAt ?? since) - since);

  return {
    of(job, name) {
      const known = seen.get(job);
      const found = known?.hint.name === name ? known : undefined;
      if (found !== undefined) return { hint: found.hint, forMs: saidFor(found.since) };
      const since = absent.get(keyOf(job, name));
      if (since === undefined) {
        // Counted from the first answer that could have named it.
        absent.set(keyOf(job, name), answeredAt ?? now());
        return { hint: null, forMs: 0 };
      }
      return { hint: null, forMs: saidFor(since) };
    },
    answeredMs: () => (answeredAt === null ? null : now() - answeredAt),
    trouble: () => trouble,
    hurry: () => void ask(),
    close() {
      closed = true;
      callOff();
    },
  };
}
