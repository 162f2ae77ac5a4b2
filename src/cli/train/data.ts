/** Where the digits come from: IDX files of a folder, or the synthetic ones. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Dataset } from '../../data/dataset.ts';
import { readDigits } from '../../data/digits.ts';
import { syntheticDigits } from '../../data/synthetic-digits.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { TrainOptions } from './options.ts';
import { stream } from './streams.ts';

/** Digits to train and to test with, of one image size. */
export interface Digits {
  /** For people: the last part of the folder's path. */
  readonly name: string;
  readonly train: Dataset;
  readonly test: Dataset;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
}

/** Smallest image that two convolutions and a pooling between them can make something of. */
const SMALLEST = 4;

/** Throws an Error when a file is missing or no IDX file, or the sets do not fit together or are too small. */
export function loadDigits({ data, trainSize, testSize, batch, seed }: TrainOptions): Digits {
  const train = first(data === null ? synthetic(trainSize!, seed, 'train') : readPart(data, 'train'), trainSize);
  const test = first(data === null ? synthetic(testSize!, seed, 'test') : readPart(data, 't10k'), testSize);
  const [, , height, width] = train.images.shape as readonly [number, number, number, number];
  if (test.images.shape[2] !== height || test.images.shape[3] !== width) {
    throw new Error(
      `training and test images must have one size, got ${height} by ${width} and ` +
        `${test.images.shape[2]} by ${test.images.shape[3]}`,
    );
  }
  if (Math.min(height, width) < SMALLEST) {
    throw new Error(`images must be at least ${SMALLEST} by ${SMALLEST}, got ${height} by ${width}`);
  }
  if (train.labels.length < batch) {
    throw new Error(`there must be at least one batch of ${batch} training samples, got ${train.labels.length}; set --batch`);
  }
  const classes = Math.max(train.classes, test.classes);
  const name = data === null ? 'synthetic digits' : basename(resolve(data));
  return { name, train, test, height, width, classes };
}

function synthetic(count: number, seed: number, part: 'train' | 'test'): Dataset {
  return syntheticDigits(count, { random: stream(seed, part) });
}

function readPart(folder: string, part: 'train' | 't10k'): Dataset {
  const images = readEither(folder, `${part}-images`, 'idx3-ubyte');
  const labels = readEither(folder, `${part}-labels`, 'idx1-ubyte');
  return readDigits(images, labels);
}

/** A file under one of the names it is distributed by, decompressed. */
function readEither(folder: string, name: string, kind: string): Uint8Array {
  const names = [`${name}-${kind}`, `${name}-${kind}.gz`, `${name}.${kind}`, `${name}.${kind}.gz`];
  const path = names.map((file) => join(folder, file)).find((file) => existsSync(file));
  if (path === undefined) throw new Error(`${folder} must hold ${names[0]} or ${names[1]}, and holds neither`);
  const bytes = readFileSync(path);
  if (!path.endsWith('.gz')) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new Error(`${path} is no gzip file: ${(error as Error).message}`);
  }
}

/** The first samples of a dataset. */
function first({ images, labels, classes }: Dataset, count: number | null): Dataset {
  if (count === null || count >= labels.length) return { images, labels, classes };
  const [, ...rest] = images.shape;
  const data = images.data.subarray(0, (images.data.length / labels.length) * count);
  return { images: new Tensor(data, [count, ...rest]), labels: labels.slice(0, count), classes };
}
