/**
 * The points of one run in its own directory: `metrics.jsonl`, and what is known of each metric. Whatever was
 * written is known from the last line alone, so that after a crash no line is missing and none is there twice.
 */
import fs from 'node:fs';
import path from 'node:path';
import { runFiles, writeAtomic } from '../rundir/index.ts';
import { openJournal } from './journal.ts';
import { createKeys, type KeyStats, type Keys, type StoredKey, storedKey } from './keys.ts';
import { linesFrom, type PointLine } from './lines.ts';

/** A message of the bus, as far as it is kept. */
export type PointsMessage = {
  attempt: number;
  /** The number of its first point, or of the one that would come next. */
  first_seq?: number;
  points: Omit<PointLine, 'attempt'>[];
  /** No more points of the attempt come. */
  end?: boolean | undefined;
};

/** What is known of an attempt's points. */
export type Known = { attempt: number; upto: number; ended: boolean; keys: KeyStats[] };

export type PointHistory = {
  /** Appends what is not there yet. `text`: the message as it came, of which lines are cut where that can be. */
  add(message: PointsMessage, text?: string): void;
  /** What changed since this was last asked, or was found when it was opened, of each attempt. */
  changed(): Known[];
  /** How many numbers were passed over, since this was last asked: points that nobody has. */
  missing(): number;
  sync(): Promise<void>;
  close(): void;
};

/** Of one run. A gigabyte of numbers is beyond what anybody reads; the bus has the newest, too. */
const limits = { segmentBytes: 16 * 2 ** 20, totalBytes: 512 * 2 ** 20 };
export const pointsName = 'metrics';

/** What was known at a place of the files: with the lines since, it is what is known now. */
type Summary = {
  v: 1;
  segment: number;
  offset: number;
  attempt: number;
  upto: number;
  ended: boolean;
  keys: StoredKey[];
};

/** The run's directory has to be there. */
export function openPoints(dir: string, sizes = limits): PointHistory {
  const journal = openJournal(dir, pointsName, sizes);
  const file = path.join(dir, runFiles.metricKeys);
  let { attempt, upto, ended, keys, past } = restored(dir);
  let isFresh = upto > 0 || ended;
  let missing = 0;
  keys.touch();

  const turn = (next: number): void => {
    // Two attempts may come between two questions.
    if (isFresh) past.push({ attempt, upto, ended: true, keys: keys.changed() });
    attempt = next;
    upto = 0;
    ended = false;
    keys = createKeys();
  };
  const remember = (place: { segment: number; offset: number }): void => {
    const known = { attempt, upto, ended, keys: keys.all().map(storedKey) };
    writeAtomic(file, JSON.stringify({ v: 1, ...place, ...known }), { mode: 0o600 });
  };
  return {
    add(message, text) {
      if (message.attempt < attempt) return;
      if (message.attempt > attempt) turn(message.attempt);
      const points = message.points.filter(({ seq }) => seq > upto);
      if (points.length > 0) {
        const isWhole = text !== undefined && points.length === message.points.length;
        const cut = isWhole ? cutLines(attempt, points.length, text) : null;
        const lines = cut ?? points.map((point) => lineOf(attempt, point)).join('');
        if (journal.turns(lines)) remember({ segment: journal.end().segment + 1, offset: 0 });
        journal.append(lines);
        for (const point of points) keys.add(point);
        missing += (points[0]?.seq ?? 0) - upto - 1;
        upto = points.at(-1)?.seq ?? upto;
        ended = false;
        isFresh = true;
      }
      if (message.end === true && !ended) {
        ended = true;
        isFresh = true;
        missing += Math.max(0, (message.first_seq ?? 0) - upto - 1);
        // The lines do not say it.
        remember(journal.end());
      }
    },
    changed() {
      const before = past;
      past = [];
      if (!isFresh) return before;
      isFresh = false;
      return [...before, { attempt, upto, ended, keys: keys.changed() }];
    },
    missing() {
      const found = missing;
      missing = 0;
      return found;
    },
    sync: journal.sync,
    close: journal.close,
  };
}

/** What a run's directory knows of its points, without changing anything. */
export function knownPoints(dir: string): Known[] {
  const { keys, past, ...rest } = restored(dir);
  return rest.upto > 0 ? [...past, { ...rest, keys: keys.all() }] : past;
}

/** `past`: attempts before the last one, as far as the lines tell of them. */
function restored(dir: string): Omit<Known, 'keys'> & { keys: Keys; past: Known[] } {
  const summary = readSummary(path.join(dir, runFiles.metricKeys));
  let { attempt, upto, ended } = summary;
  let keys = createKeys(summary.keys);
  const past: Known[] = [];
  for (const { attempt: of, ...point } of linesFrom(dir, pointsName, summary)) {
    if (of < attempt || (of === attempt && point.seq <= upto)) continue;
    if (of > attempt) {
      if (upto > 0) past.push({ attempt, upto, ended: true, keys: keys.all() });
      keys = createKeys();
    }
    keys.add(point);
    [attempt, upto, ended] = [of, point.seq, false];
  }
  return { attempt, upto, ended, keys, past };
}

function readSummary(file: string): Summary {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Summary;
  } catch {
    return { v: 1, segment: 1, offset: 0, attempt: 1, upto: 0, ended: false, keys: [] };
  }
}

/**
 * The points of a message without writing each of them anew: between two of them there is what can be in no
 * string, because of its quote. Null when the message is not as we write it.
 */
function cutLines(attempt: number, count: number, text: string): string | null {
  const from = text.indexOf(opening);
  const to = text.indexOf(closing, from);
  if (from < 0 || to < 0) return null;
  const head = `{"attempt":${attempt},"seq":`;
  const parts = text.slice(from + opening.length, to + 1).split('},{"seq":');
  return parts.length === count ? `${head}${parts.join(`}\n${head}`)}\n` : null;
}
const opening = '"points":[{"seq":';
const closing = '}],"';

function lineOf(attempt: number, point: PointsMessage['points'][number]): string {
  return `${JSON.stringify({ attempt, ...point })}\n`;
}
