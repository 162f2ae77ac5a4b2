import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { Embedding } from '../../src/nn/embedding.ts';
import { tensor } from '../../src/tensor/create.ts';
import { Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('Embedding');

const make = () => new Embedding(5, 3, { random: new Random(1), dtype: 'float64' });

test('gives the rows of its weight, for a list and for a tensor of any shape', () => {
  const layer = make();
  const rows = toArray(layer.weight) as number[][];
  assert.equal(toArray(layer.forward([4, 0])), [rows[4], rows[0]]);
  assert.equal(toArray(layer.forward(tensor([[1], [4]]))), [[rows[1]], [rows[4]]]);
  assert.equal(layer.forward([]).shape, [0, 3]);
});

test('adds up the gradients of a row that is taken twice', () => {
  const layer = make();
  backward(sum(layer.forward([2, 0, 2])));
  assert.equal(toArray(layer.weight.grad!), [[1, 1, 1], [0, 0, 0], [2, 2, 2], [0, 0, 0], [0, 0, 0]]);
});

test('starts with mean 0 and variance 1', () => {
  const { data } = new Embedding(200, 50, { random: new Random(1) }).weight;
  let total = 0;
  let squares = 0;
  for (const value of data) {
    total += value;
    squares += value * value;
  }
  // five standard errors: 1 / sqrt(n) and sqrt(2 / n)
  assert.ok(Math.abs(total / data.length) < 5 / 100);
  assert.ok(Math.abs(squares / data.length - 1) < (5 * Math.SQRT2) / 100);
});

test('refuses indices outside the table, negative ones included, and sizes below 1', () => {
  for (const bad of [5, -1, 0.5, NaN]) {
    assert.throws(
      () => make().forward([0, bad]),
      (error: Error) =>
        error instanceof RangeError && error.message === `Embedding: indices must be integers in [0, 5), got ${bad} at 1`,
    );
  }
  assert.throws(() => new Embedding(0, 3, { random: new Random(1) }), /numEmbeddings must be a positive integer, got 0/);
  assert.throws(() => new Embedding(3, 0, { random: new Random(1) }), /embeddingDim must be a positive integer, got 0/);
});

test.run();
