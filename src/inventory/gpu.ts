/** A GPU, or a slice of one, as its vendor's tool tells of it. */

export type GpuProcess = {
  readonly pid: number;
  /** Draws a screen, and computes nothing. */
  readonly graphics: boolean;
  readonly name: string;
  /** Null: the tool does not say. */
  readonly usedMib: number | null;
};

export type Gpu = {
  /** UUID: it stays what it is when others come and go. */
  readonly id: string;
  readonly vendor: 'nvidia' | 'amd' | 'fake';
  readonly index: number;
  /** Where it sits on the bus; empty: not known. */
  readonly bus: string;
  readonly name: string;
  /** 0: not known. */
  readonly memoryMib: number;
  readonly usedMib: number | null;
  readonly utilization: number | null;
  readonly processes: readonly GpuProcess[];
  /** The GPU that it is a slice of. */
  readonly partOf: string | null;
  /** Why it cannot be used, as a sentence's end; null: nothing is known against it. */
  readonly trouble: string | null;
};

/** What a tool has said, or why it has said nothing. */
export type Answer =
  | { readonly kind: 'ok'; readonly text: string }
  | { readonly kind: 'missing' }
  /** Its own words, and where on the bus a GPU is that it cannot reach. */
  | { readonly kind: 'failed'; readonly text: string; readonly lost: string | null }
  | { readonly kind: 'hangs'; readonly sinceMs: number };
