/** Files of lines that grow: JSON lines and tables of comma- or tab-separated values. */
import { numbersIn, parseJson, pointsIn, toNumber } from './numbers.ts';
import { type Note, nothing, type Parser, type Point } from './point.ts';

const newline = 10;
const recordKeys = ['key', 'value'];

/**
 * A point or a set of values a line: `{"step": 3, "loss": 0.5}`, or `{"key": "loss", "value": 0.5,
 * "step": 3, "wall": 1764075600.5}` for one (wall in seconds since the epoch). This is what
 * `$RUNYARD_METRICS` takes.
 */
export function createJsonlParser(): Parser {
  return byLines((line, place, notes) => {
    const value = parseJson(line);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      notes.push({ place, text: 'a line is no JSON object' });
      return [];
    }
    const record = value as Record<string, unknown>;
    const hasWall = 'wall' in record;
    const wall = typeof record.wall === 'number' ? record.wall * 1000 : null;
    const one = recordKeys.every((key) => key in record) && typeof record.key === 'string';
    if (one) {
      const [number] = numbersIn(record.value);
      if (number === undefined) return [];
      const step = exactStep(record.step) ?? pointsIn(numbersIn({ step: record.step })).step;
      return [{ key: String(record.key), value: number[1], step, wallMs: wall }];
    }
    if (hasWall) delete record.wall;
    const { step, wallMs, others } = pointsIn(numbersIn(record));
    const at = { step: exactStep(record.step) ?? step, wallMs: wall ?? wallMs };
    return others.map(([key, number]) => ({ key, value: number, ...at }));
  });
}

/** A step that is written as a string, as it has to be beyond 2^53; null when it is not. */
function exactStep(step: unknown): bigint | null {
  return typeof step === 'string' && /^-?\d{1,30}$/.test(step) ? BigInt(step) : null;
}

/** What a table's parser has to remember of what was read before. */
export type TableState = { header: string[] | null; separator: string };

/** What a table's first line says, for who begins in the midst of it. */
export function tableStateOf(line: string): TableState {
  let state: TableState = { header: null, separator: ',' };
  const parse = createTableParser(state, (header) => {
    state = header;
  });
  parse(Buffer.from(`${line}\n`), 0, false);
  return state;
}

/** A table with a row of names; another one further down begins a new table. */
export function createTableParser(
  state: TableState,
  remember: (state: TableState) => void,
): Parser {
  let { header, separator } = state;
  return byLines((line) => {
    if (header === null) separator = line.includes('\t') ? '\t' : line.includes(';') ? ';' : ',';
    const cells = cellsOf(line, separator);
    const isHeader = cells.every((cell) => cell !== '' && !isNumber(cell));
    if (isHeader) {
      header = cells;
      remember({ header, separator });
      return [];
    }
    if (header === null || cells.length !== header.length) return [];
    const values = header.flatMap((key, index): [string, number][] =>
      isNumber(cells[index] ?? '') ? [[key, toNumber(cells[index] ?? '')]] : [],
    );
    const { step, wallMs, others } = pointsIn(values);
    return others.map(([key, value]) => ({ key, value, step, wallMs }));
  });
}

type Values = Omit<Point, 'place'>[];

/** Whole lines only; one that is longer than the reader's patience is passed over. */
function byLines(read: (line: string, place: string, notes: Note[]) => Values): Parser {
  return (data, offset, full) => {
    const points: Point[] = [];
    const notes: Note[] = [];
    let used = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, used)) {
      const line = data.toString('utf8', used, end).trim();
      const place = String(offset + used);
      if (line !== '') {
        for (const { key, step, wallMs, value } of read(line, place, notes))
          points.push({ key, step, wallMs, value, place: `${place}:${key}` });
      }
      used = end + 1;
    }
    if (used === 0 && full) {
      notes.push({ place: String(offset), text: 'a line is too long and was passed over' });
      used = data.length;
    }
    return used === 0 ? nothing : { points, notes, used };
  };
}

function isNumber(cell: string): boolean {
  return /^[-+]?(?:\d[\d_]*\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)$/i.test(
    cell,
  );
}

/** Cells of a line; quoted ones may hold the separator. */
function cellsOf(line: string, separator: string): string[] {
  if (!line.includes('"')) return line.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (const character of line) {
    if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      cells.push(cell.trim());
      cell = '';
    } else cell += character;
  }
  return [...cells, cell.trim()];
}
