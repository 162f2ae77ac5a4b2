/** Archives made field by field, so that each field can be wrong. */
import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/formats/_crc32.ts';

/** A member; what is left out is as it must be. */
export interface MemberParts {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflated?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  /** The sizes in the directory. */
  readonly size?: number;
  readonly packed?: number;
  /** The name in the local header. */
  readonly localName?: string;
  readonly localMethod?: number;
  /** Sizes and offset of the directory go into a ZIP64 extra field. */
  readonly zip64?: boolean;
  /** The offset in the directory. */
  readonly offset?: number;
}

/** What of the archive's end is not as it must be. */
export interface EndParts {
  readonly comment?: string;
  readonly zip64?: boolean;
  readonly count?: number;
  readonly size?: number;
  readonly start?: number;
  readonly disk?: number;
}

const u16 = (value: number): Buffer => Buffer.from([value & 255, value >> 8]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** The bytes of an archive. */
export function zip(members: readonly MemberParts[], end: EndParts = {}): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const name = Buffer.from(member.name);
    const localName = Buffer.from(member.localName ?? member.name);
    const packed = member.deflated ? deflateRawSync(member.data) : Buffer.from(member.data);
    const method = member.method ?? (member.deflated ? 8 : 0);
    const flags = member.flags ?? 0x800;
    const crc = u32(member.crc ?? crc32(member.data));
    const sizes = [member.size ?? member.data.length, member.packed ?? packed.length, member.offset ?? at] as const;
    const extra = member.zip64 ? Buffer.concat([u16(0x5455), u16(1), Buffer.of(0), u16(1), u16(24), ...sizes.map(u64)]) : Buffer.alloc(0);
    const shown = sizes.map((value) => u32(member.zip64 ? 0xffffffff : value));
    const common = [u16(flags), u16(method), u32(0), crc, shown[1]!, shown[0]!];
    directory.push(Buffer.concat([u32(0x02014b50), u32(45 + 45 * 65536), ...common, u16(name.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0), shown[2]!, name, extra]));
    const local = [u16(flags), u16(member.localMethod ?? method), u32(0), crc, u32(packed.length), u32(member.data.length)];
    const head = Buffer.concat([u32(0x04034b50), u16(45), ...local, u16(localName.length), u16(0), localName, packed]);
    parts.push(head);
    at += head.length;
  }
  const size = end.size ?? directory.reduce((total, part) => total + part.length, 0);
  const count = end.count ?? members.length;
  const start = end.start ?? at;
  const tail: Buffer[] = [];
  if (end.zip64) {
    const recordAt = at + directory.reduce((total, part) => total + part.length, 0);
    tail.push(u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), u64(count), u64(count), u64(size), u64(start));
    tail.push(u32(0x07064b50), u32(0), u64(recordAt), u32(1));
  }
  const shown = end.zip64 ? [u16(65535), u16(65535), u32(0xffffffff), u32(0xffffffff)] : [u16(count), u16(count), u32(size), u32(start)];
  const comment = Buffer.from(end.comment ?? '');
  return Uint8Array.from(Buffer.concat([...parts, ...directory, ...tail, u32(0x06054b50), u16(end.disk ?? 0), u16(0), ...shown, u16(comment.length), comment]));
}
