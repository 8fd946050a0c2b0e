/** Parts whose numbers follow on each other. */
export function unbroken<T extends { seq: number }>(points: readonly T[]): T[][] {
  const parts: T[][] = [];
  let from = 0;
  points.forEach(({ seq }, index) => {
    if (index > 0 && seq !== (points[index - 1]?.seq ?? 0) + 1) {
      parts.push(points.slice(from, index));
      from = index;
    }
  });
  if (from < points.length) parts.push(points.slice(from));
  return parts;
}
