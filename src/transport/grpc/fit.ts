/** small-control: no reply or event passes 4,096 bytes. What is too long is cut, visibly, never sent. */
import assert from 'node:assert/strict';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { controlMaxBytes } from '../../contracts/index.ts';

type Serialize = (message: object) => Buffer;

/** Methods whose replies are data plane, with limits of their own. */
const dataReplies = [
  ...['StreamLogs', 'StreamMetrics', 'ListMetrics', 'ListArtifacts', 'ReadArtifact'],
  ...['GetRunDetails', 'ListTransitions', 'GetChart', 'GetSchema'],
];

/** The service, its control replies cut to size. */
export function fitting(service: ServiceDefinition): ServiceDefinition {
  const entries = Object.entries(service).map(([name, method]) => {
    if (dataReplies.includes(name)) return [name, method];
    const responseSerialize = (message: object): Buffer => fit(message, method.responseSerialize);
    return [name, { ...method, responseSerialize }];
  });
  return Object.fromEntries(entries) as ServiceDefinition;
}

/** The bytes of `message`, its longest strings halved until they are at most `max`. */
export function fit(message: object, serialize: Serialize, max = controlMaxBytes): Buffer {
  let bytes = serialize(message);
  if (bytes.length <= max) return bytes;
  const copy = structuredClone(message);
  // Each round halves the longest string or list, so this many are more than enough.
  for (let round = 0; round < 200 && bytes.length > max; round += 1) {
    if (!shrinkLongest(copy)) break;
    bytes = serialize(copy);
  }
  assert(bytes.length <= max, `a control message of ${bytes.length} bytes cannot be cut to size`);
  return bytes;
}

type Place = { size: number; shrink: () => void };

function shrinkLongest(value: object): boolean {
  let longest: Place | null = null;
  for (const place of places(value)) {
    if (longest === null || place.size > longest.size) longest = place;
  }
  longest?.shrink();
  return longest !== null;
}

/** Everything in the message that can be made shorter. */
function* places(value: object): Generator<Place> {
  for (const [key, member] of Object.entries(value)) {
    const set = (next: unknown): void => {
      (value as Record<string, unknown>)[key] = next;
    };
    if (typeof member === 'string' && member.length > 1) {
      const json = key.endsWith('_json');
      yield { size: member.length, shrink: () => set(json ? shorterJson(member) : half(member)) };
    } else if (Array.isArray(member)) {
      const size = JSON.stringify(member).length;
      if (member.length > 1) {
        yield { size, shrink: () => set(member.slice(0, Math.ceil(member.length / 2))) };
      } else yield* places(member);
    } else if (typeof member === 'object' && member !== null) yield* places(member);
  }
}

/** Stays JSON: its own longest string is halved; where there is none, all of it goes. */
function shorterJson(text: string): string {
  const gone = JSON.stringify({ cut: true });
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data !== 'object' || data === null || text === gone) return '';
    return shrinkLongest(data) ? JSON.stringify(data) : gone;
  } catch {
    return gone;
  }
}

function half(text: string): string {
  return text.length <= 2 ? '' : `${text.slice(0, Math.floor(text.length / 2) - 1)}…`;
}
