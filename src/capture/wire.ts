/** The fields of a Protocol Buffers message, without its schema: of big formats we need a few fields. */
import protobuf from 'protobufjs/minimal.js';

export type Field = {
  readonly number: number;
  /** Of a varint; signed fields are its two's complement (`BigInt.asIntN`). */
  readonly varint: bigint;
  /** Of everything else: 4 or 8 bytes little-endian, or what was delimited. */
  readonly bytes: Buffer;
};

const noBytes = Buffer.alloc(0);

/** In the order in which they stand. Throws a RangeError or an Error where the bytes are no message. */
export function* fieldsOf(message: Buffer): Generator<Field> {
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const number = tag >>> 3;
    const from = reader.pos;
    switch (tag & 7) {
      case 0:
        yield { number, varint: BigInt(reader.uint64().toString()), bytes: noBytes };
        break;
      case 1:
      case 5:
        reader.skip((tag & 7) === 1 ? 8 : 4);
        yield { number, varint: 0n, bytes: message.subarray(from, reader.pos) };
        break;
      case 2: {
        const length = reader.uint32();
        const begin = reader.pos;
        reader.skip(length);
        yield { number, varint: 0n, bytes: message.subarray(begin, reader.pos) };
        break;
      }
      default:
        throw new Error(`wire type ${tag & 7} of field ${number}`);
    }
  }
}

export function signed(varint: bigint): bigint {
  return BigInt.asIntN(64, varint);
}
