/** People and programs that ask the daemon: they give up waiting, ask again, and watch events. */
import type { RunEvent } from '../../src/contracts/index.ts';
import { errnoOf, RunyardError } from '../../src/errors.ts';
import type { Checker } from './checker.ts';
import type { Daemon } from './daemon.ts';
import type { ClientWish, RunPlan } from './plan.ts';
import type { Stage } from './stage.ts';

export type ClientOptions = {
  stage: Stage;
  checker: Checker;
  /** The daemon that serves now. */
  daemon: () => Daemon | null;
};

/** How long an answer is waited for, and how soon one asks again. */
const answerMs = 4000;
const againMs = 700;
/** Refusals that an asker has to live with. */
const refusals = [
  'run_not_running',
  'run_not_queued',
  'run_not_found',
  'registry_unavailable',
  'disk_full',
];

/** Plays what people do about one run, from its submit on. */
export function playClient(options: ClientOptions, plan: RunPlan): void {
  const { stage, checker } = options;
  const { schedule, trace } = stage;
  const random = stage.random.fork();
  const ask = createAsk(options);

  let asked: RunPlan['config'] | null = null;
  const submit = (): void => {
    let over = false;
    // One key stands for one configuration, however often it is sent.
    asked ??= configOf(plan, stage);
    const config = asked;
    const again = (): void => {
      if (!over) schedule.after(againMs * (0.5 + random.next()), null, submit);
      over = true;
    };
    schedule.after(answerMs, null, again);
    const request = {
      key: plan.key,
      user: 'ana',
      config,
      env_ref: null,
      traceparent: `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-01`,
    };
    const isAsked = call(
      options,
      (daemon) => daemon.orchestrator.submit(request),
      ({ run_id }) => {
        // What the daemon has said counts, whether or not it gets through.
        checker.submitted(run_id);
        stage.runOf.set(plan.id, run_id);
        trace.note(`submit of ${plan.id} is answered: ${run_id}`);
        if (over || (!stage.faults.healed() && random.chance(0.1))) return;
        over = true;
        follow(run_id);
      },
      (error) => {
        expectRefusal(stage, 'submit', error);
        again();
      },
    );
    if (!isAsked) again();
  };

  const follow = (runId: string): void => {
    for (const { atMs, wish } of plan.wishes) schedule.after(atMs, null, () => ask(runId, wish));
    const { impatientMs } = plan;
    if (impatientMs !== null) {
      stage.trainerEnded.set(runId, () => {
        schedule.after(impatientMs, null, () => ask(runId, 'stop --now'));
      });
    }
    if (random.chance(0.3)) watchEvents(options, runId);
  };

  schedule.after(plan.atMs, null, submit);
}

/** Of its dependency only the person knows which run that has become. */
function configOf({ config, after }: RunPlan, stage: Stage): RunPlan['config'] {
  const run = after === null ? undefined : stage.runOf.get(after.plan);
  return run === undefined || after === null
    ? config
    : { ...config, after: [{ run, on: after.on }] };
}

/** What people ask of a run that they know. */
export function createAsk(options: ClientOptions): (runId: string, wish: ClientWish) => void {
  const { stage, checker } = options;
  const random = stage.random.fork();
  return (runId, wish) => {
    const about = { run: runId, user: 'bo', reason: reasonOf(random.next()) };
    if (wish === 'stop group') return stopGroup(options, runId, random.chance(0.2));
    const isStop = wish === 'stop' || wish === 'stop --now';
    if (isStop) checker.stopAsked(runId);
    stage.trace.note(`${wish} of ${runId} is asked`);
    call(
      options,
      async (daemon) => {
        const { orchestrator } = daemon;
        if (wish === 'get') return orchestrator.get(runId);
        if (wish === 'pause') return orchestrator.pause(about);
        if (wish === 'resume') return orchestrator.resume(about);
        if (wish === 'hold') return orchestrator.hold(about);
        if (wish === 'release') return orchestrator.release(about);
        return orchestrator.stop({ ...about, now: wish === 'stop --now' });
      },
      (summary) => {
        if (Buffer.byteLength(JSON.stringify(summary)) > 4096) {
          stage.violate('small-control', `the summary of ${runId}`);
        }
        if (isStop) checker.stopAcknowledged(runId);
      },
      (error) => expectRefusal(stage, wish, error),
    );
  };
}

/** Stops the whole group of a run, as long as that daemon lives. */
function stopGroup(options: ClientOptions, runId: string, now: boolean): void {
  const { stage, checker } = options;
  const { group } = checker.runs().get(runId)?.plan.config ?? {};
  if (group === undefined) return;
  stage.trace.note(`stop of group ${group} is asked`);
  call(
    options,
    async (daemon) => {
      const { members, ended } = checker.groupStop(group);
      try {
        const request = { group, user: 'bo', reason: 'wrong lr', now };
        for await (const _ of daemon.orchestrator.stopGroup(request));
      } finally {
        ended();
      }
      return members;
    },
    (members) => {
      for (const member of members) checker.stopAcknowledged(member);
    },
    (error) => expectRefusal(stage, 'stop group', error),
  );
}

/** One call over a connection that may break: the answer is told, or nothing ever. */
function call<T>(
  options: ClientOptions,
  ask: (daemon: Daemon) => Promise<T>,
  answered: (value: T, daemon: Daemon) => void,
  refused: (error: unknown) => void,
): boolean {
  const daemon = options.daemon();
  if (daemon === null) return false;
  ask(daemon).then(
    (value) => {
      if (!daemon.life.dead) answered(value, daemon);
    },
    (error) => {
      if (!daemon.life.dead) refused(error);
    },
  );
  return true;
}

/** Reads a run's events from where it is, whenever the daemon says that there are more. */
function watchEvents({ stage, checker, daemon }: ClientOptions, runId: string): void {
  let next = 1;
  let of: Daemon | null = null;
  const readOn = (): void => {
    if (of === null || of.life.dead) return;
    const events: RunEvent[] = of.orchestrator.events(runId, next, 100);
    for (const event of events) checker.shown(event);
    next += events.length;
  };
  const connect = (): void => {
    if (of === null || of.life.dead) {
      of = daemon();
      of?.orchestrator.onEvents(runId, readOn);
      readOn();
    }
    if (checker.runs().get(runId)?.state.startsWith('done.') !== true) {
      stage.schedule.after(1000, null, connect);
    }
  };
  connect();
}

function expectRefusal(stage: Stage, what: string, error: unknown): void {
  if (error instanceof RunyardError && refusals.includes(error.code)) return;
  if (/^(SQLITE_|EIO|ENOSPC)/.test(errnoOf(error) ?? '')) return;
  stage.violate('no-surprise', `${what}: ${error instanceof Error ? error.stack : error}`);
}

/** Some reasons are long, and of the kind that grows when it is written as JSON. */
function reasonOf(chance: number): string {
  if (chance < 0.9) return 'wrong lr';
  return (chance < 0.95 ? '€' : '\u0001').repeat(3000);
}
