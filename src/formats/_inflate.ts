/**
 * Deflate, the compression of ZIP, undone. Codes are decoded bit by bit from the counts of their lengths, which needs
 * no tables to build.
 * Source: RFC 1951; M. Adler's puff.c shows the same method.
 */

/** A Huffman code: how many symbols have each length, and the symbols in the order of their codes. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

/**
 * The `size` bytes that `input` was compressed from; a text that says why when it is no compression of so many bytes:
 * not one byte more is made.
 */
export function inflate(input: Uint8Array, size: number): Uint8Array | string {
  const out = new Uint8Array(size);
  let to = 0;
  let from = 0;
  let held = 0;
  let bits = 0;

  // Beyond the end of the input come zeros, which `from` tells at the end of a block.
  const take = (count: number): number => {
    while (bits < count) {
      held |= (input[from++] ?? 0) << bits;
      bits += 8;
    }
    const value = held & ((1 << count) - 1);
    held >>>= count;
    bits -= count;
    return value;
  };

  /** The next symbol of a code; -1 where the bits are none. */
  const decode = ({ counts, symbols }: Code): number => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length++) {
      if (bits === 0) {
        held = input[from++] ?? 0;
        bits = 8;
      }
      code |= held & 1;
      held >>>= 1;
      bits--;
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return -1;
  };

  const block = (literals: Code, distances: Code): string => {
    for (;;) {
      if (from > input.length) return 'the compressed data end too early';
      let symbol = decode(literals);
      if (symbol === 256) return '';
      if (symbol < 256) {
        if (symbol < 0) return 'a code is none';
        if (to === size) return 'there are more bytes than it declares';
        out[to++] = symbol;
        continue;
      }
      symbol -= 257;
      if (symbol > 28) return 'a code is none';
      // extra bits: a length doubles its step every 4 symbols, a distance every 2
      let more = symbol < 8 || symbol === 28 ? 0 : (symbol >> 2) - 1;
      const length = symbol === 28 ? 258 : 3 + (more ? (4 + (symbol & 3)) << more : symbol) + take(more);
      symbol = decode(distances);
      if (symbol < 0 || symbol > 29) return 'a code is none';
      more = symbol < 4 ? 0 : (symbol >> 1) - 1;
      const distance = 1 + (more ? (2 + (symbol & 1)) << more : symbol) + take(more);
      if (distance > to) return 'a repetition begins before the data';
      if (length > size - to) return 'there are more bytes than it declares';
      for (const end = to + length; to < end; to++) out[to] = out[to - distance]!;
    }
  };

  for (let last = 0; !last; ) {
    last = take(1);
    const kind = take(2);
    let problem = 'the type of a block is none';
    if (kind === 0) {
      held = bits = 0;
      const length = take(16);
      const fits = (length ^ take(16)) === 0xffff && length <= input.length - from;
      problem = !fits ? 'the length of a stored block is none' : length > size - to ? 'there are more bytes than it declares' : '';
      if (!problem) out.set(input.subarray(from, from + length), to);
      to += length;
      from += length;
    } else if (kind === 1) {
      const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
      problem = block(codeOf(lengths)!, codeOf(new Uint8Array(32).fill(5))!);
    } else if (kind === 2) {
      const literals = 257 + take(5);
      const distances = 1 + take(5);
      const used = 4 + take(4);
      const lengths = new Uint8Array(320);
      for (let i = 0; i < used; i++) lengths[order[i]!] = take(3);
      const lengthCode = codeOf(lengths.subarray(0, 19));
      problem = 'a set of codes is none';
      lengths.fill(0);
      let at = 0;
      while (lengthCode && at < literals + distances) {
        const symbol = decode(lengthCode);
        if (symbol < 0) break;
        if (symbol < 16) lengths[at++] = symbol;
        else {
          // 16 repeats the length before 3 to 6 times, 17 and 18 a zero 3 to 10 and 11 to 138 times
          if (symbol === 16 && at === 0) break;
          const value = symbol === 16 ? lengths[at - 1]! : 0;
          const times = symbol === 18 ? 11 + take(7) : 3 + take(symbol - 14);
          if (at + times > literals + distances) break;
          lengths.fill(value, at, (at += times));
        }
      }
      const literalCode = codeOf(lengths.subarray(0, literals));
      const distanceCode = codeOf(lengths.subarray(literals, literals + distances));
      if (at === literals + distances && lengths[256] && literalCode && distanceCode) problem = block(literalCode, distanceCode);
    }
    if (problem) return problem;
    if (from > input.length) return 'the compressed data end too early';
  }
  if (to < size) return 'there are fewer bytes than it declares';
  return from < input.length ? 'bytes follow the compressed data' : out;
}

/** The order in which the lengths of the code of lengths come. */
const order: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/**
 * The code of these lengths by symbol; null when they do not use up all codes, or more than there are. A code of a single
 * symbol, or of none, may leave codes unused.
 */
function codeOf(lengths: Uint8Array): Code | null {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  const starts = new Uint16Array(17);
  let left = 1;
  for (let length = 1; length < 16; length++) {
    left = 2 * left - counts[length]!;
    if (left < 0) return null;
    starts[length + 1] = starts[length]! + counts[length]!;
  }
  if (left > 0 && !(starts[16]! <= 1 && counts[1] === starts[16])) return null;
  const symbols = new Uint16Array(starts[16]!);
  lengths.forEach((length, symbol) => {
    if (length) symbols[starts[length]!++] = symbol;
  });
  return { counts, symbols };
}
