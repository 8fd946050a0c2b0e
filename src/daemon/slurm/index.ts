/** Slurm as this daemon uses it: the executor with what it needs of settings, registry and bus. */
import fs from 'node:fs';
import path from 'node:path';
import type { Settings, TrainRunConfig } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import {
  type AttemptSpec,
  createSlurmExecutor,
  type ExecutorEvents,
  jobsDir,
  type Parcel,
  type SlurmExecutor,
} from '../../executors/index.ts';
import type { AttemptInput } from '../../machines/index.ts';
import type { Home, RunStore } from '../../persistence/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { BusCredentials, BusFile, BusPlace } from '../../transport/nats/index.ts';
import type { RunInputs } from '../run-inputs.ts';
import { placed, requestOf, usualWarnS } from './placing.ts';
import { createJobBus } from './talk-port.ts';

export type SlurmParts = {
  executor: SlurmExecutor;
  /** Whether the run is Slurm's. */
  isElsewhere(runId: string): boolean;
  placed(config: TrainRunConfig): TrainRunConfig;
  /** Whether what it needs is looked for on this machine before it is handed over. */
  isCheckedHere(config: TrainRunConfig): boolean;
  joined(where: BusPlace): void;
  close(): Promise<void>;
};

export type SlurmPartsOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  command: readonly string[];
  home: Home;
  /** Whether the bus is an existing one, and what a worker elsewhere needs to reach it. */
  bus: { external: boolean; fileOf(runId: string): Promise<BusFile> };
  store: RunStore;
  runInputs: RunInputs;
  spec: (input: AttemptInput) => Promise<AttemptSpec>;
  events: ExecutorEvents;
  log: Logger;
};

/** Of runs whose place is remembered. */
const knownMost = 50_000;

export function createSlurmParts(options: SlurmPartsOptions): SlurmParts {
  const { settings, env, home, store } = options;
  const { slurm } = settings;
  const bus = createJobBus(settings.yard, options.log);
  const known = new Map<string, boolean>();

  const executor = createSlurmExecutor(
    {
      home,
      yard: settings.yard,
      command: slurm.command ?? options.command,
      env,
      nodeDir: slurm.node_dir ?? '/tmp',
      pollMs: 1000 * (slurm.poll_s ?? 2),
      lostAfterMs: 1000 * (slurm.lost_after_s ?? 300),
      warnS: slurm.warn_s ?? usualWarnS,
      arrayMost: slurm.array_most ?? 1000,
      log: slurm.log ?? '/dev/null',
      shared: slurm.shared ?? true,
      busWaitMs: 1000 * (slurm.bus_wait_s ?? 600),
      talk: bus,
      bus: (runId) => busOf(options, runId),
      async order(runId, attempt) {
        const { config, submitted } = await options.runInputs.of(runId);
        const own = Object.entries(submitted).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        );
        return {
          spec: await options.spec({ runId, attempt }),
          request: requestOf(config, settings),
          env: Object.fromEntries(own),
        };
      },
      logger: options.log,
    },
    options.events,
  );

  return {
    executor,
    isElsewhere(runId) {
      const found = known.get(runId);
      if (found !== undefined) return found;
      const row = store.run(runId);
      const is =
        row !== undefined && (JSON.parse(row.config) as TrainRunConfig).executor === 'slurm';
      if (known.size >= knownMost) known.clear();
      if (row !== undefined) known.set(runId, is);
      return is;
    },
    placed: (config) => placed(config, settings, () => hasSlurm(env)),
    isCheckedHere: (config) => config.executor !== 'slurm' || slurm.checked_here !== false,
    joined(where) {
      // Most yards have no Slurm: no connection is kept for questions that nobody asks.
      if (hasSlurm(env) || fs.existsSync(jobsDir(home.root))) bus.joined(where);
    },
    async close() {
      await bus.close();
    },
  };
}

function hasSlurm(env: NodeJS.ProcessEnv): boolean {
  return (env.PATH ?? '').split(':').some((dir) => fs.existsSync(path.join(dir, 'sbatch')));
}

/** How a worker on a node reaches the bus. Throws `bus_unavailable`. */
async function busOf(
  { settings, bus, home }: SlurmPartsOptions,
  runId: string,
): Promise<Parcel['bus']> {
  const { bus_url: said } = settings.slurm;
  if (bus.external) {
    const file = await bus.fileOf(runId);
    return { address: { ...file, url: said ?? file.url }, login: null };
  }
  try {
    const read = (name: string) => JSON.parse(fs.readFileSync(path.join(home.bus, name), 'utf8'));
    const { url } = read('address.json') as { url: string };
    const { worker } = read('credentials.json') as { worker: BusCredentials };
    return { address: { url: said ?? url }, login: worker };
  } catch (cause) {
    throw new RunyardError('bus_unavailable', 'the bus has not begun so far', { cause });
  }
}
