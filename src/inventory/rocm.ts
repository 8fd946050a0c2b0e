/** What `rocm-smi --json` says. Made by its documented format: no such GPU was at hand. */
import { RunyardError } from '../errors.ts';
import type { Gpu } from './gpu.ts';

export const rocmArguments: readonly string[] = [
  ...['--showuniqueid', '--showproductname', '--showmeminfo', 'vram', '--showuse', '--showbus'],
  '--json',
];

/** Throws when the text is something else. */
export function parseRocm(text: string): Gpu[] {
  let cards: Record<string, Record<string, unknown>>;
  // Warnings may come before it.
  const at = text.indexOf('{');
  if (at < 0) throw new RunyardError('internal', 'it is not JSON');
  try {
    cards = JSON.parse(text.slice(at));
  } catch (cause) {
    throw new RunyardError('internal', 'it is not JSON', { cause });
  }
  return Object.entries(cards)
    .filter(([name]) => /^card\d+$/.test(name))
    .map(([name, card]): Gpu => {
      const field = (wanted: string): string => {
        const key = Object.keys(card).find((each) => each.toLowerCase() === wanted.toLowerCase());
        return key === undefined ? '' : String(card[key]);
      };
      const unique = /^0x([0-9a-f]+)$/i.exec(field('Unique ID'))?.[1];
      if (unique === undefined) throw new RunyardError('internal', `${name} has no unique id`);
      const use = field('GPU use (%)');
      return {
        id: `GPU-${unique.toLowerCase()}`,
        vendor: 'amd',
        index: Number(name.slice('card'.length)),
        bus: field('PCI Bus').toUpperCase(),
        name: field('Card Series') || field('Card SKU') || 'AMD GPU',
        memoryMib: mib(field('VRAM Total Memory (B)')) ?? 0,
        usedMib: mib(field('VRAM Total Used Memory (B)')),
        utilization: /^\d+$/.test(use) ? Number(use) : null,
        // Who uses it, only rocm-smi --showpids tells, and that not by GPU.
        processes: [],
        partOf: null,
        trouble: null,
      };
    });
}

function mib(bytes: string): number | null {
  return /^\d+$/.test(bytes) ? Math.floor(Number(bytes) / 2 ** 20) : null;
}
