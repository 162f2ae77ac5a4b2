import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDigits } from '../../../src/cli/train/data.ts';
import { parseTrainOptions, type TrainOptions } from '../../../src/cli/train/options.ts';
import { message } from '../../support/message.ts';

const test = suite<{ folder: string }>('digits to train with');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'normgrad-digits-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const optionsOf = (...args: string[]): TrainOptions => parseTrainOptions(args)!;

/** `count` images of `height` by `width`, every pixel of image i being i, with the labels i mod 3. */
function files(count: number, height: number, width: number): { images: Uint8Array; labels: Uint8Array } {
  const size = height * width;
  const pixels = Array.from({ length: count * size }, (_, i) => Math.floor(i / size));
  return {
    images: Uint8Array.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, height, 0, 0, 0, width, ...pixels]),
    labels: Uint8Array.from([0, 0, 8, 1, 0, 0, 0, count, ...Array.from({ length: count }, (_, i) => i % 3)]),
  };
}

function write(folder: string, part: string, { images, labels }: { images: Uint8Array; labels: Uint8Array }): void {
  writeFileSync(join(folder, `${part}-images-idx3-ubyte`), images);
  writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), labels);
}

test('IDX files are read plain or compressed, under either of their names', ({ folder }) => {
  write(folder, 'train', files(5, 4, 6));
  const { images, labels } = files(2, 4, 6);
  writeFileSync(join(folder, 't10k-images-idx3-ubyte.gz'), gzipSync(images));
  writeFileSync(join(folder, 't10k-labels.idx1-ubyte.gz'), gzipSync(labels));
  const { train, test: held, height, width, classes, name } = loadDigits(optionsOf('--data', `${folder}/`, '--batch', '5'));
  assert.equal(train.images.shape, [5, 1, 4, 6]);
  assert.is(train.images.data[4 * 24], Math.fround(4 / 255));
  assert.equal(held.labels, [0, 1]);
  assert.equal([height, width, classes, name], [4, 6, 3, basename(folder)]);
});

test('a size takes the first samples; one beyond what there is takes all', ({ folder }) => {
  write(folder, 'train', files(9, 4, 4));
  write(folder, 't10k', files(4, 4, 4));
  const { train, test: held } = loadDigits(optionsOf('--data', folder, '--batch', '2', '--train-size', '4', '--test-size', '99'));
  assert.equal(train.images.shape, [4, 1, 4, 4]);
  assert.equal(train.labels, [0, 1, 2, 0]);
  assert.is(held.labels.length, 4);
});

test('synthetic digits of the two parts differ', () => {
  const { train, test: held } = loadDigits(optionsOf('--train-size', '20', '--test-size', '20'));
  assert.not.equal(train.images.data, held.images.data);
});

test('what is wrong with the files is told', ({ folder }) => {
  const load = (...args: string[]): string => message(() => loadDigits(optionsOf('--data', folder, '--batch', '2', ...args)));
  write(folder, 'train', files(4, 4, 4));
  assert.is(load(), `Error: ${folder} must hold t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz, and holds neither`);
  write(folder, 't10k', files(2, 4, 5));
  assert.is(load(), 'Error: training and test images must have one size, got 4 by 4 and 4 by 5');
  write(folder, 'train', files(4, 3, 8));
  write(folder, 't10k', files(2, 3, 8));
  assert.is(load(), 'Error: images must be at least 4 by 4, got 3 by 8');
  write(folder, 'train', files(4, 4, 4));
  write(folder, 't10k', files(2, 4, 4));
  assert.is(load('--batch', '5'), 'Error: there must be at least one batch of 5 training samples, got 4; set --batch');
  writeFileSync(join(folder, 'train-images-idx3-ubyte'), gzipSync(files(4, 4, 4).images));
  assert.match(load(), /^RangeError: readDigits: images: the bytes must be IDX, got gzip/);
});

test('a file that ends in .gz and is none is told by its path', ({ folder }) => {
  writeFileSync(join(folder, 'train-images-idx3-ubyte.gz'), files(1, 4, 4).images);
  const path = join(folder, 'train-images-idx3-ubyte.gz');
  assert.ok(message(() => loadDigits(optionsOf('--data', folder))).startsWith(`Error: ${path} is no gzip file: `));
});

test.run();
