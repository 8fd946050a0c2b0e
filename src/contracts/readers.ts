/** The part of the control API about who may read the bus. */

/** Who may read the bus, and nothing else. */
export type Reader = {
  name: string;
  created_at: string;
  /** Empty: it does not end. */
  expires_at: string;
  /** Ids of the only runs that it may read; none: all of them. */
  runs: string[];
};
export type ReaderCredential = {
  reader: Reader;
  url: string;
  user: string;
  /** Told once, and not kept. */
  password: string;
  yard: string;
  streams: { events: string; metrics: string; logs: string; artifacts: string };
};
/** A stream of the bus. Times are RFC 3339; empty when nothing is in it. */
export type BusStream = {
  name: string;
  /** events, facts, logs, metrics, artifacts. */
  holds: string;
  messages: number;
  bytes: number;
  /** Of the stream, not of a run. */
  first_seq: number;
  last_seq: number;
  first_at: string;
  last_at: string;
  /** Runs that have messages in it. */
  runs: number;
  max_bytes: number;
  /** Messages. */
  max_per_run: number;
  /** Messages that are there no longer: dropped by a limit, or of runs that were removed. */
  gone: number;
  subscribers: number;
  epoch: string;
  /** Runs whose newest event was looked up in it, and the first that it lacks; empty: none. */
  compared: number;
  behind: string;
};
/** Who reads a stream now: a consumer. Whose credential it came with the bus does not tell. */
export type Subscriber = {
  stream: string;
  name: string;
  /** None: all of the stream. */
  subjects: string[];
  /** The daemon's own. */
  ours: boolean;
  durable: boolean;
  /** Of the stream, delivered last. */
  seq: number;
  /** Messages that it has still to get. */
  lag: number;
  /** Requests for more that wait. */
  asking: number;
  made_at: string;
  active_at: string;
};
/** What the bus holds, and who reads it. All throw `bus_unavailable` when it does not answer. */
export interface BusPort {
  busStreams(): AsyncIterable<BusStream>;
  subscribers(): AsyncIterable<Subscriber>;
}
/** Who may read the bus. All throw `bus_external` where it is not the daemon's own. */
export interface ReadersPort {
  /** `runs` are ids. Throws `usage`, `reader_exists`, `readers_exhausted`. */
  exportReader(request: {
    name: string;
    expires_s: number;
    runs: string[];
  }): Promise<ReaderCredential>;
  listReaders(): Promise<Reader[]>;
  /** Resolves when it is cut off. Throws `reader_not_found`. */
  revokeReader(name: string): Promise<Reader>;
}
