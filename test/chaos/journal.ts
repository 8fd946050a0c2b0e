/**
 * What trainers wrote about themselves, and what /proc says. Nothing here asks Runyard, or uses its
 * code: this is the other side of the comparison.
 */
import fs from 'node:fs';
import path from 'node:path';

export type Process = { pid: number; start_time: string };
export type Started = Process & {
  /** Its recorder, as the trainer saw it. */
  parent: number;
  parent_start_time: string;
  run: string;
  attempt: string;
};
export type Ended = { exit?: number; signal?: string };

export type Journal = {
  start: Started | null;
  /** Starts after the first one. */
  again: number;
  /** Processes of earlier attempts that lived when it began. */
  overlaps: number;
  ends: Ended[];
  /** Lines that it surely wrote. */
  lines: number;
  children: Process[];
  /** GPUs that it was given although somebody living had them. */
  double: number;
  problems: string[];
};

/** Of a run, by attempt: those that a trainer was started in. */
export function readJournals(dir: string): Map<number, Journal> {
  return new Map(attemptsIn(dir).map((attempt) => [attempt, journalOf(dir, attempt)]));
}

/** Empty where nothing was started. */
export function journalOf(run: string, attempt: number): Journal {
  const dir = ofAttempt(run, attempt);
  return {
    start: startedIn(dir),
    again: rows(dir, 'again').length,
    overlaps: rows(dir, 'overlap').length,
    ends: rows<Ended>(dir, 'exit'),
    lines: Number(text(dir, 'lines') ?? 0),
    children: rows<Process>(dir, 'children'),
    double: rows(dir, 'double').length,
    problems: rows<{ text: string }>(dir, 'problem').map((row) => row.text),
  };
}

/** Of a run's newest attempt that began. */
export function readStarted(dir: string): Started | null {
  for (const attempt of attemptsIn(dir).reverse()) {
    const found = startedIn(ofAttempt(dir, attempt));
    if (found !== null) return found;
  }
  return null;
}

function startedIn(dir: string): Started | null {
  const found = text(dir, 'start');
  return found === null ? null : (JSON.parse(found) as Started);
}

function attemptsIn(dir: string): number[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir)
    .map(Number)
    .sort((a, b) => a - b);
}

function ofAttempt(dir: string, attempt: number): string {
  return path.join(dir, String(attempt));
}

/** Exactly this process, and not a zombie of it. */
export function lives({ pid, start_time }: Process): boolean {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return false;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] !== 'Z' && fields[0] !== 'X' && fields[19] === start_time;
}

export type Found = { pid: number; command: string };

/** Processes that carry `mark` in their environment or on their command line, but this one. */
export function processesOf(mark: string): Found[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = fs.readFileSync(`/proc/${name}/cmdline`, 'latin1');
        const environ = fs.readFileSync(`/proc/${name}/environ`, 'latin1');
        if (!command.includes(mark) && !environ.includes(mark)) return [];
        // A zombie has neither.
        return [{ pid: Number(name), command: command.replaceAll('\0', ' ').trim() }];
      } catch {
        return [];
      }
    });
}

function text(dir: string, name: string): string | null {
  try {
    return fs.readFileSync(path.join(dir, name), 'utf8');
  } catch {
    return null;
  }
}

function rows<T>(dir: string, name: string): T[] {
  return (text(dir, name) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
