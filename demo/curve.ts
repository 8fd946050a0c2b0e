/** A curve in braille: each character is two dots wide and four high. */

export type Point = { readonly step: number; readonly value: number };

/** Bits of the dots of one braille character, by column and by row from the top. */
const dots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/**
 * Lines that draw `points` from step 0 to `lastStep`. Each column of dots shows the mean of its
 * points, so that thousands of episodes read as one curve; columns between two points are joined.
 */
export function drawCurve(
  points: readonly Point[],
  options: { columns: number; rows: number; lastStep: number; label: string },
): string[] {
  const { rows, lastStep, label } = options;
  const margin = 8;
  const width = Math.max(10, options.columns - margin - 1);
  const means = columnMeans(points, width * 2, lastStep);
  const top = Math.max(10, ...means.filter((mean) => mean !== null));
  const cells = Array.from({ length: rows }, () => new Array<number>(width).fill(0));
  const high = rows * 4 - 1;
  let before: number | null = null;
  means.forEach((mean, column) => {
    if (mean === null) return;
    const dot = high - Math.round((Math.max(0, mean) / top) * high);
    const [from, to] =
      before === null ? [dot, dot] : [Math.min(before, dot), Math.max(before, dot)];
    for (let y = from; y <= to; y += 1) {
      const row = cells[y >> 2];
      const bit = dots[column % 2 === 0 ? 0 : 1][(y % 4) as 0 | 1 | 2 | 3];
      const cell = column >> 1;
      if (row !== undefined) row[cell] = (row[cell] ?? 0) | bit;
    }
    before = dot;
  });
  const body = cells.map((row, index) => {
    const shown = index === 0 ? top.toFixed(0) : index === rows - 1 ? '0' : '';
    return `${shown.padStart(margin - 2)} ┤${row.map((bits) => String.fromCodePoint(0x2800 + bits)).join('')}`;
  });
  const last = lastStep.toLocaleString('en');
  const axis = `${' '.repeat(margin - 1)}└${'─'.repeat(width)}`;
  const scale = `${' '.repeat(margin)}0${`step ${last}`.padStart(width - 1)}`;
  return [label, ...body, axis, scale];
}

/** Mean of the points of each column, and a straight line between columns that have some. */
function columnMeans(points: readonly Point[], columns: number, lastStep: number) {
  const sums = Array.from({ length: columns }, () => ({ sum: 0, count: 0 }));
  for (const { step, value } of points) {
    const index = Math.min(columns - 1, Math.floor((step / Math.max(1, lastStep)) * columns));
    const column = sums[Math.max(0, index)];
    if (column === undefined || !Number.isFinite(value)) continue;
    column.sum += value;
    column.count += 1;
  }
  const means: (number | null)[] = sums.map(({ sum, count }) => (count === 0 ? null : sum / count));
  let known = -1;
  means.forEach((mean, index) => {
    if (mean === null) return;
    const start = means[known] ?? mean;
    for (let gap = known + 1; known >= 0 && gap < index; gap += 1) {
      means[gap] = start + ((mean - start) * (gap - known)) / (index - known);
    }
    known = index;
  });
  return means;
}
