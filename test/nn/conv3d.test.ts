import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { conv } from '../../src/autograd/conv.ts';
import { Conv3d } from '../../src/nn/conv3d.ts';
import { ones } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('Conv3d');

const spatial = [7, 6, 5].slice(0, 3);

test('is conv with its weight, bias and options', () => {
  const options = { stride: 2, padding: 1, dilation: 2, groups: 2 };
  const layer = new Conv3d(4, 6, { kernelSize: 2, random: new Random(1), ...options });
  const x = normal(new Random(2), [3, 4, ...spatial]);
  assert.equal(toArray(layer.forward(x)), toArray(conv(x, layer.weight, layer.bias, options)));
});

test('has a weight [out, in / groups, ...kernel] with an extent for each of 3 spatial axes', () => {
  const kernelSize = [3, 2, 1].slice(0, 3);
  const layer = new Conv3d(4, 6, { kernelSize, groups: 2, bias: false, random: new Random(1) });
  assert.equal(layer.weight.shape, [6, 2, ...kernelSize]);
  assert.is(layer.bias, null);
});

test('refuses an input of another rank, naming itself', () => {
  const layer = new Conv3d(4, 6, { kernelSize: 1, random: new Random(1) });
  assert.throws(() => layer.forward(ones([4, ...spatial])), /^Conv3d: x must be \[N, 4, ...spatial\] of rank 5, got/);
});

test.run();
