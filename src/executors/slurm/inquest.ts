/** Slurm may have ended what nobody here wished to end: it is asked, for a moment, before the end is told on. */
import type { Clock } from '../../telemetry/index.ts';
import type { Fact } from '../executor.ts';
import { endOf } from './judgement.ts';
import type { Tools } from './tools.ts';

export type Inquest = {
  /** Resolves when Slurm has said why, or nothing was to be had for too long. Asked once. */
  ask(): Promise<void>;
  isDone(): boolean;
  /** The fact, with what Slurm said of it. */
  withCause(fact: Fact): Fact;
};

const pollMs = 700;
/** How long it may take Slurm to say it, and to say anything at all. */
const patienceMs = { word: 6000, answer: 60_000 };

export function createInquest(
  tools: Tools,
  clock: Clock,
  job: () => { job: string; name: string },
): Inquest {
  let because: object | null = null;
  let done = false;
  let asked: Promise<void> | null = null;

  const ask = async (): Promise<void> => {
    const began = clock.now().mono_ms;
    let answeredAt: number | null = null;
    /** What its controller has forgotten, it kills: said by what it says last. */
    let forgotten: object | null = null;
    for (;;) {
      const now = clock.now().mono_ms;
      if (now - began > patienceMs.answer) break;
      if (answeredAt !== null && now - answeredAt > patienceMs.word) break;
      const which = job();
      const jobs = await tools.jobs().catch(() => null);
      if (jobs !== null) {
        answeredAt ??= now;
        const hint = jobs.find(({ id, name }) => id === which.job && name === which.name);
        const { state = '', reason = '', nodes = '' } = hint ?? {};
        const end = endOf(state, { job: which.job, nodes, reason });
        forgotten = forgottenBy(which.job, hint?.state);
        if (end !== null && end.code !== 'job_failed')
          because = { status: end.status, code: end.code, text: end.text };
        if (end !== null) break;
      }
      await new Promise<void>((resolve) => clock.after(pollMs, resolve));
    }
    because ??= forgotten;
    done = true;
  };

  return {
    ask() {
      asked ??= ask();
      return asked;
    },
    isDone: () => done,
    withCause: (fact) => (because === null ? fact : { ...fact, data: { ...fact.data, because } }),
  };
}

/** Of a job that has begun, and that waits for Slurm, or is unknown to it. */
function forgottenBy(job: string, state: string | undefined): object | null {
  if (state === undefined) {
    const text = `Slurm has forgotten job ${job}, and ended what it found of it`;
    return { status: 'lost', code: 'job_lost', text };
  }
  if (state !== 'PENDING') return null;
  const text = `Slurm has forgotten that job ${job} had begun, and ended what it found of it`;
  return { status: 'lost', code: 'job_restarted', text };
}

/** By a signal that a site's Slurm sends, or by what a shell makes of one. */
export function wasKilled({ data }: Fact): boolean {
  const exit = data.exit as { kind?: string; code?: number } | undefined;
  if (exit?.kind === 'signaled') return true;
  return exit?.kind === 'exited' && [137, 143].includes(exit.code ?? 0);
}
