/**
 * The daemon's end of one attempt that is a job: hands it to Slurm, hears its worker, and judges what is left to be
 * judged when that says nothing (`judgement.ts`).
 */
import { messageOf, RunyardError } from '../../errors.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ExecutorEvents, Fact, Wish } from '../executor.ts';
import { readJob, writeJob } from './job-file.ts';
import { endOf, type JobVerdict, judgeJob, type Patience } from './judgement.ts';
import type { JobClaim } from './parcel.ts';
import { outputSizes, takePiece } from './returned.ts';
import { idByName, type Order, type Submitting } from './submitting.ts';
import type { TalkMessage, TalkPort, TalkReply, TalkRequest } from './talk.ts';
import { isTerminal, type Tools } from './tools.ts';
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
  clock: Clock;
  log: Logger;
};

export type JobAttempt = ReturnType<typeof createJobAttempt>;

/** How long a question without news is held. */
const listenMs = 20_000;
/** A worker that was not heard for this long does not count on for what is wished. */
const deafMs = 5000;
/** How often Slurm is asked again to end a job. */
const cancelMs = 3000;
/** After its end a job may go on for Slurm for so long, and is then ended there; so many times. */
const lingerMs = 10_000;
const lingerTries = 20;
/** How long Slurm is asked why a trainer was killed that nobody here had wished to end. */
const inquestMs = { poll: 700, most: 6000 };

export function createJobAttempt(options: JobAttemptOptions) {
  const { runId, attempt, places, tools, watch, talk, events, clock, log } = options;
  let file = readJob(places.attempt);
  let session: string | null = null;
  let generation = 0;
  let heardAt: number | null = file?.claim == null ? null : clock.now().mono_ms;
  let wanted: Wish | null = null;
  let version = 1;
  let over = false;
  let closed = false;
  let collected = false;
  let again: string | null = null;
  let text = '';
  /** An end that Slurm is asked about before it is told on. */
  let inquest: { because: object | null; done: boolean } | null = null;
  let cancelledAt = Number.NEGATIVE_INFINITY;
  let told = false;
  const listeners = new Set<() => void>();
  const claimWaiters = new Set<() => void>();

  const now = (): number => clock.now().mono_ms;
  const changed = (): void => {
    version += 1;
    for (const listener of [...listeners]) listener();
  };
  const heardMs = (): number | null => (heardAt === null ? null : now() - heardAt);
  const hears = (): boolean => (heardMs() ?? Number.POSITIVE_INFINITY) < deafMs;

  const keepClaim = (claim: JobClaim): void => {
    const { name = '', task = null } = file ?? {};
    // A later sbatch of the same attempt may have the name by now: what has begun is the job.
    file = { v: 1, name, task, job: claim.job, claim };
    writeJob(places.attempt, file);
    heardAt = now();
    for (const waiter of [...claimWaiters]) waiter();
    void cancelOthers(claim.job);
  };

  /** Copies of the job, of an sbatch whose answer was never heard: only one has the attempt. */
  const cancelOthers = async (job: string): Promise<void> => {
    const name = file?.name;
    if (!name || file?.task !== null) return;
    const jobs = await tools.jobs().catch(() => []);
    for (const each of jobs)
      if (each.name === name && each.id !== job && !isTerminal(each.state))
        await tools.cancel(each.id);
  };

  const view = () => {
    const job = file?.job ?? null;
    if (job === null) return null;
    const { hint, forMs } = watch.of(job, file?.name ?? '');
    return {
      job,
      claimed: file?.claim != null,
      heardMs: heardMs(),
      state: hint?.state ?? null,
      reason: hint?.reason ?? '',
      nodes: hint?.nodes || (file?.claim?.node ?? ''),
      forMs,
      answeredMs: watch.answeredMs(),
      again,
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
    if (verdict.kind === 'wait') text = verdict.text;
    else void settle(verdict);
  };

  /** It is over for Slurm, and nothing is heard of it. What was never claimed is made sure to stay so. */
  const settle = async (verdict: Extract<JobVerdict, { kind: 'gone' }>): Promise<void> => {
    if (told) return;
    told = true;
    try {
      if (file?.claim == null) {
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
    log.warn({ runId, attempt, code, job: file?.job }, 'a job is gone');
    events.onGone?.(runId, attempt, { status, code, text: verdict.text });
  };

  /** Slots of what was granted: the job itself, and each GPU. */
  const granted = ({ job, node, gpus }: JobClaim): string[] => {
    const place = `slurm:${job}@${node}`;
    return [place, ...gpus.map((gpu) => `${place}/gpu${gpu}`)];
  };

  /** The number of a job that was handed over by a daemon before us, or by a call whose answer was lost. */
  const foundByName = async (name: string, signal: AbortSignal): Promise<string | null> => {
    for (let looks = 0; looks < 2 && !signal.aborted; ) {
      try {
        const id = await idByName(tools, name);
        if (id !== null) return file?.task == null ? id : `${id}_${file.task}`;
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
    if (file !== null && file.job === null) {
      const job = await foundByName(file.name, signal);
      if (job !== null) {
        file = { ...file, job };
        writeJob(places.attempt, file);
      }
    }
    if (file?.job == null && file?.claim == null && !signal.aborted) {
      const job = await options.submitting.submit(order, signal);
      const written = readJob(places.attempt);
      // One that began before sbatch had answered is the job.
      if (written === null) throw new RangeError('a job without its file');
      const begun = readJob(places.attempt)?.claim ?? null;
      file = { ...written, claim: begun, job: begun?.job ?? job };
      writeJob(places.attempt, file);
    }
    watch.hurry();
  };

  const claimed = (signal: AbortSignal): Promise<JobClaim> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const claim = file?.claim ?? null;
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

  const wishes = (): TalkReply['messages'] =>
    over ? [{ type: 'over' }] : wanted === null ? [] : [{ type: 'wish', wish: wanted }];

  const reply = (messages: TalkReply['messages'], more: Partial<TalkReply> = {}): TalkReply => ({
    v: 1,
    messages,
    version,
    ...more,
  });

  const listen = async (known: number): Promise<TalkReply> => {
    if (known === version && !closed) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          callOff();
          listeners.delete(end);
          resolve();
        };
        const callOff = clock.after(listenMs, end);
        listeners.add(end);
      });
    }
    return reply(known === version ? [] : wishes());
  };

  const isOurs = (claim: JobClaim): boolean => file?.claim?.start === claim.start;

  /** True when the fact may be acknowledged. */
  const takeFact = (fact: Fact): boolean => {
    if (fact.fact === 'output.collected') collected = true;
    if (fact.fact !== 'trainer.exited' || wanted !== null || !wasKilled(fact))
      return events.onFact(fact);
    if (inquest === null) {
      inquest = { because: null, done: false };
      void askWhy(inquest).then(() => events.onFact(withCause(fact)));
    }
    // It may not live to say it again: what was heard is applied when the answer is there.
    return inquest.done && events.onFact(withCause(fact));
  };

  const withCause = (fact: Fact): Fact =>
    inquest?.because == null
      ? { ...fact, generation }
      : { ...fact, generation, data: { ...fact.data, because: inquest.because } };

  /** Slurm may have ended what nobody here wished to end: it is asked, for a moment, before the end is told on. */
  const askWhy = async (into: { because: object | null; done: boolean }): Promise<void> => {
    const began = now();
    const job = file?.job ?? '';
    while (now() - began < inquestMs.most) {
      const hint = (await tools.jobs().catch(() => [])).find(
        ({ id, name }) => id === job && name === file?.name,
      );
      const { state = '', reason = '', nodes = '' } = hint ?? {};
      const end = endOf(state, { job, nodes, reason });
      if (end !== null && end.code !== 'job_failed')
        into.because = { status: end.status, code: end.code, text: end.text };
      if (end !== null) break;
      await new Promise<void>((resolve) => clock.after(inquestMs.poll, resolve));
    }
    into.done = true;
  };

  const receive = async (request: TalkRequest, data: Buffer): Promise<TalkReply> => {
    const { message } = request;
    if (message.type === 'turned_away') {
      again = message.node;
      log.warn({ runId, attempt, job: request.claim.job, node: message.node }, 'a second start');
      return reply([]);
    }
    if (!over && file?.claim == null) keepClaim(request.claim);
    // Another start cannot have stored its claim; whoever says so has read it where a stream was made anew.
    if (!isOurs(request.claim)) return reply([{ type: 'over' }]);
    heardAt = now();
    const first: { type: string; [key: string]: unknown }[] = [];
    if (session !== request.session && !over) {
      session = request.session;
      generation = events.nextGeneration(runId, attempt);
      first.push({ type: 'hello', generation }, ...wishes(), { type: 'go' });
    }
    return answered(message, first, data);
  };

  const answered = async (
    message: TalkMessage,
    first: { type: string; [key: string]: unknown }[],
    data: Buffer,
  ): Promise<TalkReply> => {
    if (over) return reply([{ type: 'over' }]);
    switch (message.type) {
      case 'fact': {
        const fact = message.fact as Fact;
        const taken = takeFact(fact);
        return reply([...first, ...(taken ? [{ type: 'ack', n: fact.n }] : [])]);
      }
      case 'beat':
        events.onBeat({
          runId,
          attempt,
          at: message.at,
          lastMetric: message.last_metric,
          busTrouble: message.bus_trouble,
        });
        return reply(first);
      case 'listen':
        return first.length > 0 ? reply(first) : listen(message.version);
      case 'expiring':
        events.onExpiring?.(runId, attempt, `Slurm ends job ${file?.job ?? ''} at its time limit`);
        return reply(first);
      case 'have':
        return reply(first, { sizes: outputSizes(places.attempt) });
      case 'file':
        try {
          takePiece(places, message, data);
          return reply(first);
        } catch (error) {
          return reply(first, { refused: messageOf(error) });
        }
      default:
        return reply(first);
    }
  };

  const cancel = async (signal?: string): Promise<void> => {
    if (file?.job == null || now() - cancelledAt < cancelMs) return;
    cancelledAt = now();
    await tools.cancel(file.job, signal);
    watch.hurry();
  };

  /** Slurm does not notice the end of a job whose slurmstepd was killed: its node would stay taken. */
  const endLinger = async (left: number): Promise<void> => {
    if (closed || left === 0 || file?.job == null) return;
    const { job, name } = file;
    const jobs = await tools.jobs().catch(() => null);
    const hint = jobs?.find((each) => each.id === job && each.name === name);
    if (jobs !== null && (hint === undefined || isTerminal(hint.state))) return;
    if (hint !== undefined && hint.state !== 'COMPLETING') {
      log.warn({ runId, attempt, job, state: hint.state }, 'a job that is over is ended in Slurm');
      await tools.cancel(job);
    }
    clock.after(lingerMs, () => void endLinger(left - 1));
  };

  return {
    runId,
    attempt,
    /** Resolves with its slots when a start of the job has the attempt. Idempotent. */
    async allocate(order: Order, signal: AbortSignal): Promise<string[]> {
      await handOver(order, signal);
      return granted(await claimed(signal));
    },
    look,
    receive,
    wish(wish: Wish): void {
      if (JSON.stringify(wish) !== JSON.stringify(wanted)) {
        wanted = wish;
        changed();
      }
      // Its worker does it; where none is heard, Slurm can.
      if (!hears() && wish.kind === 'terminate') void cancel(wish.signal.replace(/^SIG/, ''));
      if (!hears() && wish.kind === 'kill') void cancel('KILL');
    },
    /** True when nothing of it lives, nor will. Ends what does. */
    async swept(): Promise<boolean> {
      const pending = file !== null && file.job === null;
      if (file === null) return true;
      if (collected && over) return true;
      if (pending) {
        // Handed over perhaps, and never heard of: no start of it may begin.
        const id = await idByName(tools, file.name);
        if (id !== null) file = { ...file, job: file.task === null ? id : `${id}_${file.task}` };
        else if (file.claim === null) return (await talk.voidClaim(runId, attempt)) === null;
      }
      const { hint, forMs } = watch.of(file.job ?? '', file.name);
      const fresh = (watch.answeredMs() ?? Number.POSITIVE_INFINITY) < 15_000;
      if (fresh && hint !== null && isTerminal(hint.state) && !hears()) return true;
      if (fresh && hint === null && forMs > 2000 && !hears()) return true;
      await cancel(cancelledAt > 0 ? 'KILL' : undefined);
      watch.hurry();
      return false;
    },
    detach(): void {
      if (over) return;
      over = true;
      changed();
      clock.after(lingerMs, () => void endLinger(lingerTries));
    },
    attached: () => file !== null,
    claim: () => file?.claim ?? null,
    job: () => file?.job ?? null,
    why: () => text,
    isWaiting: () => !over && file?.claim == null,
    isSilent: () => !over && file?.claim != null && !hears(),
    isOver: () => over,
    close(): void {
      closed = true;
      for (const listener of [...listeners]) listener();
    },
  };
}

/** By a signal that a site's Slurm sends, or by what a shell makes of one. */
function wasKilled({ data }: Fact): boolean {
  const exit = data.exit as { kind?: string; code?: number; signal?: string } | undefined;
  if (exit?.kind === 'signaled') return true;
  return exit?.kind === 'exited' && [137, 143].includes(exit.code ?? 0);
}
