/** `Range: bytes=…` of one part; who asks for several gets the whole. */
export type Range = { first: number; last: number };

/** `none`: nothing of it is there (416). What is not understood counts as not asked for (RFC 9110, 14.2). */
export function rangeOf(header: string | undefined, size: number): Range | 'all' | 'none' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return 'all';
  if (from === '') {
    const count = Math.min(Number(to), size);
    return count === 0 ? 'none' : { first: size - count, last: size - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return 'all';
  if (first >= size) return 'none';
  return { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}
