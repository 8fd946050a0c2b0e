/** small-control: what a control message carries is made to fit where it arises, not where it is sent. */

/** Bytes of JSON that the data of a fact or an event may have: 4,096 with all that is round it. */
export const detailMaxBytes = 3000;

/** A copy whose longest strings were halved until its JSON has at most `maxBytes`; its shape stays. */
export function fitted<T extends Record<string, unknown>>(value: T, maxBytes = detailMaxBytes): T {
  if (bytesOf(value) <= maxBytes) return value;
  const copy = structuredClone(value);
  while (bytesOf(copy) > maxBytes) {
    const [longest] = [...strings(copy)].sort((a, b) => b.bytes - a.bytes);
    // Nothing but numbers and short words is left: no message of ours is made of so many.
    if (longest === undefined) break;
    longest.halve();
  }
  return copy;
}

function* strings(value: object): Generator<{ bytes: number; halve: () => void }> {
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === 'object' && member !== null) yield* strings(member);
    if (typeof member !== 'string' || member.length < 2) continue;
    const halve = (): void => {
      const half = member.slice(0, Math.floor(member.length / 2) - 1);
      Object.assign(value, { [key]: member.length === 2 ? '' : `${half}…` });
    };
    yield { bytes: bytesOf(member), halve };
  }
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
