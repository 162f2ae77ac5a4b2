import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { Dropout, dropout } from '../../src/nn/dropout.ts';
import { ones, tensor } from '../../src/tensor/create.ts';
import { Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('Dropout');

test('drops elements with the given rate and scales the others by 1 / (1 - rate)', () => {
  const count = 20000;
  for (const rate of [0.1, 0.5, 0.75]) {
    const y = dropout(ones([count], { dtype: 'float64' }), rate, new Random(4));
    let dropped = 0;
    for (const value of y.data) {
      assert.ok(value === 0 || value === 1 / (1 - rate));
      if (value === 0) dropped++;
    }
    // five standard deviations of the binomial distribution
    assert.ok(Math.abs(dropped / count - rate) < 5 * Math.sqrt((rate * (1 - rate)) / count));
  }
});

test('keeps all at rate 0 and nothing at rate 1', () => {
  assert.equal(toArray(dropout(tensor([1, 2, 3]), 0, new Random(1))), [1, 2, 3]);
  assert.equal(toArray(dropout(tensor([1, 2, 3]), 1, new Random(1))), [0, 0, 0]);
});

test('sends the gradient through the elements that were kept, scaled alike', () => {
  const x = tensor([1, 2, 4, 8, 16, 32], { requiresGrad: true });
  const y = dropout(x, 0.5, new Random(2));
  backward(y, tensor([1, 1, 1, 1, 1, 1]));
  assert.equal(toArray(x.grad!), Array.from(y.data, (value, i) => value / x.data[i]!));
  assert.ok(x.grad!.data.some((value) => value === 0) && x.grad!.data.some((value) => value === 2));
});

test('keeps only the mask for the backward pass', () => {
  assert.is(savedBytes(dropout(ones([100], { requiresGrad: true }), 0.5, new Random(1))), 400);
});

test('is the identity in evaluation, and draws nothing then', () => {
  const random = new Random(1);
  const layer = new Dropout(0.5, { random }).eval();
  const x = tensor([1, 2]);
  assert.is(layer.forward(x), x);
  assert.is(random.bits(), new Random(1).bits());
  assert.is(new Dropout(0, { random }).forward(x), x);
});

test('draws a new mask at each call, the same ones from the same seed', () => {
  const make = () => new Dropout(0.5, { random: new Random(9) });
  const x = ones([64]);
  const layer = make();
  const first = toArray(layer.forward(x));
  const second = toArray(layer.forward(x));
  assert.not.equal(first, second);
  const again = make();
  assert.equal([toArray(again.forward(x)), toArray(again.forward(x))], [first, second]);
});

test('refuses a rate outside [0, 1] and a missing generator', () => {
  for (const bad of [-0.1, 1.1, NaN]) {
    assert.throws(() => new Dropout(bad, { random: new Random(1) }), new RegExp(`Dropout: rate must be in \\[0, 1\\], got ${bad}`));
    assert.throws(() => dropout(ones([1]), bad, new Random(1)), new RegExp(`dropout: rate must be in \\[0, 1\\], got ${bad}`));
  }
  assert.throws(() => new Dropout(0.5, {} as unknown as { random: Random }), /Dropout: random must be a generator/);
});

test.run();
