/** Mistakes in the readers and writers of files, and in the names of PyTorch. */
import type { Mutant } from './mutant.ts';

const npy = { file: 'src/formats/npy.ts', tests: ['formats/npy', 'formats/samples'] };
const npz = { file: 'src/formats/npz.ts', tests: ['formats/npz', 'formats/samples'] };
const zip = { file: 'src/formats/_zip.ts', tests: ['formats/npz', 'formats/samples'] };
const inflation = { file: 'src/formats/_inflate.ts', tests: ['formats/inflate', 'formats/npz'] };
const elements = { file: 'src/formats/_elements.ts', tests: ['formats/npy', 'formats/safetensors', 'formats/samples'] };
const shared = { file: 'src/formats/_file.ts', tests: ['formats/'] };
const safetensors = { file: 'src/formats/safetensors.ts', tests: ['formats/safetensors', 'formats/samples'] };
const dicts = { file: 'src/formats/state-dict.ts', tests: ['formats/state-dict'] };
const names = { file: 'src/nn/pytorch-names.ts', tests: ['nn/pytorch-names'] };

export const mutants: readonly Mutant[] = [
  {
    ...npy,
    name: 'npy: a header that is padded already gets no further 64 spaces',
    find: "' '.repeat(64 - ((11 + header.length) % 64))",
    replace: "' '.repeat(-(11 + header.length) & 63)",
  },
  {
    ...npy,
    name: 'npy: no room for the first extent to grow',
    find: "if (shape.length > 0) header += ' '.repeat(21 - String(shape[0]).length);",
    replace: '',
  },
  { ...npy, name: 'npy: a vector has a shape without its comma', find: "shape.length === 1 ? ',' : ''", replace: "''" },
  { ...npy, name: 'npy: version 2 has a short length', find: 'major === 1 ? 10 : 12', replace: 'major! <= 2 ? 10 : 12' },
  {
    ...npy,
    name: 'npy: trailing bytes are ignored',
    find: 'if (bytes.length - end !== wanted) {',
    replace: 'if (bytes.length - end < wanted) {',
  },
  {
    ...npy,
    name: 'npy: further keys are ignored',
    find: 'if (keys.sort().join() !== expected.join()) {',
    replace: 'if (!expected.every((key) => keys.includes(key))) {',
  },
  { ...npy, name: 'npy: big-endian files are read as little-endian', find: "order === '>', fortranOrder", replace: 'false, fortranOrder' },
  { ...npy, name: 'npy: a native byte order is guessed', find: '/^([<>|])', replace: '/^([<>|=])' },
  {
    ...elements,
    name: 'formats: Fortran order is taken for row-major order',
    find: 'if (fortranOrder) toRowMajor',
    replace: 'if (fortranOrder && false) toRowMajor',
  },
  {
    ...elements,
    name: 'formats: in Fortran order the parts of complex numbers come apart',
    find: 'toRowMajor(bytes, target, shape, widthOf(type));',
    replace: 'toRowMajor(bytes, target, shape, width);',
  },
  { ...elements, name: 'formats: subnormal 16-bit floats are zero', find: 'else out[i]! *= 2 ** 112;', replace: 'else if (half & 0x7c00) out[i]! *= 2 ** 112;\n      else out[i] = 0;' },
  { ...elements, name: 'formats: the infinite 16-bit float is finite', find: 'if ((half & 0x7c00) === 0x7c00) bits[i]! |= 0x7f800000;\n      else out', replace: 'out' },
  { ...elements, name: 'formats: bfloat16 is read as float16', find: "if (name === 'bf') bits[i]", replace: "if (name === 'no') bits[i]" },
  { ...elements, name: 'formats: any byte is a boolean', find: "if (type.name === 'b1') for", replace: "if (type.name === 'no') for" },
  {
    ...elements,
    name: 'formats: a tensor over a part of its memory is written from the beginning',
    find: 'new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()',
    replace: 'new Uint8Array(data.buffer, 0, data.byteLength).slice()',
  },
  { ...shared, name: 'formats: a file is read from the beginning of its buffer', find: 'new DataView(buffer, byteOffset, byteLength)', replace: 'new DataView(buffer, byteOffset && 0, byteLength)' },
  { ...shared, name: 'formats: an extent of 0 hides those that are too large', find: 'if (extent) size *= extent;', replace: 'size *= extent;' },
  { ...shared, name: 'formats: the percent sign in a name is taken for an escape', find: 'byte < 128 && byte !== 37', replace: 'byte < 128' },
  { ...npz, name: 'npz: a member that is no .npy is read as one', find: "if (!name.endsWith('.npy'))", replace: 'if (!name)' },
  { ...npz, name: 'npz: without a limit there is none', find: 'maxBytes = 2 ** 30', replace: 'maxBytes = Infinity' },
  { ...npz, name: 'npz: __proto__ is the prototype', find: 'return Object.fromEntries(arrays);', replace: 'const all: Record<string, NpyArray> = {};\n  for (const [name, array] of arrays) all[name] = array;\n  return all;' },
  { ...zip, name: 'npz: the limit holds for each member alone', find: 'total += entry.size;', replace: 'total = entry.size;' },
  { ...zip, name: 'npz: the last of two members of one name is read', find: 'if (entries.has(entry.name))', replace: 'if (false)' },
  { ...zip, name: 'npz: the checksum is not looked at', find: 'if (crc32(out) !== crc)', replace: 'if (crc32(out) === -1)' },
  { ...zip, name: 'npz: only the plain bit of encryption is looked at', find: 'if (flags & 0x2041)', replace: 'if (flags & 1)' },
  { ...zip, name: 'npz: members may overlap', find: 'if (entry.offset < free)', replace: 'if (free < 0)' },
  { ...zip, name: 'npz: a deflated size is believed', find: 'size <= 1032 * packed', replace: 'size >= 0' },
  { ...zip, name: 'npz: the ZIP64 fields are in the order of the directory', find: '[view.getUint32(at + 24, true), view.getUint32(at + 20, true)', replace: '[view.getUint32(at + 20, true), view.getUint32(at + 24, true)' },
  { ...zip, name: 'npz: the first extra field is taken for that of ZIP64', find: 'if (view.getUint16(extra, true) === 1) {', replace: 'if (view.getUint16(extra, true)) {' },
  { ...zip, name: 'npz: the end is found in a comment', find: '=== END && view.getUint16(end + 20, true) === bytes.length - 22 - end;', replace: '=== END;' },
  { ...zip, name: 'npz: the local header has the extra field of the directory', find: 'view.getUint16(offset + 28, true);', replace: '0;' },
  { ...zip, name: 'npz: names in the local headers are not compared', find: ' && rawName.every((byte, i) => byte === bytes[at + i])', replace: '' },
  { ...zip, name: 'npz: members come in the order of their data', find: '[...entries.keys()].map', replace: '[...members.keys()].map' },
  { ...zip, name: 'npz: Unicode names are not marked', find: '[2, 0x800], ', replace: '[2, 0], ' },
  { ...inflation, name: 'npz: the longest repetition has 257 bytes', find: 'symbol === 28 ? 258', replace: 'symbol === 28 ? 257' },
  { ...inflation, name: 'npz: a repetition may run over the declared size', find: "if (length > size - to) return", replace: 'if (length < 0) return' },
  { ...inflation, name: 'npz: a repetition may begin before the data', find: 'if (distance > to) return', replace: 'if (distance < 0) return' },
  { ...inflation, name: 'npz: a repetition does not see the bytes it makes', find: 'for (const end = to + length; to < end; to++) out[to] = out[to - distance]!;', replace: 'out.copyWithin(to, to - distance, to - distance + length);\n      to += length;' },
  { ...inflation, name: 'npz: fewer bytes than declared are filled with zeros', find: 'if (to < size) return', replace: 'if (to < 0) return' },
  { ...inflation, name: 'npz: bytes behind the compressed data are ignored', find: 'return consumed() < input.length ?', replace: 'return from < 0 ?' },
  { ...inflation, name: 'npz: a set of codes that is too large is accepted', find: 'if (left < 0) return null;', replace: '' },
  { ...safetensors, name: 'safetensors: gaps are accepted', find: 'if (begin !== at)', replace: 'if (begin < at)' },
  { ...safetensors, name: 'safetensors: overlaps are accepted', find: 'if (begin !== at)', replace: 'if (begin > at)' },
  { ...safetensors, name: 'safetensors: tensors must be listed in the order of their data', find: 'found.slice().sort((a, b) => a.begin - b.begin || a.end - b.end)', replace: 'found' },
  { ...safetensors, name: 'safetensors: an empty tensor must not lie before another', find: 'a.begin - b.begin || a.end - b.end', replace: 'a.begin - b.begin || b.end - a.end' },
  { ...safetensors, name: 'safetensors: trailing bytes are ignored', find: 'if (start + at !== bytes.length) {', replace: 'if (start + at > bytes.length) {' },
  { ...safetensors, name: 'safetensors: of two equal keys the last counts', find: 'if (keys.has(key))', replace: 'if (false)' },
  { ...safetensors, name: 'safetensors: keys that occur in different objects are equal', find: 'open.push(open.length ? new Set() : outermost)', replace: 'open.push(outermost)' },
  { ...safetensors, name: 'safetensors: an escaped quotation mark ends a text', find: "if (text[i] === '\\\\') i++;", replace: "if (text[i] === '\\\\') void i;" },
  { ...safetensors, name: 'safetensors: the header may be as long as it says', find: 'if (length > 100_000_000 || start > bytes.length) {', replace: 'if (start > bytes.length && length < 100_000_000) {' },
  { ...safetensors, name: 'safetensors: a dtype may be a name that every object has', find: 'Object.prototype.hasOwnProperty.call(types, dtype) ? elementType(types[dtype]!) : undefined', replace: "elementType(types[dtype]!) ?? (typeof types[dtype] === 'function' ? elementType('u1') : undefined)" },
  { ...safetensors, name: 'safetensors: the header is not padded', find: 'new Uint8Array(-header.length & 7)', replace: 'new Uint8Array(0)' },
  { ...safetensors, name: 'safetensors: the widest tensors come last', find: 'width(y) - width(x) ||', replace: 'width(x) - width(y) ||' },
  { ...dicts, name: 'state dicts: integers of 32 bits are rounded to float32', find: 'data.BYTES_PER_ELEMENT < 4', replace: 'data.BYTES_PER_ELEMENT < 8' },
  { ...dicts, name: 'state dicts: integers beyond 2^53 are rounded', find: 'if (Math.abs(out[i]!) > Number.MAX_SAFE_INTEGER)', replace: 'if (Number.isNaN(out[i]!))' },
  { ...names, name: 'PyTorch: the lengths and the directions of weight norm are exchanged', find: "'$10.weightG'", replace: "'$1.unknown'" },
  { ...names, name: 'PyTorch: weight_v is always a direction', find: "if (have('orig', 'u'))", replace: "if (have('orig', 'none'))" },
  { ...names, name: 'PyTorch: a name that ends like a statistic is one', find: 'name.endsWith(`.${last}`)', replace: 'name.endsWith(last)' },
  { ...names, name: 'PyTorch: any count is left out for a module without it', find: 'if (besides && held(besides) && !held(name))', replace: 'if (besides && !held(name))' },
  { ...names, name: 'PyTorch: of two names that become one the last counts', find: 'if (other !== undefined) {', replace: 'if (false) {' },
  { ...names, name: 'PyTorch: every original is a direction', find: "has(`${path}0.weightG`) ? `${name}1` : name", replace: '`${name}1`' },
];
