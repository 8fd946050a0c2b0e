/**
 * Names of slots: what is leased, what a run's row tells, and what lock files are named after. A whole GPU has
 * its own name, its share number 3 is `GPU#3`.
 */

export function slotOf(gpu: string, number: number | null): string {
  return number === null ? gpu : `${gpu}#${number}`;
}

export function gpuOfSlot(slot: string): string {
  return slot.replace(/#\d+$/, '');
}

/** The number of a share; null for a whole GPU. */
export function numberOfSlot(slot: string): number | null {
  const number = /#(\d+)$/.exec(slot)?.[1];
  return number === undefined ? null : Number(number);
}

/** Whether both may not be held at once: the same slot, or a GPU as a whole and a share of it. */
export function excludeEachOther(a: string, b: string): boolean {
  if (a === b) return true;
  const isWhole = numberOfSlot(a) === null || numberOfSlot(b) === null;
  return isWhole && gpuOfSlot(a) === gpuOfSlot(b);
}

/** Of a place that a cluster gave out: `slurm:17@node2`, and `slurm:17@node2/gpu0` for a GPU there. */
export function isElsewhere(slot: string): boolean {
  return slot.startsWith('slurm:');
}

/** What slots say of a place that a cluster gave out; null for places of this machine. */
export function clusterPlace(
  slots: readonly string[],
): { job: string; node: string; gpus: string[] } | null {
  const [, job = '', node = ''] = /^slurm:([\d_]+)@(.*)$/.exec(slots[0] ?? '') ?? [];
  if (job === '') return null;
  const gpus = slots.slice(1).flatMap((slot) => /\/gpu(.+)$/.exec(slot)?.[1] ?? []);
  return { job, node, gpus };
}

/** Slots for people: `0,1`, or `node2 (job 17)`, with GPUs `node2 GPU 0,1 (job 17)`. */
export function slotsText(slots: readonly string[], between = ','): string {
  const place = clusterPlace(slots);
  if (place === null) return slots.join(between);
  const { job, node, gpus } = place;
  const on = gpus.length === 0 ? '' : ` GPU ${gpus.join(between)}`;
  return `${node}${on} (job ${job})`.trimStart();
}
