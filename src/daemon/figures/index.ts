/**
 * The daemon's figures: some are counted as things happen, the others are looked up when somebody asks. Asking
 * is cheap, and changes nothing. The catalogue (src/telemetry/metrics/catalogue.ts) says what there is.
 */
import type { GpuState } from '../../allocator/index.ts';
import type { DaemonStatus } from '../../contracts/index.ts';
import { runMachine } from '../../machines/index.ts';
import type { Position, RunStore } from '../../persistence/index.ts';
import { attemptDir, readDrained } from '../../rundir/index.ts';
import { type Clock, every, type Logger, lostLines } from '../../telemetry/index.ts';
import { createInstruments, type MetricSnapshot } from '../../telemetry/metrics/index.ts';
import type { StreamState } from '../../transport/nats/index.ts';
import type { TraceFigures } from '../traces/index.ts';
import { createProcessFigures } from './process.ts';

/** A committed transition, as far as figures go. */
export type Step = { runId: string; from: string; to: string; tookMs: number | null };

export type FiguresOptions = {
  root: string;
  store: Pick<RunStore, 'run' | 'queuedSince' | 'outboxSince' | 'leases'>;
  clock: Clock;
  log: Logger;
  version: string;
  yard: string;
  parallel: number;
  status: () => DaemonStatus;
  gpus: () => readonly GpuState[];
  workers: () => { idle: number; all: number };
  traces: () => TraceFigures | null;
  /** How far points and events are in the runs' directories. */
  position: () => Position;
  /** Points that were lost before they were there. */
  lostPoints: () => number;
  streams: () => Promise<StreamState[]>;
};

export type Figures = ReturnType<typeof createFigures>;

/** States of the chart that a run may be in while it is not over, so that each has a series from the start. */
const liveStates = leafStates(runMachine.root).filter((state) => !state.startsWith('done.'));

export function createFigures(options: FiguresOptions) {
  const { store, clock, log } = options;
  const instruments = createInstruments();
  const { record, clear } = instruments;
  const runs = new Map<string, number>(liveStates.map((state) => [state, 0]));
  const ofProcess = createProcessFigures(record);
  record('runyard.build.info', 1, { version: options.version, yard: options.yard });
  record('runyard.cpu.slots', options.parallel);
  for (const status of ['completed', 'failed', 'cancelled', 'rejected', 'lost'])
    record('runyard.runs.finished', 0, { status, reason: '' });
  for (const name of ['runyard.output.dropped', 'runyard.points.lost'] as const) record(name, 0);

  const move = (state: string, by: number): void => {
    if (state === '' || state.startsWith('done.')) return;
    runs.set(state, Math.max(0, (runs.get(state) ?? 0) + by));
  };
  const ended = (runId: string, status: string): void => {
    const reason = store.run(runId)?.failure_reason;
    const { code = '' } = JSON.parse(reason ?? '{}') as { code?: string };
    record('runyard.runs.finished', 1, { status, reason: code });
  };
  const step = ({ runId, from, to, tookMs }: Step): void => {
    move(from, -1);
    move(to, 1);
    if (tookMs !== null) record('runyard.transition.duration', tookMs / 1000);
    if (from === 'queued' && to.startsWith('allocating')) {
      const waitedMs = clock.now().wall_ms - Date.parse(store.queuedSince(runId) ?? '');
      if (waitedMs >= 0) record('runyard.queue.wait', waitedMs / 1000);
    }
    if (to === 'queued' && from.startsWith('stopping')) record('runyard.attempts.retried', 1);
    if (to.startsWith('done.')) ended(runId, to.slice('done.'.length));
    // Its output was read to the end, and an attempt leaves this state once.
    if (from === 'stopping.collecting' && to !== from)
      record('runyard.output.dropped', droppedBytes(runId));
  };
  /** What the recorder of the run's attempt did not keep; 0 where it left no totals. */
  const droppedBytes = (runId: string): number => {
    const attempt = store.run(runId)?.attempt ?? 0;
    const drained = readDrained(attemptDir(options.root, runId, attempt));
    return drained === null ? 0 : drained.stdout.dropped + drained.stderr.dropped;
  };

  const lookUp = (): void => {
    for (const [state, n] of runs) record('runyard.runs', n, { state });
    const { reasons, outbox_depth, bus_connected, wal_bytes, disk_free_bytes } = options.status();
    record('runyard.registry.wal.size', wal_bytes);
    record('runyard.outbox.events', outbox_depth);
    const since = store.outboxSince();
    record('runyard.outbox.age', since === undefined ? 0 : ageOf(since, clock));
    record('runyard.bus.connected', bus_connected ? 1 : 0);
    record('runyard.disk.free', disk_free_bytes);
    clear('runyard.health.reasons');
    const counts = Map.groupBy(reasons, ({ part, severity }) => JSON.stringify({ part, severity }));
    for (const [labels, of] of counts)
      record('runyard.health.reasons', of.length, JSON.parse(labels) as Record<string, string>);
    record('runyard.log.lost_lines', lostLines() - told.lostLines);
    told.lostLines = lostLines();
    const lostPoints = options.lostPoints();
    record('runyard.points.lost', lostPoints - told.lostPoints);
    told.lostPoints = lostPoints;
    const workers = options.workers();
    record('runyard.workers', workers.idle, { state: 'idle' });
    record('runyard.workers', Math.max(0, workers.all - workers.idle), { state: 'busy' });
    lookUpSlots();
    lookUpTraces();
  };
  /** What counters of others had when they were last looked at. */
  const told = { lostLines: 0, lostPoints: 0, exported: 0, dropped: {} as Record<string, number> };
  const lookUpSlots = (): void => {
    const byState = { free: 0, held: 0, shut: 0, foreign: 0 };
    for (const gpu of options.gpus()) byState[stateOfGpu(gpu)] += 1;
    for (const [state, n] of Object.entries(byState)) record('runyard.gpus', n, { state });
    const leases = store.leases();
    const quarantined = leases.filter((lease) => lease.quarantined_at !== null).length;
    record('runyard.leases', quarantined, { state: 'quarantined' });
    record('runyard.leases', leases.length - quarantined, { state: 'active' });
  };
  const lookUpTraces = (): void => {
    const traces = options.traces();
    const { backlog = 0, exported = 0, dropped = {}, isFailing = false } = traces ?? {};
    record('runyard.trace.backlog', backlog);
    record('runyard.trace.failing', isFailing ? 1 : 0);
    record('runyard.trace.exported_spans', exported - told.exported);
    told.exported = exported;
    for (const cause of ['backlog', 'age', 'refused', 'rejected'] as const) {
      const n = dropped[cause] ?? 0;
      record('runyard.trace.dropped_spans', n - (told.dropped[cause] ?? 0), { cause });
      told.dropped[cause] = n;
    }
  };
  const lookUpStreams = async (): Promise<void> => {
    const states = await options.streams();
    const position = options.position();
    clear('runyard.stream.lag');
    clear('runyard.stream.size');
    for (const { kind, made, lastSeq, bytes } of states) {
      record('runyard.stream.size', bytes, { stream: kind });
      if (kind !== 'events' && kind !== 'metrics') continue;
      const at = position[kind];
      const taken = at !== undefined && at.made === made ? at.seq : 0;
      record('runyard.stream.lag', Math.max(0, lastSeq - taken), { stream: kind });
    }
  };
  /** What cannot be looked up now keeps its last value: the rest is worth having. */
  const refresh = async (): Promise<void> => {
    try {
      lookUp();
      ofProcess();
      await lookUpStreams();
    } catch (error) {
      log.warn({ err: error }, 'some figures could not be looked up');
    }
  };

  return {
    /** A run that was there when the daemon began. */
    found: (state: string) => move(state, 1),
    step(transition: Step): void {
      try {
        step(transition);
      } catch (error) {
        // It is committed: figures are no reason to say otherwise.
        log.warn({ err: error }, 'a transition could not be counted');
      }
    },
    commit: (ms: number) => record('runyard.registry.commit.duration', ms / 1000),
    checkpoint(cause: string, ms: number): void {
      record('runyard.registry.checkpoints', 1, { cause });
      record('runyard.registry.checkpoint.duration', ms / 1000);
    },
    async text(): Promise<{ contentType: string; text: string }> {
      await refresh();
      return { contentType: instruments.contentType, text: await instruments.text() };
    },
    /** Hands all figures to `take` each so many milliseconds; returns what ends that. */
    each: (ms: number, take: (snapshot: MetricSnapshot) => void) =>
      every(clock, ms, () => {
        void refresh()
          .then(() => instruments.snapshot())
          .then(take);
      }),
  };
}

function ageOf(at: string, clock: Clock): number {
  return Math.max(0, (clock.now().wall_ms - Date.parse(at)) / 1000);
}

function stateOfGpu({ shut, foreign, holdings }: GpuState): 'free' | 'held' | 'shut' | 'foreign' {
  if (shut !== null) return 'shut';
  if (foreign !== null) return 'foreign';
  return holdings.length > 0 ? 'held' : 'free';
}

type Node = { path: string[]; states: Record<string, Node> };

function leafStates({ path, states }: Node): string[] {
  const inner = Object.values(states);
  return inner.length === 0 ? [path.join('.')] : inner.flatMap(leafStates);
}
