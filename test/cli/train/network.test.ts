import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../../src/autograd/backward.ts';
import { createNetwork } from '../../../src/cli/train/network.ts';
import { crossEntropy } from '../../../src/nn/cross-entropy.ts';
import { Conv2d } from '../../../src/nn/conv2d.ts';
import { Linear } from '../../../src/nn/linear.ts';
import { parametrizationOf } from '../../../src/nn/parametrize.ts';
import { catalog } from '../../../src/norms/catalog.ts';
import { ones, zeros } from '../../../src/tensor/create.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

const test = suite('the network of normgrad train');

const options = { height: 16, width: 16, classes: 10, gain: 1, seed: 3 };

function shared(slug: string, more: object = {}): Tensor[] {
  return createNetwork(slug, { ...options, ...more }).layers.flatMap((layer) =>
    layer instanceof Conv2d || layer instanceof Linear ? [layer.weight, layer.bias!] : [],
  );
}

test('starts from the same weights with every norm of the catalogue that fits and without', () => {
  const wanted = shared('none').map(({ data }) => data);
  assert.is(wanted.length, 8);
  const usable = catalog.filter(({ classifier }) => classifier);
  assert.ok(usable.length >= 5);
  for (const { slug } of usable) assert.equal(shared(slug).map(({ data }) => data), wanted, slug);
  assert.not.equal(shared('none', { seed: 4 }).map(({ data }) => data), wanted);
});

test('the gain scales the weights of the convolutions and nothing else', () => {
  const plain = shared('none');
  shared('none', { gain: 0.25 }).forEach(({ data }, i) => {
    const factor = i < 6 && i % 2 === 0 ? 0.25 : 1;
    assert.equal(Array.from(data), Array.from(plain[i]!.data, (value) => factor * value), `tensor ${i}`);
  });
});

test('takes images of any size from 4 by 4 and gives a logit for each class', () => {
  for (const [height, width] of [[4, 4], [5, 9], [8, 8], [28, 28], [33, 16]] as const) {
    for (const slug of ['none', 'layer', 'instance']) {
      const network = createNetwork(slug, { ...options, height, width, classes: 4 });
      assert.equal(network.forward(zeros([2, 1, height, width])).shape, [2, 4], `${slug} on ${height} by ${width}`);
    }
  }
});

test('a norm of weights is put into every convolution and not into the linear layer, over the same initial weights', () => {
  const plain = shared('none').map(({ data }) => data);
  const transforms = catalog.filter(({ transform }) => transform);
  assert.ok(transforms.length >= 3);
  for (const { slug, className } of transforms) {
    const layers = createNetwork(`group + ${slug}`, options).layers.filter(
      (layer): layer is Conv2d | Linear => layer instanceof Conv2d || layer instanceof Linear,
    );
    const originals = layers.map((layer) => parametrizationOf(layer)?.original ?? layer.weight);
    assert.equal(originals.map(({ data }) => data), plain.filter((_, i) => i % 2 === 0), slug);
    assert.equal(
      layers.map((layer) => parametrizationOf(layer)?.transforms.map((transform) => transform.constructor.name) ?? null),
      [[className], [className], [className], null],
    );
  }
});

test('a step with a norm of weights reaches every parameter, those of the norm too', () => {
  for (const { slug } of catalog.filter(({ transform }) => transform)) {
    const network = createNetwork(`group + ${slug}`, { ...options, height: 8, width: 8 });
    backward(crossEntropy(network.forward(ones([2, 1, 8, 8])), [1, 2]));
    const without = network.namedParameters().filter(([, { grad }]) => !grad).map(([name]) => name);
    assert.equal(without, [], slug);
  }
});

test.run();
