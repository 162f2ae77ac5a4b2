import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { avgPool2d, globalAveragePool, maxPool2d } from '../../src/autograd/pool.ts';
import { AvgPool2d, GlobalAveragePool, MaxPool2d } from '../../src/nn/pooling.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('pooling');

const x = normal(new Random(1), [2, 3, 5, 6]);

test('MaxPool2d is maxPool2d with its options', () => {
  const options = { kernelSize: 3, stride: 2, padding: 1 };
  assert.equal(toArray(new MaxPool2d(options).forward(x)), toArray(maxPool2d(x, options)));
});

test('AvgPool2d is avgPool2d with its options', () => {
  const options = { kernelSize: 3, stride: 2, padding: 1, countIncludePad: false };
  assert.equal(toArray(new AvgPool2d(options).forward(x)), toArray(avgPool2d(x, options)));
});

test('GlobalAveragePool is globalAveragePool', () => {
  const y = new GlobalAveragePool().forward(x);
  assert.equal(y.shape, [2, 3]);
  assert.equal(toArray(y), toArray(globalAveragePool(x)));
});

test.run();
