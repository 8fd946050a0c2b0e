/**
 * The door behind which an attempt is executed. `local` uses it; a cluster's executor will too.
 * An executor supervises nothing and decides nothing: it makes sure that a worker looks after an
 * attempt, passes wishes on until their fact comes, and hands on what workers say.
 */
import type { TrainerExit } from '../machines/index.ts';

/** What an attempt is, as far as launching it goes. */
export type AttemptSpec = {
  readonly runId: string;
  readonly attempt: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly umask: number;
  /** On top of the submitted environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly envUnset: readonly string[];
  readonly isolate: boolean;
  /** Below which it gets a directory for temporary files; left out: it gets none of its own. */
  readonly tempBase?: string;
  readonly artifacts: readonly string[];
  /** Take them away instead of copying them. */
  readonly artifactsMove: boolean;
  /** What copies of them have to leave free on the disk. */
  readonly diskFloorBytes: number;
  /** Formats of files in which points are looked for, and what names of printed ones begin with. */
  readonly formats?: readonly string[] | null;
  readonly printed?: readonly string[] | null;
  readonly outputLimitBytes: number;
  /** Without output and metrics for this long it counts as stalled; null: never. */
  readonly stallMs: number | null;
  /** Where a metric ends the run (src/worker/rules.ts); left out: nowhere. */
  readonly stopWhen?: readonly object[];
  /** How long what is left of it may take to die of SIGKILL. */
  readonly killPatienceMs: number;
  readonly gpuLocks: readonly string[];
  /** GPUs that it has a share of: locked together with others. */
  readonly gpuLocksShared?: readonly string[];
};

/** A worker's word about an attempt. `n` counts 1, 2, 3 … within a generation. */
export type Fact = {
  readonly run_id: string;
  readonly attempt: number;
  readonly generation: number;
  readonly n: number;
  readonly at: string;
  readonly fact: string;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Beat = {
  readonly runId: string;
  readonly attempt: number;
  readonly at: string;
  readonly lastMetric: string | null;
  /** Why its worker cannot publish, or null. */
  readonly busTrouble: string | null;
};

export type Wish =
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'terminate'; signal: string }
  | { kind: 'kill' };

/** Nothing of an attempt runs, nor will, as somebody else than its worker says. */
export type Gone = { status: 'failed' | 'lost'; code: string; text: string };

export type ExecutorEvents = {
  /** Applies a fact. True when it is durable or known already and may be acknowledged. */
  onFact(fact: Fact): boolean;
  onBeat(beat: Beat): void;
  /** The current generation of an attempt, and a new one that fences the older out. */
  generation(runId: string, attempt: number): number;
  nextGeneration(runId: string, attempt: number): number;
  /** What only a cluster's executor has to say. */
  onGone?(runId: string, attempt: number, gone: Gone): void;
  /** Who gave it its place will take it away soon. */
  onExpiring?(runId: string, attempt: number, text: string): void;
  /** Surely over, or never known: false. */
  isOver?(runId: string, attempt: number): boolean;
};

export interface Executor {
  /**
   * Where somebody else gives out places: asks for one and resolves with its slots once the attempt has it. Idempotent.
   * Throws what that somebody refuses. Left out: places are the yard's own.
   */
  allocate?(runId: string, attempt: number, signal: AbortSignal): Promise<string[]>;
  /** What an attempt waits for outside of the yard, for people; empty: nothing. */
  why?(runId: string, attempt: number): string;
  /**
   * Starts the attempt, or finds it started. Idempotent; resolves when a worker has it. Throws
   * `rundir_lost` when it may have been started and its directory is gone.
   */
  launch(spec: AttemptSpec, signal: AbortSignal): Promise<void>;
  /** Makes sure a worker looks after an attempt that was launched before. Throws `rundir_lost`. */
  attach(runId: string, attempt: number): void;
  /** The same, unless nothing was ever prepared for it. */
  attachLaunched(runId: string, attempt: number): void;
  /** Passes a wish on, again and again, until the attempt ends. */
  wish(runId: string, attempt: number, wish: Wish): void;
  /** True when nothing of the attempt was started, and from now on nothing can be. Throws `rundir_lost`. */
  voidUnlaunched(runId: string, attempt: number): boolean;
  /** How its trainer ended, as the recorder wrote it down; null while nothing is. */
  exitOf(runId: string, attempt: number): TrainerExit | null;
  /** Ends whatever still lives of the attempt; true when nothing does. For after its worker is done. */
  swept(runId: string, attempt: number): boolean | Promise<boolean>;
  /** Ends what is of this yard and of an attempt that is over. Returns how many it found. */
  sweep(isOver: (runId: string, attempt: number) => boolean): number;
  /** Forgets the attempt: its worker is done with it. */
  detach(runId: string, attempt: number): void;
  /** Free workers that wait warm. */
  idle(): number;
  /** All workers of ours that live: those idle, and those with an attempt. */
  workers(): number;
  /** Leaves workers with attempts alone, ends the idle ones. */
  close(): Promise<void>;
}
