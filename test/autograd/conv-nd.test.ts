import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { conv } from '../../src/autograd/conv.ts';
import { conv1d, conv2d, conv3d } from '../../src/autograd/conv-nd.ts';
import { ones, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('conv1d, conv2d, conv3d');

for (const [name, convNd, axes] of [['conv1d', conv1d, 1], ['conv2d', conv2d, 2], ['conv3d', conv3d, 3]] as const) {
  const spatial = [4, 5, 3].slice(0, axes);
  const kernel = [2, 3, 1].slice(0, axes);

  test(`${name} is conv with ${axes} spatial axes, options included`, () => {
    const x = ones([2, 4, ...spatial]);
    const weight = ones([6, 2, ...kernel]);
    const options = { stride: 2, padding: 1, groups: 2 };
    assert.equal(toArray(convNd(x, weight, ones([6]), options)), toArray(conv(x, weight, ones([6]), options)));
  });

  test(`${name} refuses another number of axes`, () => {
    const x = zeros([1, 1, ...spatial, 2]);
    const weight = ones([1, 1, ...kernel]);
    assertThrows(() => convNd(x, weight), 'ShapeError', new RegExp(`${name}: x and weight must have rank ${axes + 2}, got \\[1, 1,`));
  });
}

test.run();
