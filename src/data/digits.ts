import { Tensor } from '../tensor/tensor.ts';
import type { Dataset } from './dataset.ts';
import { type Idx, magicOf, readIdxFor } from './idx.ts';

/**
 * A dataset from the two files that MNIST and its relatives have for each part: images (magic number `0x00000803`,
 * bytes `[N, height, width]`, divided by 255) and labels (`0x00000801`, bytes `[N]`). There are as many classes as the
 * largest label asks for.
 *
 * Throws as `readIdx` does, and a RangeError for a file of another kind, different numbers of images and labels, or no
 * images.
 * @example
 * ```ts
 * const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255);
 * const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7);
 * readDigits(images, labels); // { images: [[[[0, 1]]]], labels: [7], classes: 8 }
 * ```
 */
export function readDigits(images: Uint8Array, labels: Uint8Array): Dataset {
  const pictures = readBytes('images', images, 3);
  const classes = readBytes('labels', labels, 1);
  const [count, height, width] = pictures.shape as readonly [number, number, number];
  if (classes.data.length !== count) {
    throw new RangeError(
      `readDigits: there must be one label per image, got ${count} images and ${classes.data.length} labels; ` +
        'take both files from the same part, train or test',
    );
  }
  if (pictures.data.length === 0) {
    throw new RangeError(`readDigits: there must be images, got ${count} of ${height} by ${width}`);
  }
  const pixels = new Float32Array(pictures.data.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = pictures.data[i]! / 255;
  let largest = 0;
  for (const label of classes.data) largest = Math.max(largest, label);
  return {
    images: new Tensor(pixels, [count, 1, height, width]),
    labels: Array.from(classes.data),
    classes: largest + 1,
  };
}

/** An IDX file of unsigned bytes and the given rank. */
function readBytes(what: 'images' | 'labels', bytes: Uint8Array, rank: number): Idx {
  const caller = `readDigits: ${what}`;
  const idx = readIdxFor(caller, bytes);
  if (bytes[2] !== 0x08 || bytes[3] !== rank) {
    const swapped = bytes[2] === 0x08 && bytes[3] === 4 - rank;
    throw new RangeError(
      `${caller}: the magic number must be 0x0000080${rank}, got ${magicOf(bytes)}; ` +
        (swapped ? 'images and labels seem to be swapped' : 'read other IDX files with readIdx'),
    );
  }
  return idx;
}
