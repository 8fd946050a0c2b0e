/** What is found in a source: a point, and what a reader of it should be told. */

/** A number that a training script wrote somewhere. */
export type Point = {
  readonly key: string;
  /** As the source has it; beyond 2^53 exact too. Null when it has none. */
  readonly step: bigint | null;
  /** Milliseconds since the Unix epoch; null when the source has none. */
  readonly wallMs: number | null;
  readonly value: number;
  /** Where in the source it stands: with it, the same point read twice has the same id. */
  readonly place: string;
};

/** Something in a source that is no point and should not be passed over in silence. */
export type Note = { readonly place: string; readonly text: string };

/** Something of a source that is no single number: a picture, a histogram, a text. */
export type Present = { readonly key: string; readonly kind: string };

/** What one look at the bytes of a file gave. */
export type Parsed = {
  readonly points: readonly Point[];
  readonly notes: readonly Note[];
  readonly present?: readonly Present[];
  /** Bytes that are done with. What follows is looked at again together with what comes after it. */
  readonly used: number;
  /** Bytes behind those that are of no interest, and may not be there yet. */
  readonly skip?: number;
};

/**
 * Reads one format. `data` begins at byte `offset` of the file and ends where the file ends now, or
 * where the reader's patience does (`full`): then something must be used, or nothing ever would be.
 */
export type Parser = (data: Buffer, offset: number, full: boolean) => Parsed;

export const nothing: Parsed = { points: [], notes: [], used: 0 };
