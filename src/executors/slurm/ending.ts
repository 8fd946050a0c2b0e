/** Ends a job in Slurm, and looks whether it is. That it is asked to end one says nothing: a killed slurmstepd ends nothing. */
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { JobRecord } from './job-file.ts';
import { idByName } from './submitting.ts';
import type { TalkPort } from './talk.ts';
import { isTerminal, type Tools } from './tools.ts';
import type { JobWatch } from './watch.ts';

export type JobEnding = {
  /** With a signal, to all of its processes; without, as scancel does. Not more often than is of use. */
  cancel(signal?: string): Promise<void>;
  /** True when nothing of it lives, nor will. Ends what does. Throws `slurm_away`, `bus_unavailable`. */
  swept(): Promise<boolean>;
  /** Its run is over: sees to it that it is in Slurm too, some time later. */
  linger(): void;
  /** Ends other jobs of its name: of an sbatch whose answer was never heard there may be two. */
  cancelOthers(job: string): Promise<void>;
  close(): void;
};

/** How often Slurm is asked again to end a job. */
const cancelMs = 3000;
/** Older answers say nothing about now. */
const freshMs = 15_000;
/** An answer may be one too early to name a job. */
const absentMs = 2000;
/** After its end a job may go on for Slurm for so long, and is then ended there; so many times. */
const lingerMs = 10_000;
const lingerTries = 20;

export function createJobEnding(options: {
  runId: string;
  attempt: number;
  record: JobRecord;
  tools: Tools;
  watch: JobWatch;
  talk: TalkPort;
  clock: Clock;
  log: Logger;
  /** Whether its worker was heard a moment ago. */
  hears: () => boolean;
  /** Told when Slurm was seen to be done with it, after its run is. */
  done: () => void;
}): JobEnding {
  const { runId, attempt, record, tools, watch, talk, clock, log, hears } = options;
  let cancelledAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  const cancel = async (signal?: string): Promise<void> => {
    const { job = null, name = '' } = record.file() ?? {};
    const now = clock.now().mono_ms;
    if (job === null || now - cancelledAt < cancelMs) return;
    cancelledAt = now;
    await tools.cancel({ id: job, name }, signal);
    watch.hurry();
  };

  /** Slurm does not notice the end of a job whose slurmstepd was killed: its node would stay taken. */
  const lookAgain = async (left: number): Promise<void> => {
    const { job = null, name = '' } = record.file() ?? {};
    if (closed || left === 0) return;
    if (job === null) return options.done();
    // Many end together: one answer serves them all.
    const jobs = await tools.jobs(lingerMs / 2).catch(() => null);
    const hint = jobs?.find((each) => each.id === job && each.name === name);
    if (jobs !== null && (hint === undefined || isTerminal(hint.state))) return options.done();
    if (hint !== undefined && hint.state !== 'COMPLETING') {
      log.warn({ runId, attempt, job, state: hint.state }, 'a job that is over is ended in Slurm');
      await tools.cancel({ id: job, name });
    }
    clock.after(lingerMs, () => void lookAgain(left - 1));
  };

  return {
    cancel,
    async swept() {
      const file = record.file();
      if (file === null) return true;
      if (file.job === null) {
        // Handed over perhaps, and never heard of: no start of it may begin.
        const id = await idByName(tools, file.name);
        if (id === null) return (await talk.voidClaim(runId, attempt)) === null;
        record.write({ ...file, job: file.task === null ? id : `${id}_${file.task}` });
        return false;
      }
      const { hint, forMs } = watch.of(file.job, file.name);
      const fresh = (watch.answeredMs() ?? Number.POSITIVE_INFINITY) < freshMs;
      const over = hint === null ? forMs > absentMs : isTerminal(hint.state);
      if (fresh && over && !hears()) return true;
      await cancel(cancelledAt > 0 ? 'KILL' : undefined);
      watch.hurry();
      return false;
    },
    linger: () => void clock.after(lingerMs, () => void lookAgain(lingerTries)),
    async cancelOthers(job) {
      const { name = '', task = null } = record.file() ?? {};
      if (name === '' || task !== null) return;
      for (const each of await tools.jobs().catch(() => []))
        if (each.name === name && each.id !== job && !isTerminal(each.state))
          await tools.cancel({ id: each.id, name });
    },
    close() {
      closed = true;
    },
  };
}
