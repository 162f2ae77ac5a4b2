import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lecunNormal, lecunUniform } from '../../../src/nn/init/lecun.ts';
import { Random } from '../../../src/tensor/random.ts';
import { looksNormal, looksUniform } from './_statistics.ts';

const test = suite('lecun');

const shape = [40, 10, 5, 2];

test('lecunUniform is uniform in ±sqrt(3 / fanIn)', () => {
  assert.ok(looksUniform(lecunUniform(new Random(13), shape), Math.sqrt(3 / 100)));
});

test('lecunNormal is normal with standard deviation 1 / sqrt(fanIn)', () => {
  assert.ok(looksNormal(lecunNormal(new Random(13), shape, { dtype: 'float64' }), 0.1));
});

test.run();
