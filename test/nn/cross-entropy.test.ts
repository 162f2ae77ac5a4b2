import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { crossEntropy } from '../../src/nn/cross-entropy.ts';
import { ones, tensor } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const test = suite('crossEntropy');

const make = (requiresGrad = false): Tensor => normal(new Random(1), [4, 3], 0, 2, { dtype: 'float64', requiresGrad });
const labels = [2, 0, 0, 1];

/** The loss of one row: minus the target distribution times the log of softmax. */
function row(logits: readonly number[], label: number, smoothing: number): number {
  let total = 0;
  for (const logit of logits) total += Math.exp(logit);
  return -logits.reduce((loss, logit, c) => {
    const wanted = (c === label ? 1 - smoothing : 0) + smoothing / logits.length;
    return loss + wanted * Math.log(Math.exp(logit) / total);
  }, 0);
}

test('is minus the log of the softmax at the label, with smoothing and with every reduction', () => {
  const logits = make();
  for (const labelSmoothing of [0, 0.1, 1]) {
    const want = (toArray(logits) as number[][]).map((values, i) => row(values, labels[i]!, labelSmoothing));
    const each = crossEntropy(logits, labels, { reduction: 'none', labelSmoothing });
    assert.equal(each.shape, [4]);
    want.forEach((value, i) => assert.ok(Math.abs(each.data[i]! - value) < 1e-14));
    const total = want.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(item(crossEntropy(logits, labels, { reduction: 'sum', labelSmoothing })) - total) < 1e-13);
    assert.ok(Math.abs(item(crossEntropy(logits, labels, { labelSmoothing })) - total / 4) < 1e-13);
  }
});

test('of equal logits is log C', () => {
  assert.ok(Math.abs(item(crossEntropy(ones([5, 7], { dtype: 'float64' }), [0, 1, 2, 3, 6])) - Math.log(7)) < 1e-15);
});

test('takes labels as a tensor', () => {
  assert.equal(toArray(crossEntropy(make(), tensor(labels))), toArray(crossEntropy(make(), labels)));
});

test('has the gradient (softmax - target) / N', () => {
  const logits = make(true);
  backward(crossEntropy(logits, labels));
  (toArray(logits) as number[][]).forEach((values, i) => {
    const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
    values.forEach((value, c) => {
      const want = (Math.exp(value) / total - (labels[i] === c ? 1 : 0)) / 4;
      assert.ok(Math.abs(logits.grad!.data[i * 3 + c]! - want) < 1e-15);
    });
  });
});

for (const labelSmoothing of [0, 0.25]) {
  for (const reduction of ['mean', 'sum', 'none'] as const) {
    test(`passes gradcheck with ${JSON.stringify({ labelSmoothing, reduction })}`, () => {
      const result = gradcheck((logits: Tensor) => crossEntropy(logits, labels, { labelSmoothing, reduction }), [make(true)]);
      assert.ok(result.passed, result.message);
    });
  }
}

test('is exact where exp would overflow, and infinite at a class that is impossible', () => {
  const huge = tensor([[1e4, 0], [0, 1e4]], { dtype: 'float64' });
  assert.equal(toArray(crossEntropy(huge, [0, 0], { reduction: 'none' })), [0, 1e4]);
  const masked = tensor([[0, -Infinity]], { dtype: 'float64' });
  assert.equal(Math.abs(item(crossEntropy(masked, [0]))), 0);
  assert.is(item(crossEntropy(masked, [1])), Infinity);
});

test('refuses shapes, labels and options that do not fit', () => {
  const refuses = (run: () => unknown, message: RegExp, kind: typeof RangeError | typeof ShapeError = RangeError) =>
    assert.throws(run, (error: Error) => error instanceof kind && message.test(error.message));
  refuses(() => crossEntropy(make(), [0, 1]), /crossEntropy: logits must be \[N, C\] and labels \[N\], got \[4, 3\] and \[2\]/, ShapeError);
  refuses(() => crossEntropy(ones([3]), [0, 1, 2]), /got \[3\] and \[3\]/, ShapeError);
  refuses(() => crossEntropy(make(), tensor([[0, 0, 0, 0]])), /got \[4, 3\] and \[1, 4\]/, ShapeError);
  for (const bad of [3, -1, 0.5, NaN]) {
    refuses(() => crossEntropy(make(), [0, bad, 0, 0]), new RegExp(`labels must be integers in \\[0, 3\\), got ${bad} at 1`));
  }
  refuses(() => crossEntropy(make(), labels, { labelSmoothing: 1.5 }), /labelSmoothing must be in \[0, 1\], got 1.5/);
  refuses(() => crossEntropy(make(), labels, { reduction: 'batchmean' as 'mean' }), /crossEntropy: reduction must be/);
});

test.run();
