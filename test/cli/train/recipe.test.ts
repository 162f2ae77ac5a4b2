import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf, labelsOf, recipeOf } from '../../../src/cli/train/recipe.ts';
import { message } from '../../support/message.ts';

const test = suite('what a training puts into the network');

test('is said by its name, and the name says it', () => {
  const names = { none: [null, null], group: ['group', null], weight: [null, 'weight'], 'group + weight': ['group', 'weight'] } as const;
  for (const [label, [norm, weightNorm]] of Object.entries(names)) {
    assert.is(labelOf({ norm, weightNorm }), label);
    assert.equal(recipeOf(label), { norm, weightNorm });
  }
});

test('is every norm and none, without and with each norm of weights, none first and each once', () => {
  assert.equal(labelsOf(['group', 'none', 'group'], []), ['none', 'group']);
  assert.equal(labelsOf([], ['weight', 'spectral']), ['none', 'weight', 'spectral']);
  assert.equal(labelsOf(['batch', 'group'], ['none', 'weight']), [
    'none',
    'weight',
    'batch',
    'batch + weight',
    'group',
    'group + weight',
  ]);
});

test('is no norm that there is not, and none without a place in a classifier', () => {
  assert.match(message(() => recipeOf('group + nope')), /^RangeError: catalog: there is no norm "nope"/);
  assert.is(message(() => recipeOf('virtual-batch')), 'RangeError: network: virtual-batch cannot stand in a classifier');
});

test.run();
