/** What `nvidia-smi -q -x` and `nvidia-smi -L` say (the driver's own formats, nvsmi_device_v*.dtd). */
import { RunyardError } from '../errors.ts';
import type { Gpu, GpuProcess } from './gpu.ts';
import { type Element, elementAt, parseXml, textAt } from './xml.ts';

/** Every GPU, and in place of one that is sliced its slices. Throws when the text is something else. */
export function parseNvidia(xml: string, list: string): Gpu[] {
  const log = parseXml(xml);
  if (log.name !== 'nvidia_smi_log') throw new RunyardError('internal', `it is <${log.name}>`);
  const slices = slicesOf(list);
  const cards = log.children.filter(({ name }) => name === 'gpu');
  return cards.flatMap((card, index) => {
    const gpu = gpuOf(card, index);
    if (textAt(card, 'mig_mode', 'current_mig') !== 'Enabled') return [gpu];
    return sliced(card, gpu, slices.get(gpu.id) ?? []);
  });
}

/** Whether any GPU is sliced: then `nvidia-smi -L` is needed, which alone names slices by UUID. */
export function isSliced(xml: string): boolean {
  return /<current_mig>\s*Enabled/.test(xml);
}

/** Where on the bus a GPU is that the tool cannot reach, from its complaint; null: it complains of else. */
export function lostGpu(complaint: string): string | null {
  return /device handle for GPU\s*([0-9A-Fa-f:.]+\d)/i.exec(complaint)?.[1]?.toUpperCase() ?? null;
}

function gpuOf(card: Element, index: number): Gpu {
  const id = textAt(card, 'uuid');
  if (!/^GPU-[0-9a-f-]+$/.test(id)) throw new RunyardError('internal', `"${id}" is no UUID`);
  const used = amount(textAt(card, 'fb_memory_usage', 'used'));
  return {
    id,
    vendor: 'nvidia',
    index,
    bus: card.id.toUpperCase(),
    name: textAt(card, 'product_name').replace(/^NVIDIA /, ''),
    memoryMib: amount(textAt(card, 'fb_memory_usage', 'total')) ?? 0,
    usedMib: used,
    utilization: amount(textAt(card, 'utilization', 'gpu_util')),
    processes: processesOf(card).map(({ process }) => process),
    partOf: null,
    trouble: troubleOf(card),
  };
}

/** The tool counts what cannot be corrected since the driver was loaded, and rows that wait for a reset. */
function troubleOf(card: Element): string | null {
  if (/yes/i.test(textAt(card, 'remapped_rows', 'remapped_row_failure')))
    return 'broken: its memory has rows that could not be remapped';
  if (/yes/i.test(textAt(card, 'gpu_reset_status', 'reset_required'))) return 'to be reset first';
  const state = textAt(card, 'gpu_recovery_action');
  return /reset|reboot|drain/i.test(state) ? `sick: its driver wants "${state}"` : null;
}

function sliced(card: Element, gpu: Gpu, named: readonly { name: string; id: string }[]): Gpu[] {
  const devices = elementAt(card, 'mig_devices')?.children ?? [];
  const processes = processesOf(card);
  return named.map(({ name, id }, at): Gpu => {
    // Both list them in the same order: the XML has no UUIDs of slices.
    const device = devices[at];
    const instance = device === undefined ? '' : textAt(device, 'gpu_instance_id');
    return {
      ...gpu,
      id,
      name: `${gpu.name} ${name}`,
      memoryMib:
        device === undefined ? 0 : (amount(textAt(device, 'fb_memory_usage', 'total')) ?? 0),
      usedMib: device === undefined ? null : amount(textAt(device, 'fb_memory_usage', 'used')),
      // The tool does not measure slices.
      utilization: null,
      processes: processes
        .filter((each) => each.instance === instance)
        .map(({ process }) => process),
      partOf: gpu.id,
    };
  });
}

function processesOf(card: Element): { instance: string; process: GpuProcess }[] {
  const infos = elementAt(card, 'processes')?.children ?? [];
  return infos
    .filter(({ name }) => name === 'process_info')
    .map((info) => ({
      instance: textAt(info, 'gpu_instance_id'),
      process: {
        pid: Number(textAt(info, 'pid')),
        graphics: textAt(info, 'type') === 'G',
        name: textAt(info, 'process_name'),
        usedMib: amount(textAt(info, 'used_memory')),
      },
    }));
}

/** From the lines of `nvidia-smi -L`: GPU by GPU, its slices in order. */
function slicesOf(list: string): Map<string, { name: string; id: string }[]> {
  const found = new Map<string, { name: string; id: string }[]>();
  let slices: { name: string; id: string }[] = [];
  for (const line of list.split('\n')) {
    const gpu = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line)?.[1];
    if (gpu !== undefined) {
      slices = [];
      found.set(gpu, slices);
      continue;
    }
    const [, name, id] = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/.exec(line) ?? [];
    if (name !== undefined && id !== undefined) slices.push({ name, id });
  }
  return found;
}

/** The number before a unit; null for `N/A` and the like. */
function amount(text: string): number | null {
  const number = /^(\d+(?:\.\d+)?)\s*(?:MiB|%|W|C)?$/.exec(text)?.[1];
  return number === undefined ? null : Number(number);
}
