/** The checksum of ZIP: the 32-bit cyclic redundancy check of ISO 3309, polynomial 0xedb88320 from the lowest bit. */

/** The CRC-32 of `bytes`, from 0 to 2^32 - 1. */
export function crc32(bytes: Uint8Array): number {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = (c & 1) * 0xedb88320 ^ (c >>> 1);
    table[i] = c;
  }
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
