import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kaimingNormal, kaimingUniform } from '../../../src/nn/init/kaiming.ts';
import { Random } from '../../../src/tensor/random.ts';
import { toArray } from '../../../src/tensor/read.ts';
import { looksNormal, looksUniform } from './_statistics.ts';

const test = suite('kaiming');

const shape = [40, 10, 5, 2];
const make = () => new Random(11);

test('kaimingUniform is uniform in ±gain * sqrt(3 / fan), by default sqrt(6 / fanIn)', () => {
  assert.ok(looksUniform(kaimingUniform(make(), shape), Math.sqrt(6 / 100)));
  assert.ok(looksUniform(kaimingUniform(make(), shape, { mode: 'fanOut' }), Math.sqrt(6 / 400)));
  assert.ok(looksUniform(kaimingUniform(make(), shape, { nonlinearity: 'linear' }), Math.sqrt(3 / 100)));
  assert.ok(looksUniform(kaimingUniform(make(), shape, { slope: Math.sqrt(5) }), 1 / 10));
});

test('kaimingNormal is normal with standard deviation gain / sqrt(fan)', () => {
  assert.ok(looksNormal(kaimingNormal(make(), shape), Math.sqrt(2 / 100)));
  assert.ok(looksNormal(kaimingNormal(make(), shape, { mode: 'fanOut', nonlinearity: 'tanh' }), 5 / 3 / 20));
});

test('is the same from the same seed, in the dtype and with the flag asked for', () => {
  const options = { dtype: 'float64', requiresGrad: true } as const;
  const a = kaimingNormal(make(), [3, 4], options);
  assert.is(a.dtype, 'float64');
  assert.is(a.requiresGrad, true);
  assert.equal(toArray(a), toArray(kaimingNormal(make(), [3, 4], options)));
});

test('refuses an unknown mode and a shape without fans', () => {
  assert.throws(() => kaimingUniform(make(), shape, { mode: 'fan_in' as 'fanIn' }), /kaimingUniform: mode must be fanIn or fanOut, got fan_in/);
  assert.throws(() => kaimingNormal(make(), shape, { mode: 'x' as 'fanIn' }), /kaimingNormal: mode/);
  assert.throws(() => kaimingUniform(make(), [3]), /fans: /);
});

test.run();
