/**
 * Batches of metrics on their way out. A replay is hundreds of megabytes of JSON, and each copy of them that is
 * made and thrown away makes the daemon look through all its memory for what else can go.
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { MetricWireBatch } from '../../contracts/index.ts';

const none = new Uint8Array(0);
/** Field 6, bytes: `json` of `MetricBatch`. */
const jsonTag = 0x32;
/** Of a length: seven bits a byte. */
const lengthMost = 5;

/** The library copies what a method makes of an answer, before it asks for the next: one block is enough for all. */
export function inOneBlock<T extends ServiceDefinition>(service: T): T {
  const { StreamMetrics: method } = service;
  if (method === undefined) return service;
  let block = Buffer.allocUnsafe(4096);
  const responseSerialize = (batch: MetricWireBatch): Buffer => {
    const { json } = batch;
    if (json.length === 0) return method.responseSerialize(batch);
    const rest = method.responseSerialize({ ...batch, json: none });
    const most = rest.length + 1 + lengthMost + json.length;
    if (block.length < most) block = Buffer.allocUnsafe(2 * most);
    let at = rest.copy(block);
    block[at++] = jsonTag;
    let { length } = json;
    for (; length > 0x7f; length >>>= 7) block[at++] = (length & 0x7f) | 0x80;
    block[at++] = length;
    block.set(json, at);
    return block.subarray(0, at + json.length);
  };
  return { ...service, StreamMetrics: { ...method, responseSerialize } };
}
