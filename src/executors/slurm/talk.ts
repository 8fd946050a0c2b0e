/**
 * What a job's worker and the daemon say to each other over the bus. The worker asks, the daemon answers: so nobody
 * needs to be reached on a node, and a worker subscribes to nothing but its answers.
 */
import type { JobClaim } from './parcel.ts';

/** A line, and for files their bytes after it. */
export type TalkRequest = {
  readonly v: 1;
  readonly run_id: string;
  readonly attempt: number;
  /** Of the worker's process: each has a generation of its own. */
  readonly session: string;
  readonly claim: JobClaim;
  readonly message: TalkMessage;
};

export type TalkMessage =
  | { type: 'fact'; fact: object }
  | { type: 'beat'; at: string; last_metric: string | null; bus_trouble: string | null }
  /** Answered when there is something newer than `version`, or after a while. */
  | { type: 'listen'; version: number }
  /** The claim of the request is another start's: this one was turned away. */
  | { type: 'turned_away'; node: string }
  /** Slurm will end the job soon: its time is over. */
  | { type: 'expiring' }
  /** Which output has come back so far. */
  | { type: 'have' }
  | FileMessage;

export type FileMessage = {
  type: 'file';
  /** Of the attempt's directory, or of its store of artifacts. */
  area: 'attempt' | 'store';
  /** Relative, without `..`. */
  name: string;
  offset: number;
  /** Its last bytes: only then is it there for others, unless it is output. */
  last: boolean;
  /** It is to go: the recorder has dropped it within the output's limit. */
  removed?: boolean;
};

export type TalkReply = {
  readonly v: 1;
  /** As a local worker hears them from its socket: `hello`, `ack`, `wish`, `over`, `go`. */
  readonly messages: readonly { type: string; [key: string]: unknown }[];
  /** Of what the daemon wishes now. */
  readonly version: number;
  /** The answer to `have`: bytes by name. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Why it could not be taken, such as a full disk: the worker tries again. */
  readonly refused?: string;
};

export function encodeTalk(request: TalkRequest, data?: Uint8Array): Uint8Array {
  const line = Buffer.from(`${JSON.stringify(request)}\n`);
  return data === undefined ? line : Buffer.concat([line, data]);
}

/** Throws for what is no request. */
export function decodeTalk(bytes: Uint8Array): { request: TalkRequest; data: Buffer } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf(10);
  const request = JSON.parse(buffer.toString('utf8', 0, end)) as TalkRequest;
  if (request.v !== 1 || typeof request.run_id !== 'string')
    throw new TypeError('a request of another version');
  return { request, data: buffer.subarray(end + 1) };
}

/** What the executor needs of the bus. */
export type TalkPort = {
  /** Sets who answers. */
  serve(answer: (bytes: Uint8Array) => Promise<TalkReply | null>): void;
  /**
   * Stores that no job may begin the attempt any more. Resolves with the claim of one that has begun it before, or
   * null. Throws `bus_unavailable`.
   */
  voidClaim(runId: string, attempt: number): Promise<JobClaim | null>;
  /** Whether the bus answers now: silence says nothing while it does not. */
  answers(): Promise<boolean>;
};
