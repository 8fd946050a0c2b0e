/** GPUs that are not there, for trying things out: `fake:4` or `fake:4x24GiB`. */
import type { Gpu } from './gpu.ts';

/** Null when something else is meant. */
export function fakeGpus(wanted: string): Gpu[] | null {
  const [, count, gib] = /^fake:(\d+)(?:x(\d+)GiB)?$/.exec(wanted) ?? [];
  if (count === undefined) return null;
  return Array.from({ length: Number(count) }, (_, index) => ({
    id: `fake-${index}`,
    vendor: 'fake',
    index,
    bus: '',
    name: 'fake',
    memoryMib: 1024 * Number(gib ?? 0),
    usedMib: null,
    utilization: null,
    processes: [],
    partOf: null,
    trouble: null,
  }));
}
