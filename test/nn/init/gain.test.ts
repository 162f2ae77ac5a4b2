import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gain, type Nonlinearity } from '../../../src/nn/init/gain.ts';

const test = suite('gain');

test("has the values of PyTorch's table", () => {
  const names = ['linear', 'sigmoid', 'tanh', 'relu', 'selu'] as const;
  assert.equal(names.map((name) => gain(name)), [1, 1, 5 / 3, Math.sqrt(2), 3 / 4]);
});

test('of leakyRelu depends on the slope, 0.01 by default; slope 0 is relu', () => {
  assert.is(gain('leakyRelu'), Math.sqrt(2 / (1 + 0.01 ** 2)));
  assert.is(gain('leakyRelu', 0), Math.sqrt(2));
  assert.ok(Math.abs(gain('leakyRelu', Math.sqrt(5)) - Math.sqrt(1 / 3)) < 1e-15);
});

test('refuses other names and slopes that are not finite', () => {
  assert.throws(() => gain('swish' as Nonlinearity), /gain: nonlinearity must be linear, .* got swish/);
  assert.throws(() => gain('leakyRelu', NaN), /gain: slope must be finite, got NaN/);
});

test.run();
