import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Linear, linear } from '../../src/nn/linear.ts';
import { ones, tensor, zeros } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('Linear');

test('multiplies by the transposed weight and adds the bias', () => {
  const weight = tensor([[1, 2, 3], [4, 5, 6]]);
  assert.equal(toArray(linear(tensor([[1, 0, -1], [1, 1, 1]]), weight, tensor([10, 20]))), [[8, 18], [16, 35]]);
  assert.equal(toArray(linear(tensor([1, 0, -1]), weight)), [-2, -2]);
});

test('takes any leading axes', () => {
  assert.equal(linear(ones([4, 5, 3]), ones([2, 3]), zeros([2])).shape, [4, 5, 2]);
});

test('starts uniform in ±1 / sqrt(in), weight and bias', () => {
  const layer = new Linear(64, 500, { random: new Random(5), dtype: 'float64' });
  assert.equal(layer.weight.shape, [500, 64]);
  assert.equal(layer.bias!.shape, [500]);
  for (const { data } of [layer.weight, layer.bias!]) {
    const largest = Math.max(...Array.from(data, Math.abs));
    assert.ok(largest <= 1 / 8 && largest > 0.98 / 8, `the largest is ${largest}`);
  }
});

test('is the same from the same seed, and without bias when asked', () => {
  const make = () => new Linear(3, 2, { random: new Random(1), bias: false });
  assert.equal(toArray(make().weight), toArray(make().weight));
  assert.is(make().bias, null);
  assert.equal(Object.keys(make().stateDict()), ['weight']);
});

test('has parameters of the dtype asked for, and refuses an input of another', () => {
  const layer = new Linear(3, 2, { random: new Random(1), dtype: 'float64' });
  assert.equal(layer.parameters().map((found) => found.dtype), ['float64', 'float64']);
  assert.is(layer.forward(normal(new Random(1), [4, 3], 0, 1, { dtype: 'float64' })).dtype, 'float64');
  assert.throws(() => layer.forward(ones([4, 3])), /one dtype/);
});

test('refuses shapes that do not fit', () => {
  const refuses = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error: Error) => error instanceof ShapeError && message.test(error.message));
  refuses(() => linear(ones([2, 4]), ones([2, 3])), /linear: x must be \[..., in\] and weight \[out, in\], got \[2, 4\] and \[2, 3\]/);
  refuses(() => linear(ones([]), ones([2, 3])), /got \[\] and \[2, 3\]/);
  refuses(() => linear(ones([3]), ones([3])), /got \[3\] and \[3\]/);
  refuses(() => linear(ones([2, 3]), ones([2, 3]), ones([3])), /linear: bias must be \[2\], got \[3\]/);
  refuses(() => linear(ones([2, 3]), ones([2, 3]), ones([1])), /linear: bias must be \[2\], got \[1\]/);
});

test('refuses sizes that are no positive integers and a missing generator', () => {
  const random = new Random(1);
  assert.throws(() => new Linear(0, 2, { random }), /Linear: inFeatures must be a positive integer, got 0/);
  assert.throws(() => new Linear(2, 1.5, { random }), /Linear: outFeatures must be a positive integer, got 1.5/);
  assert.throws(
    () => new Linear(2, 2, {} as unknown as { random: Random }),
    (error: Error) => error instanceof TypeError && /Linear: random must be a generator, got undefined/.test(error.message),
  );
});

test.run();
