/**
 * ZIP archives, as far as .npz needs them: the members that the central directory lists, stored or deflated, and
 * archives of stored members.
 *
 * What a file says about itself is checked before it is believed: sizes before memory is taken, checksums after.
 * Source: PKWARE, APPNOTE.TXT, .ZIP File Format Specification, version 6.3.
 */
import { crc32 } from './_crc32.ts';
import { brief, decodeUtf8, encodeUtf8, joined, refuse, viewOf } from './_file.ts';
import { inflate } from './_inflate.ts';

const LOCAL = 0x04034b50;
const ENTRY = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** What a 32-bit field holds whose value is in a ZIP64 record. */
const ELSEWHERE = 0xffffffff;

/** The members of an archive, of no more than `maxBytes` together, by name. */
export function readZip(caller: string, bytes: Uint8Array, maxBytes: number): Map<string, Uint8Array> {
  const view = viewOf(bytes);
  const { count, size, start } = directoryOf(caller, bytes, view);
  const entries = new Map<string, Entry>();
  let total = 0;
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > start + size || view.getUint32(at, true) !== ENTRY) refuse(caller, `${DIRECTORY}, got no entry ${i}; the file is damaged`);
    const entry = entryAt(caller, bytes, view, at);
    at = entry.end;
    if (entries.has(entry.name)) refuse(caller, `each name must occur once, got ${brief(entry.name)} twice; which one is meant?`);
    entries.set(entry.name, entry);
    total += entry.size;
    if (total > maxBytes) refuse(caller, `the members must have at most maxBytes = ${maxBytes} bytes, got ${total} and more; if you trust the file, raise maxBytes`);
  }
  if (at !== start + size) refuse(caller, `${DIRECTORY}, got ${size} bytes of which ${at - start} are entries; the file is damaged`);
  const members = new Map<string, Uint8Array>();
  let free = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.offset - b.offset)) {
    const from = dataOf(caller, bytes, view, entry, start);
    if (entry.offset < free) refuse(caller, `members must not overlap, got ${brief(entry.name)} within another; the file is a trap`);
    free = from + entry.packed;
    members.set(entry.name, unpacked(caller, bytes.subarray(from, free), entry));
  }
  return new Map([...entries.keys()].map((name) => [name, members.get(name)!]));
}

const DIRECTORY = 'the central directory must have the size and the entries that its end declares';

/** Where the central directory lies, by the record at the end of the file. */
function directoryOf(caller: string, bytes: Uint8Array, view: DataView): { count: number; size: number; start: number } {
  let end = bytes.length - 22;
  // A comment of up to 65535 bytes may follow, whose length the record ends with.
  const first = Math.max(0, end - 65535);
  while (end >= first && !(view.getUint32(end, true) === END && view.getUint16(end + 20, true) === bytes.length - 22 - end)) end--;
  if (end < first) refuse(caller, 'a ZIP file must end with the record of its directory, got none; the file is truncated or no .npz');
  let at = end;
  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let start = view.getUint32(end + 16, true);
  let one = view.getUint32(end + 4, true) === 0 && view.getUint16(end + 8, true) === count;
  if (end >= 20 && view.getUint32(end - 20, true) === LOCATOR_64) {
    at = wide(view, end - 12);
    if (at > end - 76 || view.getUint32(at, true) !== END_64) refuse(caller, `${DIRECTORY}, got no ZIP64 record; the file is damaged`);
    count = wide(view, at + 32);
    size = wide(view, at + 40);
    start = wide(view, at + 48);
    one = wide(view, at + 16) === 0 && wide(view, at + 24) === count;
  }
  if (!one) refuse(caller, 'an archive must be one file, got a part of several; join them');
  if (start + size !== at) refuse(caller, `${DIRECTORY}, got ${size} bytes at ${start}, which do not end at ${at}; the file is damaged`);
  return { count, size, start };
}

interface Entry {
  readonly name: string;
  readonly rawName: Uint8Array;
  readonly method: number;
  readonly crc: number;
  /** Bytes in the file. */
  readonly packed: number;
  /** Bytes of the member. */
  readonly size: number;
  /** Where the local header begins. */
  readonly offset: number;
  /** Where the next entry begins. */
  readonly end: number;
}

function entryAt(caller: string, bytes: Uint8Array, view: DataView, at: number): Entry {
  const nameEnd = at + 46 + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const end = extraEnd + view.getUint16(at + 32, true);
  if (end > bytes.length) refuse(caller, `${DIRECTORY}, got an entry beyond the file; the file is damaged`);
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const rawName = bytes.subarray(at + 46, nameEnd);
  const name = decodeUtf8(rawName);
  if (name === null || (!(flags & 0x800) && rawName.some((byte) => byte > 127))) {
    refuse(caller, `a name must be ASCII, or UTF-8 and marked so, got neither; save the file again with numpy.savez`);
  }
  // encrypted, strongly encrypted, or with masked headers
  if (flags & 0x2041) refuse(caller, `members must not be encrypted, got ${brief(name)}; decrypt the file first`);
  if (method !== 0 && method !== 8) {
    refuse(caller, `members must be stored (0) or deflated (8), got method ${method} for ${brief(name)}; use numpy.savez_compressed`);
  }
  // what does not fit into 32 bits is in a ZIP64 extra field, in this order
  const values = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  for (let extra = nameEnd; extra + 4 <= extraEnd; ) {
    let field = extra + 4;
    const next = field + view.getUint16(extra + 2, true);
    if (view.getUint16(extra, true) === 1) {
      values.forEach((value, i) => {
        if (value === ELSEWHERE && field + 8 <= next && next <= extraEnd) {
          values[i] = wide(view, field);
          field += 8;
        }
      });
    }
    extra = next;
  }
  const [size, packed, offset] = values as [number, number, number];
  return { name, rawName, method, crc: view.getUint32(at + 16, true), packed, size, offset, end };
}

/** Where the data of a member begin; its local header must agree with the directory, and its data lie before that. */
function dataOf(caller: string, bytes: Uint8Array, view: DataView, entry: Entry, directory: number): number {
  const { offset, name, rawName, method, packed, size } = entry;
  const at = offset + 30;
  if (at > directory || view.getUint32(offset, true) !== LOCAL) refuse(caller, `a member must have a header of its own, got none for ${brief(name)}; the file is damaged`);
  const length = view.getUint16(offset + 26, true);
  const from = at + length + view.getUint16(offset + 28, true);
  if (view.getUint16(offset + 8, true) !== method || length !== rawName.length || !rawName.every((byte, i) => byte === bytes[at + i])) {
    refuse(caller, `a member's header must agree with the directory, got another name or method for ${brief(name)}; the file is damaged`);
  }
  // deflate makes at most 258 bytes of 2 bits
  const fits = method === 0 ? size === packed : size <= 1032 * packed;
  if (!fits || from + packed > directory) {
    refuse(caller, `sizes must be those of the data, got ${packed} bytes for the ${size} of ${brief(name)}; the file is damaged`);
  }
  return from;
}

function unpacked(caller: string, data: Uint8Array, { name, method, size, crc }: Entry): Uint8Array {
  const out = method === 0 ? data : inflate(data, size);
  if (typeof out === 'string') refuse(caller, `deflated data must give the declared bytes, got ${brief(name)}, where ${out}; the file is damaged`);
  if (crc32(out) !== crc) refuse(caller, `the checksum must be that of the data, got another for ${brief(name)}; the file is damaged`);
  return out;
}

/** A 64-bit field. What is beyond 2^53 is rounded, and too large for any check that follows. */
function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** An archive of stored members, all of the date that ZIP begins with. */
export function writeZip(caller: string, members: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, bytes] of members) {
    const rawName = encodeUtf8(caller, name);
    if (rawName.length > 65535 || name.includes('\0')) {
      refuse(caller, `a name must have at most 65535 bytes and no NUL, got ${brief(name)}; rename the tensor`);
    }
    // version 2.0, UTF-8, stored, 1980-01-01
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, rawName.length], [2, 0]] as const;
    directory.push(fields([4, ENTRY], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), rawName);
    parts.push(fields([4, LOCAL], ...common), rawName, bytes);
    at += 30 + rawName.length + bytes.length;
  }
  const size = directory.reduce((total, part) => total + part.length, 0);
  if (at + size >= ELSEWHERE || members.length >= 65535) {
    refuse(caller, `an archive must have less than 4 GiB and 65535 members, got ${at} bytes in ${members.length}; use writeSafetensors`);
  }
  const end = fields([4, END], [2, 0], [2, 0], [2, members.length], [2, members.length], [4, size], [4, at], [2, 0]);
  return joined([...parts, ...directory, end]);
}

/** Little-endian numbers, each with its width in bytes. */
function fields(...list: readonly (readonly [number, number])[]): Uint8Array {
  return Uint8Array.from(list.flatMap(([width, value]) => Array.from({ length: width }, (_, i) => value >>> (8 * i))));
}
