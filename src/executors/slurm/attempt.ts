/**
 * The daemon's end of one attempt that is a job: hands it to Slurm, hears its worker, and judges what is left to be
 * judged when that says nothing (`judgement.ts`).
 */
import { messageOf, RunyardError } from '../../errors.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ExecutorEvents, Fact, Wish } from '../executor.ts';
import { createJobEnding } from './ending.ts';
import { createInquest, type Inquest, wasKilled } from './inquest.ts';
import { createJobRecord } from './job-file.ts';
import { type JobVerdict, judgeJob, type Patience } from './judgement.ts';
import { type JobClaim, slotsOfClaim } from './parcel.ts';
import { createJobSession } from './session.ts';
import { idByName, type Order, type Submitting } from './submitting.ts';
import type { TalkPort, TalkReply, TalkRequest } from './talk.ts';
import type { Tools } from './tools.ts';
import type { JobWatch } from './watch.ts';

export type JobAttemptOptions = {
  runId: string;
  attempt: number;
  /** Its directory at home, and its store of artifacts. */
  places: { attempt: string; store: string };
  tools: Tools;
  submitting: Submitting;
  watch: JobWatch;
  talk: TalkPort;
  events: ExecutorEvents;
  patience: Patience;
  /** Told when Slurm was seen to be done with its job, after its run is. */
  done: () => void;
  clock: Clock;
  log: Logger;
};

export type JobAttempt = ReturnType<typeof createJobAttempt>;

/** A worker that was not heard for this long does not count on for what is wished. */
const deafMs = 5000;

export function createJobAttempt(options: JobAttemptOptions) {
  const { runId, attempt, places, tools, watch, talk, events, clock, log } = options;
  const record = createJobRecord(places.attempt);
  let heardAt: number | null = record.file()?.claim == null ? null : clock.now().mono_ms;
  let over = false;
  let closed = false;
  let collected = false;
  let again: string | null = null;
  let text = '';
  let inquest: Inquest | null = null;
  let told = false;
  /** Since when the bus answers while the worker says nothing. */
  const quiet: { since: number | null; asking: boolean } = { since: null, asking: false };
  const claimWaiters = new Set<() => void>();

  const now = (): number => clock.now().mono_ms;
  const heardMs = (): number | null => (heardAt === null ? null : now() - heardAt);
  const hears = (): boolean => (heardMs() ?? Number.POSITIVE_INFINITY) < deafMs;

  const ending = createJobEnding({
    ...{ runId, attempt, record, tools, watch, talk, clock, log, hears, done: options.done },
  });

  const keepClaim = (claim: JobClaim): void => {
    const { name = '', task = null } = record.file() ?? {};
    // A later sbatch of the same attempt may have the name by now: what has begun is the job.
    record.write({ v: 1, name, task, job: claim.job, claim });
    heardAt = now();
    for (const waiter of [...claimWaiters]) waiter();
    void ending.cancelOthers(claim.job);
  };

  const view = () => {
    const job = record.file()?.job ?? null;
    if (job === null) return null;
    const { hint, forMs } = watch.of(job, record.file()?.name ?? '');
    return {
      job,
      claimed: record.file()?.claim != null,
      heardMs: heardMs(),
      state: hint?.state ?? null,
      reason: hint?.reason ?? '',
      nodes: hint?.nodes || (record.file()?.claim?.node ?? ''),
      forMs,
      answeredMs: watch.answeredMs(),
      again,
      gaveUp: record.file()?.gave_up === true,
    };
  };

  /** Looks anew, after an answer of Slurm. */
  const look = (): void => {
    if (closed || over || told) return;
    const seen = view();
    if (seen === null) {
      text = options.submitting.trouble() ?? '';
      return;
    }
    const verdict = judgeJob(seen, options.patience);
    if (verdict.kind !== 'end') quiet.since = null;
    if (verdict.kind !== 'gone') text = verdict.text;
    if (verdict.kind === 'gone') void settle(verdict);
    if (verdict.kind === 'end') void giveUp();
  };

  /** Has Slurm end it, once the bus has been there for so long that its worker would have been heard. */
  const giveUp = async (): Promise<void> => {
    if (quiet.asking) return;
    quiet.asking = true;
    const answers = await talk.answers();
    quiet.asking = false;
    const file = record.file();
    if (closed || over || file === null || hears()) return;
    quiet.since = answers ? (quiet.since ?? now()) : null;
    if (quiet.since === null || now() - quiet.since < options.patience.silentMs) return;
    log.warn({ runId, attempt, job: file.job }, 'a job that says nothing is ended in Slurm');
    record.write({ ...file, gave_up: true });
    await ending.cancel();
  };

  /** It is over for Slurm, and nothing is heard of it. What was never claimed is made sure to stay so. */
  const settle = async (verdict: Extract<JobVerdict, { kind: 'gone' }>): Promise<void> => {
    if (told) return;
    told = true;
    try {
      if (record.file()?.claim == null) {
        const claim = await talk.voidClaim(runId, attempt);
        if (claim !== null) {
          // It has begun after all, and its word is on its way, or was lost with it.
          keepClaim(claim);
          told = false;
          return;
        }
      }
    } catch (error) {
      // No bus, no verdict: without it nobody can begin the attempt either.
      text = `${verdict.text}; the bus is away: ${messageOf(error)}`;
      told = false;
      return;
    }
    if (closed || over) return;
    const { status, code } = verdict;
    log.warn({ runId, attempt, code, job: record.file()?.job }, 'a job is gone');
    try {
      events.onGone?.(runId, attempt, { status, code, text: verdict.text });
    } catch (error) {
      // It could not be stored: it is judged again.
      text = `${verdict.text}; ${messageOf(error)}`;
      told = false;
    }
  };

  /** The number of a job that was handed over by a daemon before us, or by a call whose answer was lost. */
  const foundByName = async (name: string, signal: AbortSignal): Promise<string | null> => {
    for (let looks = 0; looks < 2 && !signal.aborted; ) {
      try {
        const id = await idByName(tools, name);
        if (id !== null) return record.file()?.task == null ? id : `${id}_${record.file()?.task}`;
        looks += 1;
      } catch (error) {
        text = messageOf(error);
      }
      // An empty answer may be one too early.
      await new Promise<void>((resolve) => clock.after(1500, resolve));
    }
    return null;
  };

  const handOver = async (order: Order, signal: AbortSignal): Promise<void> => {
    const before = record.file();
    if (before !== null && before.job === null) {
      const job = await foundByName(before.name, signal);
      if (job !== null) record.write({ ...before, job });
    }
    if (record.file()?.job == null && !signal.aborted) {
      const job = await options.submitting.submit(order, signal);
      const written = record.reread();
      if (written === null) throw new RangeError('a job without its file');
      // One that began before sbatch had answered is the job.
      record.write({ ...written, job: written.claim?.job ?? job });
    }
    watch.hurry();
  };

  const claimed = (signal: AbortSignal): Promise<JobClaim> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const claim = record.file()?.claim ?? null;
        if (claim === null && !signal.aborted) return;
        claimWaiters.delete(check);
        signal.removeEventListener('abort', check);
        if (claim !== null) resolve(claim);
        else reject(new RunyardError('cancelled', 'its state was left'));
      };
      claimWaiters.add(check);
      signal.addEventListener('abort', check);
      check();
    });

  const isOurs = (claim: JobClaim): boolean => record.file()?.claim?.start === claim.start;

  /** True when the fact may be acknowledged. */
  const takeFact = (fact: Fact): boolean => {
    if (fact.fact === 'output.collected') collected = true;
    if (fact.fact !== 'trainer.exited' || session.wanted() !== null || !wasKilled(fact))
      return events.onFact(fact);
    if (inquest === null) {
      const asked = createInquest(tools, clock, () => {
        const { job, name = '' } = record.file() ?? {};
        return { job: job ?? '', name };
      });
      inquest = asked;
      // It may not live to say it again: what was heard is applied when the answer is there.
      void asked.ask().then(() => events.onFact(asked.withCause(ofNow(fact))));
    }
    return inquest.isDone() && events.onFact(inquest.withCause(ofNow(fact)));
  };

  /** Another worker may speak for it by now. */
  const ofNow = (fact: Fact): Fact => ({ ...fact, generation: session.generation() });

  const session = createJobSession({
    ...{ runId, attempt, places, events, takeFact, clock },
    job: () => record.file()?.job ?? '',
  });

  const receive = async (request: TalkRequest, data: Buffer): Promise<TalkReply> => {
    const { claim, message } = request;
    if (message.type === 'turned_away') {
      again = message.node;
      log.warn({ runId, attempt, job: claim.job, node: message.node }, 'a second start');
      return session.reply([]);
    }
    if (!over && record.file()?.claim == null) keepClaim(claim);
    // Another start cannot have stored its claim; whoever says so has read it where a stream was made anew.
    if (!isOurs(claim)) return session.reply([{ type: 'over' }]);
    heardAt = now();
    return session.receive(request, data);
  };

  return {
    runId,
    attempt,
    /** Resolves with its slots when a start of the job has the attempt. Idempotent. */
    async allocate(order: Order, signal: AbortSignal): Promise<string[]> {
      await handOver(order, signal);
      return slotsOfClaim(await claimed(signal));
    },
    look,
    receive,
    wish(wish: Wish): void {
      session.wish(wish);
      // Its worker does it; where none is heard, Slurm can.
      if (!hears() && wish.kind === 'terminate')
        void ending.cancel(wish.signal.replace(/^SIG/, ''));
      if (!hears() && wish.kind === 'kill') void ending.cancel('KILL');
    },
    /** True when nothing of it lives, nor will. Ends what does. */
    swept: async (): Promise<boolean> => (collected && over) || ending.swept(),
    detach(): void {
      if (over) return;
      over = true;
      session.end();
      ending.linger();
    },
    why: () => text,
    isWaiting: () => !over && record.file()?.claim == null,
    isSilent: () => !over && record.file()?.claim != null && !hears(),
    isOver: () => over,
    close(): void {
      closed = true;
      ending.close();
      session.close();
    },
  };
}
