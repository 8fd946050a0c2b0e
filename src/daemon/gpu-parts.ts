/** The GPUs of the yard, and all that looks after them: which there are, who may have them, who uses them unasked. */
import type { Supervisor } from '../actors/index.ts';
import type { Settings } from '../contracts/index.ts';
import { createInventory, type Gpu } from '../inventory/index.ts';
import type { Home, RunStore } from '../persistence/index.ts';
import { markerOf } from '../processes/index.ts';
import { isElsewhere } from '../slots.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import { createBreaker } from './breaker.ts';
import { openGpuLocks } from './gpu-locks.ts';
import { createStrays } from './strays.ts';
import { createSupply } from './supply.ts';

export type GpuPartsOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  home: Home;
  store: RunStore;
  /** Made later than this. */
  supervisor: () => Supervisor;
  stop: (run: string, reason: string) => Promise<unknown>;
  synced: () => Promise<void>;
  clock: Clock;
  log: Logger;
};

export function createGpuParts(options: GpuPartsOptions) {
  const { settings, env, home, store, supervisor, synced, clock, log } = options;
  const inventory = createInventory({
    wanted: settings.gpus,
    env,
    clock,
    log,
    remembered: JSON.parse(store.meta('gpus') ?? '[]') as Gpu[],
    remember: (gpus) => store.setMeta('gpus', JSON.stringify(gpus)),
    changed: () => {
      supervisor().reconsider();
      strays.look();
    },
  });
  const isMadeUp = /^(fake|none)/.test(settings.gpus);
  const locks = openGpuLocks(settings.gpu_locks, home.gpuLocks, !isMadeUp);
  const supply = createSupply({
    settings,
    inventory,
    store,
    isOurs: (pid) => markerOf(pid)?.startsWith(`${home.runs}/`) ?? false,
    held: () => supervisor().gpus(),
    live: () => supervisor().counts().live,
    changed: () => supervisor().reconsider(),
    others: (found) =>
      locks.others(
        store
          .leases()
          .map(({ slot }) => slot)
          .filter((slot) => !isElsewhere(slot)),
        found,
      ),
    synced,
    clock,
  });
  const strays = createStrays({
    gpus: inventory.gpus,
    leases: store.leases,
    markerOf,
    runs: home.runs,
    policy: settings.gpu_strays,
    stop: options.stop,
    log,
  });
  const breaker = createBreaker({
    deaths: settings.gpu_deaths,
    withinMs: 1000 * settings.gpu_deaths_within_s,
    setAside: supply.setAside,
    log,
  });
  return { inventory, locks, supply, strays, breaker };
}
