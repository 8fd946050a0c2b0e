/** How states, lengths of time and sizes look to people, on the command line and in the web console. Pure. */

/** Statuses of runs, in the order of a life. */
export const statuses = [
  'queued',
  'allocating',
  'running',
  'stopping',
  'completed',
  'failed',
  'lost',
  'rejected',
  'cancelled',
] as const;

export const glyphs: Readonly<Record<(typeof statuses)[number], string>> = {
  queued: '○',
  allocating: '◐',
  running: '●',
  stopping: '◑',
  completed: '✓',
  failed: '✗',
  lost: '✗',
  rejected: '✗',
  cancelled: '⊘',
};

/** Two units at most: `12 ms`, `2.3 s`, `41 s`, `12m`, `3h05`, `2d4h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes}m${pad(seconds % 60)}` : `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${pad(minutes % 60)}` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** `00:41`, `1:02:03`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const rest = `${pad((seconds % 3600) / 60)}:${pad(seconds % 60)}`;
  return hours === 0 ? rest : `${hours}:${rest}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function pad(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
