import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mistakes } from '../../src/oracle/diagnose.ts';
import { judgePlanted } from './judge-planted.ts';
import { plantedMistakes } from './plant.ts';

const test = suite('planted mistakes');
const planted = await plantedMistakes();

/** A few of different kinds; `npm run test:oracle` has all. */
const sample = ['mean-gx-dropped', 'eps-doubled', 'running-var-biased', 'even-window-shifted', 'squared-length', 'computed-in-float32'];

for (const mistake of sample) {
  test(`refuted within 100 cases, and named: ${mistake}`, async () => {
    const { refuted, named } = await judgePlanted(planted.find((mutant) => mutant.mistake === mistake)!);
    assert.ok(refuted > 0);
    assert.is(named[0], mistake);
  });
}

test('every catalogued mistake is planted somewhere, and every planted one is catalogued', () => {
  const names = mistakes().map(({ name }) => name);
  const known = planted.map(({ mistake }) => mistake);
  assert.equal(names.filter((name) => !known.includes(name)), []);
  assert.equal(known.filter((name) => !names.includes(name)), []);
});

test.run();
