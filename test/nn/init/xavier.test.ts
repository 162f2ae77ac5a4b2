import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { xavierNormal, xavierUniform } from '../../../src/nn/init/xavier.ts';
import { Random } from '../../../src/tensor/random.ts';
import { looksNormal, looksUniform } from './_statistics.ts';

const test = suite('xavier');

const shape = [40, 10, 5, 2];
const make = () => new Random(12);

test('xavierUniform is uniform in ±gain * sqrt(6 / (fanIn + fanOut))', () => {
  assert.ok(looksUniform(xavierUniform(make(), shape), Math.sqrt(6 / 500)));
  assert.ok(looksUniform(xavierUniform(make(), shape, { gain: 3 }), 3 * Math.sqrt(6 / 500)));
});

test('xavierNormal is normal with standard deviation gain * sqrt(2 / (fanIn + fanOut))', () => {
  assert.ok(looksNormal(xavierNormal(make(), shape), Math.sqrt(2 / 500)));
  assert.ok(looksNormal(xavierNormal(make(), shape, { gain: 0.5 }), 0.5 * Math.sqrt(2 / 500)));
});

test('obeys a gain of 0 and refuses one that is not finite', () => {
  assert.ok(xavierUniform(make(), [2, 3], { gain: 0 }).data.every((value) => value === 0));
  assert.throws(() => xavierUniform(make(), shape, { gain: NaN }), /xavierUniform: gain must be finite, got NaN/);
  assert.throws(() => xavierNormal(make(), shape, { gain: Infinity }), /xavierNormal: gain must be finite, got Infinity/);
});

test.run();
