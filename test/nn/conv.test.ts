import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Conv2d } from '../../src/nn/conv2d.ts';
import type { ConvLayerOptions } from '../../src/nn/conv.ts';
import { ones } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { Random } from '../../src/tensor/random.ts';

const test = suite('Conv');

test('starts uniform in ±1 / sqrt(in / groups * kernel elements), weight and bias', () => {
  const layer = new Conv2d(8, 400, { kernelSize: [2, 8], groups: 2, random: new Random(5), dtype: 'float64' });
  for (const { data, dtype } of [layer.weight, layer.bias!]) {
    assert.is(dtype, 'float64');
    let largest = 0;
    for (const value of data) largest = Math.max(largest, Math.abs(value));
    assert.ok(largest <= 1 / 8 && largest > 0.98 / 8, `the largest is ${largest}`);
  }
});

test('refuses sizes, groups and options out of range when it is made', () => {
  const refuses = (inChannels: number, options: Partial<ConvLayerOptions>, message: RegExp) =>
    assert.throws(
      () => new Conv2d(inChannels, 4, { kernelSize: 3, random: new Random(1), ...options }),
      (error: Error) => (error instanceof RangeError || error instanceof ShapeError) && message.test(error.message),
    );
  refuses(0, {}, /^Conv2d: inChannels must be a positive integer, got 0/);
  refuses(4, { groups: 3 }, /^Conv2d: groups must divide the channels, got 3 groups for 4 and 4 channels/);
  refuses(4, { groups: 0 }, /^Conv2d: groups must be a positive integer, got 0/);
  refuses(4, { kernelSize: 0 }, /^Conv2d: kernelSize must be made of integers of at least 1, got 0/);
  refuses(4, { kernelSize: [1, 2, 3] }, /^Conv2d: kernelSize must be one number or 2/);
  refuses(4, { stride: 0 }, /^Conv2d: stride .* got 0/);
  refuses(4, { padding: -1 }, /^Conv2d: padding .* got -1/);
  refuses(4, { dilation: 0.5 }, /^Conv2d: dilation .* got 0.5/);
});

test('refuses an input with another number of channels', () => {
  const layer = new Conv2d(4, 4, { kernelSize: 1, random: new Random(1) });
  assert.throws(
    () => layer.forward(ones([1, 3, 2, 2])),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message ===
        'Conv2d: x must be [N, 4, ...spatial] of rank 4, got [1, 3, 2, 2]; channels come before the spatial axes',
  );
});

test.run();
