import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { conv } from '../../src/autograd/conv.ts';
import { permute } from '../../src/autograd/permute.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { slice } from '../../src/autograd/slice.ts';
import { take } from '../../src/autograd/take.ts';
import {
  modulatedConv,
  modulatedConvDefinition,
  WeightDemodulation,
  weightDemodulation,
  weightDemodulationDefinition,
} from '../../src/norms/weight-demodulation.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('weight-demodulation');
const float64 = { dtype: 'float64' } as const;
const leaf = { ...float64, requiresGrad: true } as const;
const drawn = (seed: number) => {
  const random = new Random(seed);
  return {
    weight: normal(random, [3, 2, 2, 2], 0, 1, leaf),
    style: normal(random, [4, 2], 0, 1, leaf),
    x: normal(random, [4, 2, 5, 4], 0, 1, leaf),
    bias: normal(random, [3], 0, 1, leaf),
    random,
  };
};
const scaled = (x: Tensor, factor: number): Tensor => fromArray(x.data.map((value) => factor * value), x.shape);

test('the worked example', () => {
  const weight = tensor([[3, 0], [1, 2]], leaf);
  const style = tensor([[1, 2]], leaf);
  const result = weightDemodulation(weight, style, { eps: 0 });
  assertClose(result, [[[1, 0], [0.242536, 0.970143]]], 1e-6);
  const [dWeight, dStyle] = grad([result], [weight, style], { gradOutputs: [tensor([[[0, 1], [1, 0]]], float64)] });
  assertClose(dWeight!, [[0, 0.666667], [0.228269, -0.114134]], 1e-6);
  assertClose(dStyle!, [[0.228269, -0.114134]], 1e-6);
});

test('every filter of every sample has the length sqrt(S / (S + eps)), S its sum of squares before', () => {
  const { weight, style } = drawn(1);
  const plain = weightDemodulation(weight, style, { demodulate: false }).data;
  const result = weightDemodulation(weight, style, { eps: 0.5 }).data;
  for (let filter = 0; filter < 12; filter++) {
    const squares = (values: ArrayLike<number>): number => Array.from(values).slice(8 * filter, 8 * filter + 8).reduce((t, v) => t + v * v, 0);
    assert.ok(Math.abs(squares(result) - squares(plain) / (squares(plain) + 0.5)) < 1e-14);
  }
});

test('the scale of the style goes with eps, its sign passes through, and the scale of a filter does not matter', () => {
  const { weight, style } = drawn(2);
  const want = weightDemodulation(weight, style, { eps: 0.25 });
  assertClose(weightDemodulation(weight, scaled(style, 2), { eps: 1 }), toArray(want), 1e-15);
  assert.equal(toArray(weightDemodulation(weight, scaled(style, -1), { eps: 0.25 })), toArray(scaled(want, -1)));
  const free = weightDemodulation(weight, style, { eps: 0 });
  assertClose(weightDemodulation(scaled(weight, 5), style, { eps: 0 }), toArray(free), 1e-14);
});

test('the gradients along style and weight are what eps leaves of them', () => {
  const { weight, style, random } = drawn(3);
  const eps = 0.5;
  const dy = normal(random, [4, 3, 2, 2, 2], 0, 1, float64);
  const result = weightDemodulation(weight, style, { eps });
  const [dWeight, dStyle] = grad([result], [weight, style], { gradOutputs: [dy] });
  const plain = weightDemodulation(weight, style, { demodulate: false }).data;
  const share = Array.from({ length: 12 }, (_, filter) => {
    let [a, squares] = [0, 0];
    for (let i = 8 * filter; i < 8 * filter + 8; i++) {
      a += dy.data[i]! * result.data[i]!;
      squares += plain[i]! ** 2;
    }
    return (a * eps) / (squares + eps);
  });
  for (let n = 0; n < 4; n++) {
    const along = style.data[2 * n]! * dStyle!.data[2 * n]! + style.data[2 * n + 1]! * dStyle!.data[2 * n + 1]!;
    assert.ok(Math.abs(along - share[3 * n]! - share[3 * n + 1]! - share[3 * n + 2]!) < 1e-13);
  }
  for (let o = 0; o < 3; o++) {
    let along = 0;
    for (let i = 8 * o; i < 8 * o + 8; i++) along += weight.data[i]! * dWeight!.data[i]!;
    assert.ok(Math.abs(along - share[o]! - share[3 + o]! - share[6 + o]! - share[9 + o]!) < 1e-13);
  }
});

test('a convolution for each sample, groups of one convolution, and scaled input and output are one function', () => {
  const { weight, style, x, bias, random } = drawn(4);
  const options = { padding: 1, stride: 2 };
  const fused = modulatedConv(x, weight, style, bias, options);
  const grouped = modulatedConvDefinition(x, weight, style, bias, options);
  assertClose(fused, toArray(grouped), 1e-14);
  const weights = weightDemodulation(weight, style);
  for (let n = 0; n < 4; n++) {
    const own = conv(slice(x, 0, n, n + 1), reshape(slice(weights, 0, n, n + 1), [3, 2, 2, 2]), bias, options);
    assertClose(slice(fused, 0, n, n + 1), toArray(own), 1e-14);
  }
  const dy = normal(random, fused.shape, 0, 1, float64);
  const inputs = [x, weight, style, bias];
  const a = grad([fused], inputs, { gradOutputs: [dy] });
  const b = grad([grouped], inputs, { gradOutputs: [dy] });
  a.forEach((gradient, i) => assertClose(gradient, toArray(b[i]!), 1e-12));
});

test('samples are independent, bit by bit', () => {
  const { weight, style, x } = drawn(5);
  const before = toArray(slice(modulatedConv(x, weight, style), 0, 0, 1));
  x.data[x.data.length - 1] = 1e3;
  style.data[7] = NaN;
  const y = modulatedConv(x, weight, style);
  assert.equal(toArray(slice(y, 0, 0, 1)), before);
  assert.ok(slice(y, 0, 3, 4).data.every(Number.isNaN));
});

test('without demodulation and with a style of ones it is the weight itself, also by an offset of 1', () => {
  const { weight, x } = drawn(6);
  const off = { demodulate: false };
  for (const [style, options] of [[ones([4, 2], float64), off], [zeros([4, 2], float64), { ...off, styleOffset: 1 }]] as const) {
    assert.equal(toArray(slice(weightDemodulation(weight, style, options), 0, 1, 2)), [toArray(weight)]);
    assertClose(modulatedConv(x, weight, style, null, options), toArray(conv(x, weight)), 1e-15);
  }
});

test('input channels that move together in weight, style and x change nothing', () => {
  const { weight, style, x } = drawn(7);
  const order = [1, 0];
  const moved = modulatedConv(take(x, order, 1), take(weight, order, 1), take(style, order, 1));
  assertClose(moved, toArray(modulatedConv(x, weight, style)), 1e-14);
});

test('samples that change places change places in the result', () => {
  const { weight, style } = drawn(8);
  const order = [2, 0, 3, 1];
  assert.equal(toArray(weightDemodulation(weight, take(style, order))), toArray(take(weightDemodulation(weight, style), order)));
});

test('a kernel of one pixel on an image of one pixel is the linear form', () => {
  const { style } = drawn(9);
  const weight = normal(new Random(1), [3, 2], 0, 1, float64);
  const x = normal(new Random(2), [4, 2], 0, 1, float64);
  const image = modulatedConv(reshape(x, [4, 2, 1, 1]), reshape(weight, [3, 2, 1, 1]), style);
  assertClose(modulatedConv(x, weight, style), toArray(reshape(image, [4, 3])), 1e-15);
  assertClose(modulatedConvDefinition(x, weight, style), toArray(reshape(image, [4, 3])), 1e-15);
});

test('inputs of unit variance give outputs of unit variance, whatever weight and style', () => {
  const random = new Random(10);
  const x = normal(random, [2, 6, 48, 48], 0, 1);
  const y = permute(modulatedConv(x, normal(random, [3, 6, 3, 3], 0, 7), normal(random, [2, 6], 3, 2)), [0, 1, 2, 3]);
  const pixels = y.data.length / 6;
  for (let map = 0; map < 6; map++) {
    const values = Array.from(y.data.slice(map * pixels, (map + 1) * pixels));
    const std = Math.sqrt(values.reduce((t, v) => t + v * v, 0) / pixels);
    assert.ok(Math.abs(std - 1) < 5 / Math.sqrt(pixels) + 0.05, `map ${map}: ${std}`);
  }
});

test('a style of zeros gives zeros and finite gradients', () => {
  const weight = ones([2, 2], leaf);
  const style = zeros([1, 2], leaf);
  const result = weightDemodulation(weight, style);
  assert.ok(result.data.every((value: number) => value === 0));
  const [, dStyle] = grad([result], [weight, style], { gradOutputs: [ones([1, 2, 2], float64)] });
  assertClose(dStyle!, [[2e4, 2e4]], 1e-12);
});

test('huge float32 weights do not overflow', () => {
  assertClose(weightDemodulation(tensor([[3e25, 4e25]]), ones([1, 2])), [[[0.6, 0.8]]], 1e-6);
});

test('no samples give no result', () => {
  assert.equal(weightDemodulation(ones([3, 2]), zeros([0, 2])).shape, [0, 3, 2]);
});

test('bad input is refused with the shapes', () => {
  for (const norm of [weightDemodulation, weightDemodulationDefinition]) {
    assertThrows(() => norm(ones([3, 2]), ones([4, 3])), 'ShapeError', /style \[N, I\], got \[3, 2\] and \[4, 3\]/);
    assertThrows(() => norm(ones([3]), ones([4, 3])), 'ShapeError', /weight must be \[O, I, \.\.\.kernel\].*got \[3\]/);
    assertThrows(() => norm(ones([3, 2]), ones([4, 2], float64)), 'TypeError', /style must have the dtype of x/);
    assertThrows(() => norm(ones([3, 2]), ones([4, 2]), { eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
    assertThrows(() => norm(ones([3, 2]), ones([4, 2]), { styleOffset: NaN }), 'RangeError', /styleOffset must be finite, got NaN/);
  }
  for (const layer of [modulatedConv, modulatedConvDefinition]) {
    const [weight, style] = [ones([3, 2, 1, 1]), ones([4, 2])];
    assertThrows(() => layer(ones([5, 2, 3, 3]), weight, style), 'ShapeError', /x must be \[N, I, \.\.\.spatial\].*got \[5, 2, 3, 3\]/);
    assertThrows(() => layer(ones([4, 3, 3, 3]), weight, style), 'ShapeError', /got \[4, 3, 3, 3\]/);
    assertThrows(() => layer(ones([4, 2, 3, 3]), weight, style, ones([2])), 'ShapeError', /bias must have shape \[3\]/);
  }
  assertThrows(() => new WeightDemodulation(2, 3, { kernelSize: 0, random: new Random(1) }), 'RangeError', /kernelSize/);
});

test('the layer holds weight and bias, for images and for vectors', () => {
  const random = new Random(11);
  const layer = new WeightDemodulation(2, 3, { kernelSize: 3, padding: 1, styleOffset: 1, random });
  assert.equal(Object.keys(layer.stateDict()), ['weight', 'bias']);
  assert.equal(layer.forward(ones([2, 2, 4, 4]), zeros([2, 2])).shape, [2, 3, 4, 4]);
  const flat = new WeightDemodulation(2, 3, { kernelSize: [], bias: false, random });
  assert.equal(flat.forward(ones([5, 2]), ones([5, 2])).shape, [5, 3]);
});

test.run();
