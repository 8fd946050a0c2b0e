/** What happened, for a failure to be read, and its hash, for two runs of one seed to be compared. */

export type Trace = {
  note(what: string): void;
  /** The newest notes. */
  last(count: number): string[];
  hash(): string;
};

const kept = 4000;

export function createTrace(now: () => number): Trace {
  const notes: string[] = [];
  let [high, low] = [0x811c9dc5, 0x1b873593];
  return {
    note(what) {
      const line = `${now().toFixed(3)} ${what}`;
      for (let index = 0; index < line.length; index += 1) {
        const code = line.charCodeAt(index);
        high = Math.imul(high ^ code, 0x01000193);
        low = Math.imul(low ^ (code + (high >>> 13)), 0x85ebca6b);
      }
      notes.push(line);
      if (notes.length > 2 * kept) notes.splice(0, kept);
    },
    last: (count) => notes.slice(-count),
    hash: () => [high, low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join(''),
  };
}
