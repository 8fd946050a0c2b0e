/** What a drill's clients were told, and what its trainers know of themselves: nothing of it may be lost. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunSummary, TrainRunConfig } from '../../src/contracts/index.ts';
import { tenaciously } from '../chaos/tenacity.ts';
import { until } from '../integration/yard.ts';
import type { Scene } from './scene.ts';

/** Numbers its lines, each a point, until a file is there; journals its start and its own count at the end. */
const counting = `echo start >> "$0.$RUNYARD_RUN_ID"
i=0
while [ ! -e "$0.go" ]; do i=$((i+1)); echo "global_step=$i, episodic_return=[$i.]"; sleep 0.05; done
echo "end $i" >> "$0.$RUNYARD_RUN_ID"
exit "$1"`;

/** Leaves so many points at once, and prints nothing. */
const flooding = `echo start >> "$0.$RUNYARD_RUN_ID"
seq 1 "$1" | sed 's/.*/{"step": &, "loss": 0.5}/' >> "$RUNYARD_METRICS"
echo "end 0" >> "$0.$RUNYARD_RUN_ID"`;

/** A run that SubmitRun has acknowledged. */
export type Entry = {
  name: string;
  run: string;
  /** Where its journals are, one for each run, and the file that ends it. */
  place: string;
  code: number;
  /** The reason's code when the failure itself is how it ends; the counts are then not known. */
  spared: string | null;
  /** How many points it leaves, where that is not one for each line. */
  points: number | null;
  /** Lets the trainer end. */
  end(): void;
};

/** How a run is seen from outside, once everything is over. */
export type Seen = {
  done: Pick<RunSummary, 'status' | 'exit_code' | 'last_seq'> & { reason: string };
  starts: number;
  /** What the trainer says it printed; null: it did not come to say so. */
  printed: number | null;
  /** Numbers of the lines that are there, and whether a gap is told. */
  lines: number[];
  gapTold: boolean;
  events: number[];
  points: number[];
  /** Ranges of points that are told to be missing. */
  pointGaps: number;
};

export type Ledger = {
  entries: readonly Entry[];
  /** Submits, again and again until it is acknowledged. Returns at once. */
  submit(name: string, code: number, config?: Partial<TrainRunConfig>): Promise<Entry>;
  /** The same, and waits until it is live and has points. */
  start(name: string, code: number, config?: Partial<TrainRunConfig>): Promise<Entry>;
  /** A run that leaves so many points at once and ends; resolves when all of them can be read. */
  flood(points: number): Promise<Entry>;
  /** Ends whatever is not over, and compares everything: what is lost, in words. */
  audit(): Promise<string[]>;
};

const patienceMs = 180_000;
const sparedStatuses = ['failed', 'lost'];

export function openLedger(scene: Scene): Ledger {
  const entries: Entry[] = [];
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
  const add = async (
    name: string,
    how: { script: string; argument: number; config?: Partial<TrainRunConfig> },
  ): Promise<Entry> => {
    const { script, argument, config } = how;
    const place = path.join(scene.dir, name);
    const command = ['sh', '-c', script, place, String(argument)];
    const { run_id: run } = await tenaciously(() =>
      scene.client.submit({ command, cwd: scene.dir, name, ...config }, { env, key: name }),
    );
    const end = (): void => fs.writeFileSync(`${place}.go`, '');
    const isFlood = script === flooding;
    const entry: Entry = {
      ...{ name, run, place, spared: null, end },
      ...{ code: isFlood ? 0 : argument, points: isFlood ? argument : null },
    };
    entries.push(entry);
    return entry;
  };
  const submit: Ledger['submit'] = (name, code, config = {}) =>
    add(name, { script: counting, argument: code, config });
  return {
    entries,
    submit,
    async start(name, code, config) {
      const entry = await submit(name, code, config);
      const lives = async () => (await scene.client.get(entry.run)).last_metric !== '';
      await until(lives, `points of ${name}`, patienceMs);
      return entry;
    },
    async flood(points) {
      const entry = await add('flood', { script: flooding, argument: points });
      const isThere = async (): Promise<boolean> => {
        for await (const batch of scene.client.metrics(entry.run, { fromSeq: points }))
          if (batch.points.length > 0) return true;
        return false;
      };
      await until(isThere, `${points} points`, patienceMs);
      return entry;
    },
    async audit() {
      for (const entry of entries) entry.end();
      const lost: string[] = [];
      // What a page tried again is a run of its own, of the same command.
      for await (const { run_id: run, retry_of: of } of scene.client.list()) {
        const first = entries.find((entry) => entry.run === of);
        if (first !== undefined && !entries.some((entry) => entry.run === run))
          entries.push({ ...first, run, name: `${first.name}, again`, spared: null });
      }
      for (const entry of entries) {
        try {
          lost.push(...compare(entry, await look(scene, entry)));
        } catch (error) {
          lost.push(`${entry.name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      return lost;
    },
  };
}

/** What is wrong with an acknowledged run, in words; empty: nothing. */
export function compare(
  entry: Pick<Entry, 'name' | 'code' | 'spared' | 'points'>,
  seen: Seen,
): string[] {
  const { name, code, spared } = entry;
  const lost: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) lost.push(`${name}: ${what}`);
  };
  const { done, printed, lines, points } = seen;
  if (spared === null) {
    const wanted = code === 0 ? 'completed' : 'failed';
    const is = `${done.status} ${done.exit_code} ${done.reason}`;
    check(done.status === wanted && done.exit_code === code, `ended ${code}, and is told ${is}`);
    check(printed !== null, 'its trainer did not come to its end');
    const missing = (printed ?? 0) - lines.length;
    check(missing === 0 || seen.gapTold, `${missing} lines are not there and not told`);
  } else {
    const is = `${done.status} ${done.reason}`;
    const isRight = sparedStatuses.includes(done.status) && done.reason === spared;
    check(isRight, `was to end as ${spared}, and is told ${is}`);
  }
  check(seen.starts === 1, `started ${seen.starts} times`);
  check(isCounted(seen.events, done.last_seq), `events ${seen.events.join(' ')}`);
  check(seen.pointGaps === 0, `${seen.pointGaps} ranges of points are missing`);
  check(isCounted(points, points.length), 'points are not numbered 1, 2, 3 …');
  const wanted = entry.points ?? lines.length;
  check(points.length >= wanted, `${points.length} points of ${wanted}`);
  return lost;
}

function isCounted(numbers: readonly number[], last: number): boolean {
  return numbers.length === last && numbers.every((number, index) => number === index + 1);
}

async function look(scene: Scene, entry: Entry): Promise<Seen> {
  const { client } = scene;
  const over = async () => (await client.get(entry.run)).finished_at !== '';
  await until(over, `${entry.name} to be over`, patienceMs);
  const done = await client.get(entry.run);
  const journal = fs.readFileSync(`${entry.place}.${entry.run}`, 'utf8').trim().split('\n');
  const ended = journal.find((line) => line.startsWith('end '));
  const seen: Seen = {
    done: { ...done, reason: done.failure_reason?.code ?? '' },
    starts: journal.filter((line) => line === 'start').length,
    printed: ended === undefined ? null : Number(ended.slice(4)),
    lines: [],
    gapTold: false,
    events: [],
    points: [],
    pointGaps: 0,
  };
  for await (const event of client.events(entry.run, { untilDone: true }))
    seen.events.push(event.seq);
  for await (const { lines, gaps } of client.logs(entry.run)) {
    seen.gapTold ||= gaps.length > 0;
    for (const { text } of lines) {
      const number = /^global_step=(\d+), episodic_return=\[\d+\.\]$/.exec(text)?.[1];
      if (number !== undefined) seen.lines.push(Number(number));
    }
  }
  // The thread that keeps points may still be at it, or the bus be coming back.
  for (const until = Date.now() + patienceMs; ; await sleep(500)) {
    seen.points = [];
    seen.pointGaps = 0;
    for await (const { points, gaps } of client.metrics(entry.run)) {
      seen.points.push(...points.map(({ seq }) => seq));
      seen.pointGaps += gaps.length;
    }
    const wanted = entry.points ?? seen.lines.length;
    if ((seen.points.length >= wanted && seen.pointGaps === 0) || Date.now() > until) return seen;
  }
}
