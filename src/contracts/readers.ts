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
