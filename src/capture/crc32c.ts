/** CRC-32C (Castagnoli), as event files and LevelDB's logs use it. Node has only the other CRC-32. */
const polynomial = 0x82f63b78;
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
  return value;
});
const maskDelta = 0xa282ead8;

export function crc32c(data: Uint8Array): number {
  let crc = -1;
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Rotated and shifted, so that data which hold a checksum of their own can be summed again. */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}
