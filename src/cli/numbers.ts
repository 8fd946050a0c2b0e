/** Numbers as people read them. */

/** At most five significant digits: `0.31`, `204.5`, `3.1e-4`, `1.235e+9`. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'inf');
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e9) return value.toExponential(3).replace(/\.?0+e/, 'e');
  return String(Number(value.toPrecision(5)));
}
