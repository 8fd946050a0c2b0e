/** Taking runs in: looked at first, then written down, and acknowledged when they are on the disk. */
import fs from 'node:fs';
import {
  type InputRef,
  type RunHandle,
  type SubmitRequest,
  type TrainRunConfig,
  validateConfig,
} from '../contracts/index.ts';
import { messageOf, RunyardError, type Violation } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { InputStore, RunStore } from '../persistence/index.ts';
import { runDir } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { Breath } from './breath.ts';
import { refuseUnknownHooks, withDependencies } from './lookup.ts';
import { type Predecessor, uploadsOf } from './retry-run.ts';
import {
  type foundProgram,
  newRow,
  programPath,
  runInput,
  type Shared,
  submitDigest,
  type writeRunFiles,
} from './submission.ts';
import type { NewRun, Supervisor } from './supervisor.ts';

export type SubmittingOptions = {
  home: { root: string };
  store: RunStore;
  inputs: InputStore;
  supervisor: Supervisor;
  clock: Clock;
  synced: () => Promise<void>;
  newId: () => string;
  defaults: { graceS: number; killPatienceS: number };
  remember: (
    runId: string,
    submitted: { config: TrainRunConfig; env: Buffer | null; program: string },
  ) => void;
  /** With its place said. Throws `config_invalid`. */
  placed?: (config: TrainRunConfig) => TrainRunConfig;
  /** Whether its program is looked for here; left out: it is. */
  isCheckedHere?: (config: TrainRunConfig) => boolean;
  /** Names of hooks that runs may ask for. */
  hooks?: readonly string[];
  /** Throws when new runs are refused for now. */
  admit: () => void;
  disk: { foundProgram: typeof foundProgram; writeRunFiles: typeof writeRunFiles };
  breath: Breath;
};

type Known = { request: SubmitRequest; digest: string; known: string };
type New = {
  request: SubmitRequest;
  digest: string;
  known: null;
  config: TrainRunConfig;
  env: Buffer | null;
  diff: Buffer | null;
  program: string;
  /** The run that it is a retry of. */
  retryOf: string | null;
};
/** A request that may be stored; or the run that its key stands for already. */
type Looked = Known | New;
type Written = NewRun & { runId: string; onDisk: Promise<void> };
type Taken = RunHandle & { onDisk: Promise<unknown> };
type Submitting = {
  /** `from`: the run that it is a retry of. */
  submit(request: SubmitRequest, from?: Predecessor | null): Promise<RunHandle>;
  submitMany(requests: readonly SubmitRequest[]): AsyncGenerator<RunHandle>;
};

/** Runs that are stored at once, while nobody else is served, and runs that share a sync. */
const partRuns = 32;
const syncRuns = 128;

export function createSubmitting(options: SubmittingOptions): Submitting {
  const { store, inputs, supervisor, clock, synced, disk, home } = options;

  /** The run that this key stands for, or null. Throws `key_conflict`. */
  const knownRun = (key: string, digest: string): string | null => {
    const row = key === '' ? undefined : store.runByKey(key);
    if (row === undefined) return null;
    if (row.submit_digest === digest) return row.run_id;
    const text = `the key "${key}" belongs to run ${row.run_id}, which has another configuration`;
    throw new RunyardError('key_conflict', text);
  };

  /**
   * All that can be said against a request. `from`: the run that it is a retry of. `remembered`: what others of
   * the same call were given.
   */
  const look = async (
    request: SubmitRequest,
    from: Predecessor | null,
    remembered: Remembered = remembering(inputs, disk),
  ): Promise<Looked> => {
    const given = validateConfig(request.config);
    const digest = submitDigest(given, request.env_ref);
    const known = knownRun(request.key, digest);
    if (known !== null) return { request, digest, known };
    options.admit();
    const config = withDependencies(store, options.placed?.(given) ?? given);
    // Settings may have changed since the run was submitted that is done again.
    if (from === null) refuseUnknownHooks(options.hooks ?? [], config);
    const [env, diff] = await uploadsOf(remembered.input, request.env_ref, config, from);
    const program =
      options.isCheckedHere?.(config) === false
        ? (config.command[0] ?? '')
        : await remembered.program(config, env);
    const retryOf = from?.runId ?? null;
    return { request, digest, known: null, config, env, diff, program, retryOf };
  };

  /** Nobody was told of it: a directory that stays would look like a run that was taken. */
  const forget = async ({ runId, onDisk }: Pick<Written, 'runId' | 'onDisk'>): Promise<void> => {
    await onDisk.catch(() => undefined);
    if (store.run(runId) === undefined)
      fs.rmSync(runDir(home.root, runId), { recursive: true, force: true });
  };

  /** Its files. Throws what the disk says. */
  const write = ({ request, digest, ...looked }: New, shared: Shared): Written => {
    const { config, env, diff, program, retryOf } = looked;
    const runId = options.newId();
    options.remember(runId, { config, env, program });
    const row = { ...newRow(runId, config, digest, request, clock.iso()), retry_of: retryOf };
    const input = runInput(runId, config, options.defaults, row.hold);
    const written: Written = { runId, row, input, onDisk: Promise.resolve() };
    try {
      const { root } = home;
      written.onDisk = disk.writeRunFiles(root, runId, config, request, env, row, diff, shared);
    } catch (error) {
      throw new Unwritten(written, error);
    }
    // It is waited for later, perhaps after it failed.
    written.onDisk.catch(() => undefined);
    failpoint('submit.written');
    return written;
  };

  /**
   * Stores all of them, in one transaction, but those that came in another call meanwhile: from its beginning to
   * the commit nothing else runs. Throws when none was stored, and then nothing is left of them.
   */
  const take = async (looked: readonly Looked[], shared: Shared): Promise<Taken[]> => {
    const written: Written[] = [];
    try {
      const taken = looked.map((each): Taken => {
        const known = each.known ?? knownRun(each.request.key, each.digest);
        if (each.known !== null || known !== null)
          return { run_id: known ?? '', created: false, onDisk: Promise.resolve() };
        const made = write(each, shared);
        written.push(made);
        return { run_id: made.runId, created: true, onDisk: made.onDisk };
      });
      supervisor.addAll(written);
      if (written.length > 0) failpoint('submit.committed');
      return taken;
    } catch (error) {
      const unwritten = error instanceof Unwritten ? [error.written] : [];
      await Promise.all([...written, ...unwritten].map(forget));
      throw error instanceof Unwritten ? error.cause : error;
    }
  };

  /** Resolves with handles when all of it is on the disk. */
  const syncedPart = async (taken: readonly Taken[], shared: Shared): Promise<RunHandle[]> => {
    const parents = [...(shared.parents?.values() ?? [])].map((sync) => sync());
    shared.parents?.clear();
    await Promise.all([...taken.map(({ onDisk }) => onDisk), ...parents, synced()]);
    if (taken.some(({ created }) => created)) failpoint('submit.synced');
    return taken.map(({ run_id, created }) => ({ run_id, created }));
  };

  /** Parts one after another, each stored at once; a few of them share a sync. */
  async function* takeAll(looked: readonly Looked[]): AsyncGenerator<RunHandle> {
    const shared: Shared = { parents: new Map(), env: null };
    for (let at = 0; at < looked.length; at += syncRuns) {
      const taken: Taken[] = [];
      let failure: unknown = null;
      const end = Math.min(at + syncRuns, looked.length);
      for (let from = at; from < end && failure === null; from += partRuns) {
        try {
          taken.push(...(await take(looked.slice(from, Math.min(from + partRuns, end)), shared)));
        } catch (error) {
          failure = error;
        }
        await options.breath();
      }
      // What was stored before a failure is acknowledged all the same.
      yield* await syncedPart(taken, shared);
      if (failure !== null) throw failure;
    }
  }

  return {
    async submit(request, from = null) {
      const looked = await look(request, from);
      const shared: Shared = {};
      const [handle] = await syncedPart(await take([looked], shared), shared);
      if (handle === undefined) throw new RangeError('a submit came to nothing');
      return handle;
    },

    async *submitMany(requests) {
      const remembered = remembering(inputs, disk);
      const looked: Looked[] = [];
      const refused: Refusal[] = [];
      const keys = new Map<string, number>();
      for (const [index, request] of requests.entries()) {
        try {
          refuseRepeated(request.key, index, keys);
          looked.push(await look(request, null, remembered));
        } catch (error) {
          if (!(error instanceof RunyardError)) throw error;
          refused.push({ index, error });
        }
        await options.breath();
      }
      if (refused.length > 0) throw refusalOf(refused, requests.length);
      yield* takeAll(looked);
    },
  };
}

/** The disk would not have a run's files; some of them may be there. */
class Unwritten extends Error {
  readonly written: Written;

  constructor(written: Written, cause: unknown) {
    super('the files of a run were not written', { cause });
    this.written = written;
  }
}

type Refusal = { index: number; error: RunyardError };

/** What is wrong with which request: `/3/name` is the name of the fourth. */
function refusalOf(refused: readonly Refusal[], of: number): RunyardError {
  const [first] = refused;
  const violations = refused.flatMap(({ index, error }): Violation[] =>
    error.violations.length === 0
      ? [{ field: `/${index}`, rule: messageOf(error), hint: '' }]
      : error.violations.map((each) => ({ ...each, field: `/${index}${each.field}` })),
  );
  return new RunyardError(
    first?.error.code ?? 'internal',
    `${refused.length} of ${of} runs ${refused.length === 1 ? 'is' : 'are'} refused, and nothing was submitted`,
    { violations, cause: first?.error },
  );
}

function refuseRepeated(key: string, index: number, keys: Map<string, number>): void {
  const before = key === '' ? undefined : keys.get(key);
  if (before === undefined) {
    keys.set(key, index);
    return;
  }
  throw new RunyardError('config_invalid', `it has the key of request ${before}: "${key}"`);
}

type Remembered = ReturnType<typeof remembering>;

/** Inputs and programs that many requests have in common are looked for once. */
function remembering(inputs: InputStore, disk: SubmittingOptions['disk']) {
  const found = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, find: () => Promise<T>): Promise<T> => {
    const before = found.get(key);
    if (before !== undefined) return before as Promise<T>;
    const made = find();
    found.set(key, made);
    return made;
  };
  return {
    input: (ref: Pick<InputRef, 'uri'>): Promise<Buffer> =>
      once(`input ${ref.uri}`, () => inputs.read(ref)),
    program: (config: TrainRunConfig, env: Buffer | null): Promise<string> => {
      const [program = ''] = config.command;
      const key = JSON.stringify([program, config.cwd, programPath(config, env)]);
      return once(`program ${key}`, () => disk.foundProgram(config, env));
    },
  };
}
