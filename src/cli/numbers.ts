/** Numbers as people read them. */

/** Five significant digits: `0.00031`, `204.5`, `1.2346e+9`. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'inf');
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const text = value.toPrecision(5);
  return text.includes('e') ? String(Number(text)) : text.replace(/\.?0+$/, '');
}
