/** Lengths of time and sizes as people write them: `90`, `90s`, `30m`, `1h30m`, `2d`; `500M`, `20G`. */
import { usage } from './context.ts';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds. Throws usage. */
export function parseSeconds(text: string, option: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text)) {
    throw usage(option, `must be a length of time, not "${text}"`, 'such as 90s, 30m, 1h30m, 2d');
  }
  let seconds = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)) {
    seconds += Number(count) * (units[unit] ?? 0);
  }
  return seconds;
}

/** The time that `--since` means: `10m` ago, or a time. Throws usage. */
export function parseSince(text: string, nowMs: number): Date {
  if (/^[\d.]+[smhd]/.test(text)) return new Date(nowMs - 1000 * parseSeconds(text, '--since'));
  const ms = Date.parse(text);
  if (!Number.isNaN(ms) && /^\d{4}-/.test(text)) return new Date(ms);
  const hint = 'such as 10m, 1h30m, 2026-01-31 or 2026-01-31T08:00:00Z';
  throw usage('--since', `must be a length of time or a time, not "${text}"`, hint);
}

const sizes = 'KMGT';

/** Bytes, of a size as people write it: `500M`, `1.5GiB`, `2TB`; K is 1,024. Throws usage. */
export function parseBytes(text: string, option: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?$/i.exec(text) ?? [];
  if (count === undefined)
    throw usage(option, `must be a size, not "${text}"`, 'such as 500M, 20G, 1.5T');
  return Number(count) * 1024 ** (unit === '' ? 0 : sizes.indexOf(unit.toUpperCase()) + 1);
}
