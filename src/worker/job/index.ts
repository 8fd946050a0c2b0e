/**
 * A worker on a node of a cluster, started by the batch script of its job. It shares no process with the daemon and
 * perhaps no file: the attempt's directory is the node's own, and what must come back goes by the bus (decision 102).
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  findRecorder,
  type Parcel,
  parcelIn,
  prepare,
  pruneTemp,
} from '../../executors/on-node/index.ts';
import {
  attemptDir,
  attemptFiles,
  decodeEnv,
  encodeEnv,
  identityOf,
  makeDirectory,
  runDir,
  runFiles,
  writeAtomic,
} from '../../rundir/index.ts';
import type { Taken } from '../artifacts.ts';
import { runAttempt } from '../attempt.ts';
import { createWorkerBus, type WorkerBus } from '../bus.ts';
import type { WorkerConfig } from '../config.ts';
import { holdLock } from '../control.ts';
import type { Wish } from '../conversation.ts';
import { type Machine, thisMachine } from '../machine.ts';
import { createRecorders } from '../recorders.ts';
import { readSpec } from '../spec.ts';
import { startBringing } from './bringing.ts';
import { claimOf, takeClaim } from './claim.ts';
import { createJobTalk, type JobTalk } from './control.ts';
import { clearLeftovers, endLeftover } from './leftovers.ts';

/** What the batch script is told by, and ends with. None of them has the worker replaced. */
export const jobExits = { done: 0, turnedAway: 3, noBus: 4 } as const;

/** Longer than the daemon holds a question. */
const askMs = 30_000;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * `script`: the batch script, with the parcel of this task; `checkout`: our own files on this node. Resolves with the
 * exit code for it.
 */
export async function runJob(
  script: string,
  checkout: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const recorder = findRecorder({ env, checkout });
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1'] as const)
    process.on(signal, () => undefined);
  const index = Number(env.SLURM_ARRAY_TASK_ID || 0);
  const parcel = parcelIn(fs.readFileSync(script, 'utf8'), index);
  const { yard, spec } = parcel;
  const { runId, attempt } = spec;
  const root = path.join(parcel.node_dir, `runyard-${process.getuid?.() ?? 0}`, yard);
  const dir = attemptDir(root, runId, attempt);
  makeDirectory(dir);
  const sharesStore = isAtHome(parcel);
  const config = configOf(parcel, { root, dir, recorder, sharesStore });
  const bus = createWorkerBus(config);
  // A warning that came before us, or while nobody listened.
  let expiring = Boolean(env.RUNYARD_WARNED);
  let tellExpiring: () => void = () => {
    expiring = true;
  };
  process.on('SIGUSR2', () => tellExpiring());

  const claim = claimOf(dir, env, identityOf(process.ppid));
  const ask = (data: Uint8Array): Promise<Uint8Array> => bus.ask(runId, data, askMs);
  let kill: () => void = () => undefined;
  const talk = createJobTalk({ runId, attempt, claim, ask, onOver: () => kill() });
  const claiming = await takeClaim(
    bus.subject(runId, 'claims'),
    { yard, runId, attempt, claim, dir },
    parcel.bus_wait_ms,
  );
  if (claiming.kind === 'away') return jobExits.noBus;
  if (claiming.kind === 'taken') {
    // Of the start that has the attempt, and that Slurm has killed, something may live on this very node.
    await endLeftover(dir).catch(() => false);
    await talk.send({ type: 'turned_away', node: claim.node }).catch(() => undefined);
    await bus.close();
    return jobExits.turnedAway;
  }
  tellExpiring = () => void untilHeard(talk);
  if (expiring) tellExpiring();
  await clearLeftovers(root, { runId, attempt });

  if (!fs.existsSync(path.join(dir, attemptFiles.launch))) {
    const submitted = parentEnvironment();
    writeAtomic(path.join(runDir(root, runId), runFiles.env), encodeEnv(submitted), {
      mode: 0o600,
    });
    prepare(dir, { ...spec, env: { ...spec.env, ...grantedEnv(spec.env, submitted) } }, yard, null);
  }
  const bringing = startBringing(dir, talk);
  const machine: Machine = {
    ...thisMachine(),
    async openControl(hear) {
      const lock = await holdLock(config);
      if (lock === null) return null;
      kill = () => hear.onWish({ kind: 'kill' } as Wish);
      const control = talk.open(hear);
      return {
        ...control,
        close() {
          control.close();
          lock.close();
        },
      };
    },
    async deliver() {
      await bringing.finish();
      if (!sharesStore) await bringing.artifacts(config.store);
    },
    atHome: (taken: Taken) =>
      taken.manifest === ''
        ? taken
        : { ...taken, manifest: path.join(parcel.store, path.basename(taken.manifest)) },
  };
  const done = await runAttempt(
    config,
    { bus, recorders: createRecorders(), told: Promise.resolve(), onAttached: () => undefined },
    machine,
  );
  bringing.close();
  await done.feedDone;
  if (done.refused === null) await clean(root, config, sharesStore);
  await settle(bus);
  return jobExits.done;
}

/** The daemon has to know that the job's time is nearly over; it may be away for a moment. */
async function untilHeard(talk: Pick<JobTalk, 'send' | 'isOver'>): Promise<void> {
  while (!talk.isOver()) {
    try {
      await talk.send({ type: 'expiring' });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 500).unref());
    }
  }
}

/** What stays on a node is nobody's. */
async function clean(root: string, config: WorkerConfig, sharesStore: boolean): Promise<void> {
  const { run_id: runId, attempt, dir } = config;
  try {
    const { temp = null } = readSpec(dir) as { temp?: string | null };
    await pruneTemp({ runId, attempt }, temp);
    if (!sharesStore) fs.rmSync(config.store, { recursive: true, force: true });
    fs.rmSync(dir, { recursive: true, force: true });
    // Another attempt may have come to this node already.
    if (fs.readdirSync(path.dirname(dir)).length > 0) return;
    fs.rmSync(runDir(root, runId), { recursive: true, force: true });
  } catch {
    // Whoever still writes there keeps it.
  }
}

async function settle(bus: WorkerBus): Promise<void> {
  await bus.close().catch(() => undefined);
}

function configOf(
  parcel: Parcel,
  where: { root: string; dir: string; recorder: string; sharesStore: boolean },
): WorkerConfig {
  const { yard, spec, bus } = parcel;
  const { runId, attempt } = spec;
  const { root, dir, recorder } = where;
  const before = fs.readdirSync(dir).filter((name) => name.startsWith('worker-config.')).length;
  const generation = before + 1;
  const files = { address: path.join(dir, 'bus.json'), login: path.join(dir, 'bus-login.json') };
  writeAtomic(files.address, JSON.stringify(bus.address), { mode: 0o600 });
  writeAtomic(files.login, JSON.stringify({ worker: bus.login }), { mode: 0o600 });
  const config: WorkerConfig = {
    v: 1,
    yard,
    run_id: runId,
    attempt,
    generation,
    launch: 'told',
    run_dir: runDir(root, runId),
    dir,
    recorder,
    socket: '',
    store: where.sharesStore ? parcel.store : path.join(root, 'artifacts', runId, String(attempt)),
    bus: { address_file: files.address, credentials_file: files.login, url: null },
  };
  writeAtomic(path.join(dir, `worker-config.${generation}.json`), JSON.stringify(config), {
    mode: 0o600,
  });
  return config;
}

/** Whether this node sees the yard's own store: by a file there, whose text the parcel knows. */
function isAtHome({ mark }: Parcel): boolean {
  if (mark === null) return false;
  const [file = '', text = ''] = mark.split('=');
  try {
    return fs.readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}

/** That of the batch script as it began: the run's, and what Slurm put into it. */
function parentEnvironment(): Record<string, string> {
  const env = decodeEnv(fs.readFileSync(`/proc/${process.ppid}/environ`));
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

const masks = ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES'];

/** G6 on a node: what Slurm granted, and nothing for a job that asked for none, for which Slurm sets nothing. */
export function grantedEnv(ours: Env, job: Env): Record<string, string> {
  const hasGpus = Boolean(job.SLURM_JOB_GPUS || job.SLURM_STEP_GPUS);
  const env: Record<string, string> = {};
  const granted = masks.map((name) => job[name] ?? '').find((mask) => mask !== '') ?? '';
  for (const name of masks) env[name] = hasGpus ? job[name] || granted : '';
  const cpus = job.SLURM_CPUS_PER_TASK || '1';
  for (const name of Object.keys(ours)) if (/_THREADS$/.test(name)) env[name] = cpus;
  return env;
}
