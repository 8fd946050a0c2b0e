/**
 * What one decision of the allocator costs with 10,000 waiting runs and 64 GPUs, as the daemon makes it: a
 * run ends or comes, and it is decided who starts. Against sorting those 10,000 alone. Three yards: all
 * wait for GPUs; GPUs are shared and limits are many; nothing is free at all.
 */
import {
  type AllocatorState,
  compare,
  createLine,
  decide,
  explain,
  type GpuState,
  type Limits,
  noLimits,
  thousandths,
  type Waiting,
  wholeGpu,
} from '../src/allocator/index.ts';
import { type Figure, percentile, round } from './measure.ts';

const waitingRuns = 10_000;
const gpuCount = 64;
const decisions = 300;
const gib = 1024;

type Scene = {
  name: string;
  cpus: number;
  limits: Limits;
  request: (n: number) => Partial<Waiting>;
};

const scenes: readonly Scene[] = [
  {
    name: 'whole GPUs',
    cpus: 32,
    limits: noLimits,
    request: (n) => ({ gpus: 1 + (n % 4), cpus: 0 }),
  },
  {
    name: 'mixed, shares and limits',
    cpus: 32,
    limits: { userRuns: 40, userGpus: 16, projectRuns: 100, projectGpus: 32 },
    request: (n) => ({
      gpus: [0.25, 1, 2, 0.5, 8, 0][n % 6] ?? 0,
      cpus: n % 6 === 5 ? 1 + (n % 4) : 0,
      gpuMemoryMib: n % 5 === 0 ? 40 * gib : null,
      startAfterMs: n % 7 === 0 ? 1e12 : null,
      dependencies: n % 9 === 0 ? [{ run: `w${n - 1}`, on: 'ok' }] : [],
    }),
  },
  { name: 'CPU only, all full', cpus: 8, limits: noLimits, request: () => ({ gpus: 0, cpus: 1 }) },
];

export async function schedule(): Promise<Figure[]> {
  return scenes.flatMap(measure);
}

function measure(scene: Scene): Figure[] {
  const line = createLine();
  const live: { claim: Waiting; slots: readonly string[] }[] = [];
  let made = 0;
  const submit = (): void => {
    line.put(requestOf(scene, made));
    made += 1;
  };
  const stateNow = (): AllocatorState => ({
    queue: line.inOrder,
    gpus: gpus(live),
    cpus: scene.cpus,
    memoryMib: 256 * gib,
    live: live.map(({ claim }) => claim),
    limits: scene.limits,
    drained: null,
    fate: () => 'open',
  });
  const step = (): number => {
    const from = performance.now();
    const { grants } = decide(stateNow(), 0);
    const took = performance.now() - from;
    for (const { runId, slots } of grants) {
      const claim = line.get(runId);
      if (claim !== undefined) live.push({ claim, slots });
      line.take(runId);
    }
    return took;
  };
  while (line.size < waitingRuns) submit();
  // Warm, and full.
  for (let n = 0; n < 200; n += 1) step();
  const times: number[] = [];
  for (let n = 0; n < decisions; n += 1) {
    if (n % 2 === 0) live.splice((7 * n) % Math.max(1, live.length), 1);
    while (line.size < waitingRuns) submit();
    if (n % 2 === 1) submit();
    times.push(step());
  }
  const explained = Array.from({ length: 20 }, () => timed(() => explain(stateNow(), 0)));
  const sorted = Array.from({ length: 20 }, () => timed(() => [...line.inOrder].sort(compare)));
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const baseline = percentile(sorted, 0.5);
  const about = { unit: `ms (${scene.name})`, n: decisions };
  return [
    { metric: 'schedule_ms', ...about, p50, p99, baseline, ratio: round(p50 / baseline) },
    {
      metric: 'schedule_explain_ms',
      unit: about.unit,
      n: explained.length,
      p50: percentile(explained, 0.5),
      p99: percentile(explained, 0.99),
    },
  ];
}

function requestOf(scene: Scene, n: number): Waiting {
  return {
    runId: `w${n}`,
    user: `user${n % 12}`,
    project: `project${n % 5}`,
    gpus: 1,
    gpuMemoryMib: null,
    cpus: 0,
    memoryMib: 0,
    priority: n % 3,
    position: n,
    hold: null,
    startAfterMs: null,
    dependencies: [],
    ...scene.request(n),
  };
}

function gpus(live: readonly { claim: Waiting; slots: readonly string[] }[]): GpuState[] {
  const states = Array.from({ length: gpuCount }, (_, index) => ({
    id: `g${index}`,
    memoryMib: (index % 2 === 0 ? 24 : 48) * gib,
    shut: null,
    foreign: null,
    holdings: [] as GpuState['holdings'][number][],
  }));
  for (const { claim, slots } of live) {
    for (const slot of slots) {
      const [gpu = '', number] = slot.split('#');
      const share = number === undefined ? wholeGpu : thousandths(claim);
      states[Number(gpu.slice(1))]?.holdings.push({
        runId: claim.runId,
        user: claim.user,
        sinceMs: 0,
        share,
        number: number === undefined ? null : Number(number),
        memoryMib: share * 24,
      });
    }
  }
  return states;
}

function timed(act: () => unknown): number {
  const from = performance.now();
  act();
  return performance.now() - from;
}
