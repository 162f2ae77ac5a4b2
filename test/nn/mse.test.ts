import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { mse } from '../../src/nn/mse.ts';
import { ones, tensor } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('mse');

const x = () => tensor([[1, 2], [3, -1]], { requiresGrad: true });
const target = () => tensor([[0, 4], [3, 2]], { requiresGrad: true });

test('is the mean, the sum or each of the squared differences', () => {
  assert.equal(toArray(mse(x(), target())), 14 / 4);
  assert.equal(toArray(mse(x(), target(), { reduction: 'sum' })), 14);
  assert.equal(toArray(mse(x(), target(), { reduction: 'none' })), [[1, 4], [0, 9]]);
});

test('has the gradient 2 (x - target) / n, and its negative for the target', () => {
  const a = x();
  const b = target();
  backward(mse(a, b));
  assert.equal(toArray(a.grad!), [[0.5, -1], [0, -1.5]]);
  assert.equal(Array.from(b.grad!.data, (value) => value + 0), [-0.5, 1, 0, 1.5]);
});

test('refuses shapes that would broadcast, and an unknown reduction', () => {
  assert.throws(
    () => mse(ones([4, 1]), ones([4])),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message === 'mse: x and target must have one shape, got [4, 1] and [4]; reshape one of them',
  );
  assert.throws(() => mse(x(), target(), { reduction: 'average' as 'mean' }), /mse: reduction must be mean, sum or none, got average/);
});

test.run();
