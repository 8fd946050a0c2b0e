/** A scalar inside a TensorFlow TensorProto: newer writers wrap each number in one. */
import { type Field, fieldsOf, signed } from './wire.ts';

/** tensorflow/core/framework/types.proto: the types that hold one number. */
const types: Readonly<
  Record<number, { bytes: number; read: (data: Buffer, at: number) => number }>
> = {
  1: { bytes: 4, read: (data, at) => data.readFloatLE(at) },
  2: { bytes: 8, read: (data, at) => data.readDoubleLE(at) },
  3: { bytes: 4, read: (data, at) => data.readInt32LE(at) },
  4: { bytes: 1, read: (data, at) => data.readUInt8(at) },
  5: { bytes: 2, read: (data, at) => data.readInt16LE(at) },
  6: { bytes: 1, read: (data, at) => data.readInt8(at) },
  9: { bytes: 8, read: (data, at) => Number(data.readBigInt64LE(at)) },
  10: { bytes: 1, read: (data, at) => data.readUInt8(at) },
  14: { bytes: 2, read: (data, at) => bfloat16(data.readUInt16LE(at)) },
  19: { bytes: 2, read: (data, at) => half(data.readUInt16LE(at)) },
};

/** Null when the tensor is none of numbers, or holds not exactly one. */
export function scalarOf(tensor: Buffer): number | null {
  const fields = [...fieldsOf(tensor)];
  const type = Number(fields.findLast(({ number }) => number === 1)?.varint ?? 0n);
  const dimensions = fields.filter(({ number }) => number === 2).flatMap(sizesOf);
  if (dimensions.some((size) => size !== 1n)) return null;
  const content = fields.findLast(({ number }) => number === 4)?.bytes;
  const known = types[type];
  if (known === undefined) return null;
  if (content !== undefined && content.length > 0) {
    return content.length === known.bytes ? known.read(content, 0) : null;
  }
  return listed(type, fields);
}

/** Values may stand in a list of their own instead, packed or not; of an empty one zero is meant. */
function listed(type: number, fields: readonly Field[]): number | null {
  const number = { 1: 5, 2: 6, 9: 10, 10: 11, 14: 13, 19: 13 }[type] ?? 7;
  const found = fields.filter((field) => field.number === number);
  if (found.length === 0) return 0;
  const [{ bytes, varint } = { bytes: Buffer.alloc(0), varint: 0n }] = found;
  if (type === 1) return bytes.length === 4 ? bytes.readFloatLE(0) : null;
  if (type === 2) return bytes.length === 8 ? bytes.readDoubleLE(0) : null;
  const value = bytes.length === 0 ? varint : packedVarint(bytes);
  if (value === null) return null;
  if (type === 19) return half(Number(value));
  if (type === 14) return bfloat16(Number(value));
  return Number(signed(value));
}

function packedVarint(bytes: Buffer): bigint | null {
  let value = 0n;
  for (const [index, byte] of bytes.entries()) {
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if ((byte & 0x80) === 0) return index === bytes.length - 1 ? value : null;
  }
  return null;
}

function sizesOf({ bytes }: Field): bigint[] {
  return [...fieldsOf(bytes)]
    .filter(({ number }) => number === 2)
    .map(
      (dimension) =>
        [...fieldsOf(dimension.bytes)].find(({ number }) => number === 1)?.varint ?? 0n,
    );
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function bfloat16(bits: number): number {
  const data = Buffer.alloc(4);
  data.writeUInt32LE((bits << 16) >>> 0);
  return data.readFloatLE(0);
}
