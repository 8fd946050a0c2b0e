/**
 * Whose a file is, where runs share a directory. Each attempt keeps a note in the yard's `capture`
 * directory: since when it runs, where, what was there before, and which files it was seen to write. Only
 * its worker writes it; others read it (decision 20).
 */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles } from '../rundir/index.ts';
import { type Candidate, searchBelow } from './search.ts';

export type Claims = {
  /** When the attempt was prepared: what is older is not its work. */
  sinceMs: number;
  /** How large a file was before the attempt; undefined when it was not there, or not seen. */
  sizeBefore(file: string): number | undefined;
  /** The attempt was seen to write it. */
  claim(candidate: Candidate): void;
  /** Attempts that were there at the same time, and the files that they were seen to write. */
  neighbours(): { cwd: string; files: ReadonlySet<string> }[];
  /** No more is claimed. Removes what no live attempt needs to know any more. */
  close(): void;
};

type Head = { dir: string; cwd: string; since_ms: number; before: Record<string, number> };
type Note = Head & { files: Set<string>; doneMs: number | null };

/** Looked through before the trainer starts, which waits for it: less than a millisecond. */
const beforeEntries = 200;
const beforeDepth = 1;
const beforeFiles = 200;
/** After its last output a worker has this long to say that it is done; then nobody waits for it. */
const lateMs = 15 * 60_000;

/** `place` is the directory of notes, `name` that of ours. */
export function openClaims(options: {
  place: string;
  name: string;
  dir: string;
  cwd: string;
  sinceMs: number;
}): Claims {
  const { place, name, dir, cwd } = options;
  const file = path.join(place, name);
  const head = readNote(file) ?? begin(file, { dir, cwd, since_ms: options.sinceMs, before: {} });
  const add = (line: object): void => {
    try {
      fs.appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch {
      // A full disk: neighbours may be unsure then, and take nothing.
    }
  };
  const others = (): { name: string; note: Note }[] =>
    namesIn(place)
      .filter((other) => other !== name)
      .flatMap((other) => {
        const note = readNote(path.join(place, other));
        return note === null ? [] : [{ name: other, note }];
      });

  return {
    sinceMs: head.since_ms,
    sizeBefore: (of) => head.before[of],
    claim: ({ id }) => add({ claim: id }),
    neighbours: () =>
      others()
        .filter(({ note }) => (endOf(note) ?? Number.POSITIVE_INFINITY) >= head.since_ms)
        .map(({ note }) => ({ cwd: note.cwd, files: note.files })),
    close() {
      add({ done_ms: Date.now() });
      const all = [...others(), { name, note: { ...head, doneMs: Date.now() } }];
      const live = all.filter(({ note }) => endOf(note) === null);
      const oldest = Math.min(...live.map(({ note }) => note.since_ms));
      for (const { name: over, note } of all) {
        const end = endOf(note);
        if (end !== null && end < oldest) fs.rmSync(path.join(place, over), { force: true });
      }
    },
  };
}

function begin(file: string, head: Head): Note {
  // Once the trainer may have begun, nobody can say any more what was there before it.
  const hasBegun = fs.existsSync(path.join(head.dir, attemptFiles.start));
  const { found } = hasBegun
    ? { found: [] }
    : searchBelow(head.cwd, beforeEntries, { depthMost: beforeDepth });
  const before = Object.fromEntries(
    found.slice(0, beforeFiles).map((candidate) => [candidate.file, candidate.size]),
  );
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, `${JSON.stringify({ ...head, before })}\n`, { mode: 0o600 });
  return { ...head, before, files: new Set(), doneMs: null };
}

/** Null while somebody may still write for it. */
function endOf({ dir, doneMs }: Note): number | null {
  if (doneMs !== null) return doneMs;
  if (!fs.existsSync(dir)) return 0;
  const drained = fs.statSync(path.join(dir, attemptFiles.drained), { throwIfNoEntry: false });
  return drained !== undefined && drained.mtimeMs < Date.now() - lateMs ? drained.mtimeMs : null;
}

function readNote(file: string): Note | null {
  try {
    const [head, ...lines] = fs.readFileSync(file, 'utf8').split('\n');
    const note: Note = { ...(JSON.parse(head ?? '') as Head), files: new Set(), doneMs: null };
    for (const line of lines) {
      const { claim, done_ms } = line === '' ? {} : JSON.parse(line);
      if (typeof claim === 'string') note.files.add(claim);
      if (typeof done_ms === 'number') note.doneMs = done_ms;
    }
    return note;
  } catch {
    // Gone, or torn by a crash.
    return null;
  }
}

function namesIn(place: string): string[] {
  try {
    return fs.readdirSync(place);
  } catch {
    return [];
  }
}
