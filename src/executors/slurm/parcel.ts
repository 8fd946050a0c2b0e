/** What a job is sent with for one attempt: all that a node needs, because it may share no file with us. */
import type { AttemptSpec } from '../executor.ts';

export type Parcel = {
  readonly v: 1;
  readonly yard: string;
  readonly spec: AttemptSpec;
  /** Below which the attempt's directory is on the node. */
  readonly node_dir: string;
  /** Where its artifacts are kept at home, and a file there whose presence on a node says that it sees the same. */
  readonly store: string;
  readonly mark: string | null;
  /** What a worker finds in the files of its bus elsewhere: where that is, and how it is entered. */
  readonly bus: {
    readonly address: object;
    readonly login: { readonly user: string; readonly password: string } | null;
  };
  /** How long a job waits for the bus before it gives up; without the bus nothing is started. */
  readonly bus_wait_ms: number;
};

/** A start of a job on a node, as the worker there sees it. The first of an attempt that is stored is the only one. */
export type JobClaim = {
  readonly job: string;
  readonly node: string;
  /** Of this start alone: Slurm may start a job again. */
  readonly start: string;
  /** Indices or identifiers of the GPUs that Slurm granted, as it names them. */
  readonly gpus: readonly string[];
  readonly at: string;
};

/** Slots of what was granted: the job itself, and each GPU. */
export function slotsOfClaim({ job, node, gpus }: JobClaim): string[] {
  const place = `slurm:${job}@${node}`;
  return [place, ...gpus.map((gpu) => `${place}/gpu${gpu}`)];
}

/** A line of the batch script for each task of the array, which the worker reads there. */
const prefix = '#runyard ';

export function parcelLine(parcel: Parcel): string {
  return `${prefix}${Buffer.from(JSON.stringify(parcel)).toString('base64')}`;
}

/** The parcel of task `index`. Throws when the script has none. */
export function parcelIn(script: string, index: number): Parcel {
  const line = script.split('\n').filter((each) => each.startsWith(prefix))[index];
  if (line === undefined) throw new RangeError(`the batch script has no parcel ${index}`);
  return JSON.parse(Buffer.from(line.slice(prefix.length), 'base64').toString('utf8')) as Parcel;
}
