/** Every invariant of design.md that can be seen from outside, checked as things happen. */
import type { Fact } from '../../src/executors/index.ts';
import type { Db } from '../../src/persistence/index.ts';
import { excludeEachOther } from '../../src/slots.ts';
import type { Stored } from './bus.ts';
import { createGroups } from './groups.ts';
import type { RunPlan } from './plan.ts';
import { createRetries, endedOf } from './retries.ts';
import type { Stage } from './stage.ts';
import { type Circumstances, type End, falsehood, fulfils, unjustified } from './truth.ts';

export type Transition = {
  pos: number;
  run_id: string;
  seq: number;
  attempt: number;
  event: string;
  from_state: string;
  to_state: string;
  detail: string;
};
type Row = {
  state: string;
  status: string;
  gpu_slot: string;
  stop: string | null;
  exit: string | null;
  failure_reason: string | null;
  config: string;
  hold: string | null;
};
export type View = {
  plan: RunPlan;
  state: string;
  attempt: number;
  seq: number;
  slots: string[];
  /** Attempts whose start was committed, and since when the newest holds its slots. */
  launched: Set<number>;
  leasedAt: number | null;
};

export type Checker = {
  /** A daemon opened the registry: what was acknowledged must be in it. */
  opened(raw: Db): void;
  closed(): void;
  /** An effect begins: its transition must be committed. */
  began(effect: string, runId: string, attempt: number | null): void;
  launching(runId: string, attempt: number): void;
  fact(fact: Fact, apply: () => boolean): boolean;
  stored(message: Stored): void;
  submitted(runId: string): void;
  stopAsked(runId: string): void;
  stopAcknowledged(runId: string): void;
  /** A daemon begins to stop a group; returns its members, and what ends that. */
  groupStop(group: string): { members: readonly string[]; ended: () => void };
  /** A subscriber was shown this event. */
  shown(event: { run_id: string; seq: number; event: string; to: string }): void;
  /** Takes note of what was committed since. */
  look(): void;
  runs(): ReadonlyMap<string, View>;
  acknowledged(): ReadonlySet<string>;
  /** How many there are in the registry. */
  transitions(): number;
};

/** Where each effect is invoked: the state, or how it begins. */
const places: Readonly<Record<string, readonly string[]>> = {
  preflight: ['allocating.preflight'],
  lease: ['allocating.leasing'],
  launch: ['running.starting'],
  watch: ['running.'],
  pause: ['running.paused.'],
  resume: ['running.resuming'],
  terminate: ['stopping.terminating'],
  void: ['stopping.terminating', 'stopping.killing'],
  kill: ['stopping.killing'],
  collect: ['stopping.collecting'],
  release: ['stopping.releasing'],
  // The daemon itself kills what no worker comes to kill.
  sweep: ['stopping.killing', 'stopping.releasing'],
};
const rowSql = `SELECT state, status, gpu_slot, stop, exit, failure_reason, config, hold FROM runs
  WHERE run_id = ?`;
const controlMax = 4096;

export type CheckerOptions = {
  stage: Stage;
  reboots: () => number;
  /** Of the registry, ever. */
  commits: () => number;
  onTransition: (transition: Transition) => void;
};

export function createChecker(options: CheckerOptions): Checker {
  const { stage, reboots, commits, onTransition } = options;
  const { journal, machine, schedule, trace, violate } = { ...stage, violate: stage.violate };
  const retries = createRetries(stage, reboots);
  const groups = createGroups(stage);
  let raw: Db | null = null;
  let pos = 0;
  let count = 0;
  let looked = -1;
  const runs = new Map<string, View>();
  const acknowledged = new Set<string>();
  const stopped = new Map<string, { kept: boolean }>();
  const asked = new Set<string>();
  const askedGroups = new Set<string>();
  const shown = new Map<string, string[]>();
  let streamed: { epoch: string; pos: number; seqs: Map<string, number> } | null = null;

  const read = <T>(sql: string, ...values: (string | number)[]): T[] =>
    raw === null ? [] : (statement(raw, sql).all(values) as T[]);
  const rowOf = (runId: string): Row | undefined => read<Row>(rowSql, runId)[0];
  const newer = (after: number): Transition[] =>
    read('SELECT * FROM transitions WHERE pos > ? ORDER BY pos', after);

  const viewOf = (t: Transition): View => {
    const found = runs.get(t.run_id);
    if (found !== undefined) return found;
    const command = JSON.parse(rowOf(t.run_id)?.config ?? '{}').command as string[];
    const plan = stage.plans.get(command[1] ?? '');
    if (plan === undefined) throw new Error(`no plan of ${t.run_id}`);
    const launched = new Set<number>();
    const made: View = { plan, state: '', attempt: 1, seq: 0, slots: [], launched, leasedAt: null };
    runs.set(t.run_id, made);
    return made;
  };

  /** One committed transition, seen for the first time or, after a restart, once more. */
  const take = (t: Transition, fresh: boolean): void => {
    const view = viewOf(t);
    retries.take(t, view.plan.config.retry, fresh);
    if (t.seq !== view.seq + 1) violate('gapless', `${t.run_id}: ${t.seq} follows ${view.seq}`);
    if (t.from_state !== view.state) {
      violate('gapless', `${t.run_id}: from ${t.from_state}, but it was ${view.state}`);
    }
    count += 1;
    view.seq = t.seq;
    view.state = t.to_state;
    if (t.to_state === 'running.starting') view.launched.add(t.attempt);
    view.attempt = t.attempt;
  };

  const checkSlots = (runId: string, view: View, row: Row): void => {
    const holds = !/^(queued|done\.)/.test(view.state);
    view.slots = holds ? (JSON.parse(row.gpu_slot) as string[]) : [];
    for (const [otherId, other] of runs) {
      const both =
        otherId === runId
          ? []
          : other.slots.filter((slot) => view.slots.some((own) => excludeEachOther(own, slot)));
      if (both.length > 0) violate('no-double-lease', `${both} of ${runId} and ${otherId}`);
    }
    const leases = read<{ slot: string; attempt: number; quarantined_at: string | null }>(
      'SELECT * FROM leases WHERE run_id = ?',
      runId,
    );
    if (view.state.startsWith('running.')) {
      const missing = view.slots.filter(
        (slot) => !leases.some((l) => l.slot === slot && l.attempt === view.attempt),
      );
      if (missing.length > 0) violate('no-double-lease', `${runId} runs without ${missing}`);
    }
    const left = leases.filter(({ quarantined_at }) => quarantined_at === null);
    if (!holds && left.length > 0) violate('nothing-left', `${runId} keeps ${left[0]?.slot}`);
  };

  const afterOf = (row: Row): { run: string; on?: string }[] =>
    (JSON.parse(row.config) as { after?: { run: string; on?: string }[] }).after ?? [];

  /** Nobody holds what begins, and what it waits for is over. */
  const checkGrant = (runId: string, row: Row): void => {
    if (row.hold !== null) violate('order', `${runId} begins although it is held`);
    for (const { run, on = 'ok' } of afterOf(row)) {
      const state = runs.get(run)?.state ?? '';
      if (!fulfils(on, state)) violate('order', `${runId} begins, and ${run} is ${state}`);
    }
  };

  const checkStop = (runId: string, view: View, row: Row): void => {
    const stop = stopped.get(runId);
    if (stop === undefined) return;
    if (stop.kept && row.stop === null) violate('never-lost', `the stop of ${runId} is forgotten`);
    if (!/^(stopping|done)\./.test(view.state)) {
      violate('never-lost', `${runId} was stopped and is ${view.state}`);
    }
  };

  const circumstancesOf = (runId: string, view: View, row: Row): Circumstances => {
    const truths = journal.run(runId);
    const truth = truths.find(({ attempt }) => attempt === view.attempt) ?? null;
    return {
      plan: view.plan,
      truth,
      // Of those before a retry it is known how they ended.
      earlier: truths.filter(
        (other) => other !== truth && other.attempt > retries.retriedOf(runId),
      ),
      stopAsked: asked.has(runId) || askedGroups.has(view.plan.config.group ?? ''),
      muted: journal.muted.has(runId),
      reboots: reboots(),
      leasedForMs: view.leasedAt === null ? null : schedule.now() - view.leasedAt,
      after: afterOf(row).map(({ run, on = 'ok' }) => ({ on, state: runs.get(run)?.state ?? '' })),
      refused: stage.faults.enabled.has('launch.refused'),
      undecided: reboots() > 0 && stage.faults.enabled.has('sync.fails'),
      diskTrouble: ['rundir.full', 'write.fails', 'sync.fails'].some((kind) =>
        stage.faults.enabled.has(kind as never),
      ),
    };
  };

  /** An attempt that is tried again ended of what is said. */
  const checkRetry = (runId: string, view: View, row: Row, ended: Omit<End, 'exit'>): void => {
    const wrong = unjustified({ ...ended, exit: null }, circumstancesOf(runId, view, row));
    if (wrong !== null) violate('never-lost', `${runId}/${view.attempt} is tried again: ${wrong}`);
  };

  const checkEnd = (runId: string, view: View, row: Row): void => {
    const reason = JSON.parse(row.failure_reason ?? 'null') as {
      code: string;
      text: string;
    } | null;
    const end: End = {
      status: row.status,
      code: reason?.code ?? row.status,
      text: reason?.text ?? '',
      exit: JSON.parse(row.exit ?? 'null') as End['exit'],
    };
    const wrong = falsehood(end, circumstancesOf(runId, view, row));
    if (wrong !== null) violate('never-lost', `${runId} ${row.status}: ${wrong}`);
    for (const each of journal.run(runId)) {
      const left = machine.marked(`/sim/runs/${runId}/attempts/${each.attempt}`);
      if (left.length > 0 && end.code !== 'unkillable') {
        violate('nothing-left', `${left.length} processes of ${runId}/${each.attempt} live on`);
      }
    }
  };

  const look = (): void => {
    if (raw === null || commits() === looked) return;
    looked = commits();
    const found = newer(pos);
    for (const t of found) {
      pos = t.pos;
      trace.note(`commit ${t.run_id}#${t.seq} ${t.from_state} --${t.event}--> ${t.to_state}`);
      take(t, true);
      groups.take(t, runs);
      const view = runs.get(t.run_id);
      if (view === undefined) continue;
      if (t.from_state.startsWith('allocating') && t.to_state.startsWith('running')) {
        view.leasedAt = schedule.now();
      }
      onTransition(t);
      if (t.event === 'trainer.stalled' && t.from_state === 'running.paused.confirmed') {
        violate('never-lost', `${t.run_id} was paused, and is ended because it is silent`);
      }
      // Of several of one run only the last can be compared with its row.
      const row =
        found.findLast(({ run_id }) => run_id === t.run_id) === t ? rowOf(t.run_id) : null;
      if (row == null) continue;
      if (row.state !== t.to_state) violate('gapless', `the row of ${t.run_id} is ${row.state}`);
      checkSlots(t.run_id, view, row);
      checkStop(t.run_id, view, row);
      if (t.from_state === 'queued' && t.to_state.startsWith('allocating'))
        checkGrant(t.run_id, row);
      if (t.to_state.startsWith('done.')) checkEnd(t.run_id, view, row);
      const ended = endedOf(t);
      if (ended !== null) checkRetry(t.run_id, view, row, ended);
    }
  };

  return {
    opened(db) {
      raw = db;
      pos = 0;
      count = 0;
      looked = -1;
      const before = new Map(runs);
      runs.clear();
      retries.restart();
      for (const t of newer(0)) {
        pos = t.pos;
        take(t, false);
      }
      for (const [runId, view] of runs) {
        const old = before.get(runId);
        view.leasedAt = old?.leasedAt ?? schedule.now();
        const row = rowOf(runId);
        if (row === undefined) continue;
        checkSlots(runId, view, row);
        checkStop(runId, view, row);
      }
      for (const runId of acknowledged) {
        if (!runs.has(runId)) violate('never-lost', `${runId} was acknowledged and is gone`);
      }
      for (const [runId, events] of shown) {
        const kept = read<Transition>(
          'SELECT * FROM transitions WHERE run_id = ? ORDER BY seq',
          runId,
        );
        events.forEach((event, index) => {
          const t = kept[index];
          const same = t !== undefined && `${t.event} ${t.to_state}` === event;
          if (!same) violate('gapless', `${runId}: ${event} was shown and taken back`);
        });
      }
    },
    closed() {
      raw = null;
      groups.closed();
    },
    began(effect, runId, attempt) {
      look();
      const view = runs.get(runId);
      const where = places[effect] ?? [];
      const isThere =
        where.some((place) => view?.state.startsWith(place)) &&
        view !== undefined &&
        (attempt ?? view.attempt) === view.attempt;
      if (raw !== null && !isThere) {
        violate('commit-before-act', `${effect} of ${runId}/${attempt} begins in ${view?.state}`);
      }
    },
    launching(runId, attempt) {
      look();
      if (raw !== null && runs.get(runId)?.launched.has(attempt) !== true) {
        violate('commit-before-act', `${runId}/${attempt} is launched, and nothing says so`);
      }
    },
    fact(fact, apply) {
      look();
      if (Buffer.byteLength(JSON.stringify(fact)) > controlMax) violate('small-control', fact.fact);
      const about = (): { generation: number; fact_n: number } | undefined =>
        read<{ generation: number; fact_n: number }>(
          'SELECT generation, fact_n FROM attempts WHERE run_id = ? AND attempt = ?',
          fact.run_id,
          fact.attempt,
        )[0];
      const before = about();
      const from = pos;
      const taken = apply();
      if (raw === null) return taken;
      look();
      const moved = pos !== from;
      const current = before?.generation === fact.generation;
      const isNext = current && fact.n === (before?.fact_n ?? 0) + 1;
      if (moved && !isNext) {
        violate('facts', `${fact.fact} (${fact.generation}, ${fact.n}) was applied out of turn`);
      }
      const view = runs.get(fact.run_id);
      const over =
        view === undefined || view.state.startsWith('done.') || fact.attempt < view.attempt;
      const after = about();
      const stored = after?.generation === fact.generation && after.fact_n >= fact.n;
      if (taken && !over && !stored) violate('facts', `${fact.fact} was acknowledged, not stored`);
      return taken;
    },
    stored({ payload, subject }) {
      const event = JSON.parse(payload) as {
        run_id: string;
        seq: number;
        pos: number;
        epoch: string;
        to: string;
      };
      if (Buffer.byteLength(payload) > controlMax) violate('small-control', `event ${subject}`);
      if (streamed?.epoch !== event.epoch)
        streamed = { epoch: event.epoch, pos: 0, seqs: new Map() };
      const seq = streamed.seqs.get(event.run_id) ?? 0;
      if (event.pos <= streamed.pos || event.seq !== seq + 1) {
        violate('gapless', `on the bus ${event.run_id}#${event.seq} follows #${seq}`);
      }
      streamed.pos = event.pos;
      streamed.seqs.set(event.run_id, event.seq);
    },
    submitted(runId) {
      acknowledged.add(runId);
      if (raw !== null && rowOf(runId) === undefined)
        violate('never-lost', `${runId} is not stored`);
    },
    stopAsked: (runId) => void asked.add(runId),
    stopAcknowledged(runId) {
      look();
      const row = rowOf(runId);
      const view = runs.get(runId);
      if (row === undefined || view === undefined) return;
      stopped.set(runId, { kept: row.stop !== null });
      checkStop(runId, view, row);
    },
    groupStop(group) {
      look();
      askedGroups.add(group);
      const members = [...runs].filter(([, { plan }]) => plan.config.group === group);
      return {
        members: members.map(([runId]) => runId),
        ended: groups.stopping(group, runs),
      };
    },
    shown({ run_id, seq, event, to }) {
      const events = shown.get(run_id) ?? [];
      shown.set(run_id, events);
      if (seq !== events.length + 1)
        violate('gapless', `${run_id}: shown ${seq} after ${events.length}`);
      events.push(`${event} ${to}`);
    },
    look,
    runs: () => runs,
    acknowledged: () => acknowledged,
    transitions: () => count,
  };
}

const statements = new WeakMap<Db, Map<string, ReturnType<Db['prepare']>>>();

function statement(db: Db, sql: string): ReturnType<Db['prepare']> {
  const known = statements.get(db) ?? new Map<string, ReturnType<Db['prepare']>>();
  statements.set(db, known);
  const found = known.get(sql) ?? db.prepare(sql);
  known.set(sql, found);
  return found;
}
