/** Runs side by side: what tells them apart, and which are the same but for the seed. Pure. */
import { differences, type Params, seedNames } from '../../../../src/params.ts';
import { numberOf } from '../../curves/points.ts';
import { order } from '../../data/order.ts';
import type { MetricKey, RunSummary } from '../../data/types.ts';

export type Member = { run: RunSummary; letter: string; params: Params };
export type Cell = { id: string; letter: string; params: Params; members: Member[] };
export type Compared = {
  names: string[];
  members: Member[];
  /** Empty where no two runs differ in their seed alone. */
  cells: Cell[];
};

export function compared(runs: readonly RunSummary[]): Compared {
  const { names, of } = differences(runs);
  const rows = runs
    .map((run, index) => ({ run, params: of[index] ?? {} }))
    .sort(
      (a, b) => inOrder(names, a.params, b.params) || order(a.run.submitted_at, b.run.submitted_at),
    );
  const members = rows.map((row, index) => ({ ...row, letter: letterOf(index) }));
  return { names, members, cells: cellsOf(names, members) };
}

function cellsOf(names: readonly string[], members: readonly Member[]): Cell[] {
  if (!names.some((name) => seedNames.includes(name))) return [];
  const cells = new Map<string, Omit<Cell, 'letter'>>();
  for (const member of members) {
    const rest = names.filter((name) => !seedNames.includes(name) && name in member.params);
    const params = Object.fromEntries(rest.map((name) => [name, member.params[name] ?? '']));
    const id = JSON.stringify(params);
    const cell = cells.get(id) ?? { id, params, members: [] };
    cell.members.push(member);
    cells.set(id, cell);
  }
  return [...cells.values()].map((cell, index) => ({ ...cell, letter: letterOf(index) }));
}

/** A … Z, AA, AB … */
function letterOf(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letterOf(Math.floor(index / 26) - 1) + last;
}

const { compare } = new Intl.Collator('en', { numeric: true });

/** By their parameters, numbers as numbers. */
function inOrder(names: readonly string[], a: Params, b: Params): number {
  for (const name of names) {
    const [x, y] = [a[name] ?? '', b[name] ?? ''];
    const isNumber = x !== '' && y !== '' && !Number.isNaN(Number(x)) && !Number.isNaN(Number(y));
    const by = isNumber ? Number(x) - Number(y) : compare(x, y);
    if (by !== 0) return by;
  }
  return 0;
}

export type Measured = { last: number; min: number; max: number };

/** Of one metric by run. */
export function measuredOf(keys: readonly MetricKey[], key: string): Map<string, Measured> {
  return new Map(
    keys
      .filter((each) => each.key === key)
      .map((each) => [
        each.run_id,
        { last: numberOf(each.last), min: numberOf(each.min), max: numberOf(each.max) },
      ]),
  );
}

/** Whether less is better, as the name of a metric has it. */
export function isLoss(key: string): boolean {
  return /loss|error|regret|perplexity|\b(mse|mae|rmse)\b/i.test(key);
}

/** The id of the run with the best value of all; empty when none has one. */
export function bestOf(measured: ReadonlyMap<string, Measured>, least: boolean): string {
  let best = '';
  let value = Number.NaN;
  for (const [id, { min, max }] of measured) {
    const own = least ? min : max;
    if (Number.isNaN(own)) continue;
    if (Number.isNaN(value) || (least ? own < value : own > value)) [best, value] = [id, own];
  }
  return best;
}
