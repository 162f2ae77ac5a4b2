import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import {
  AdaptiveInstanceNorm,
  adaptiveInstanceNorm,
  adaptiveInstanceNormDefinition,
  styleStatistics,
} from '../../src/norms/adaptive-instance.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { epsilons, gridTensor, spreadRegimes, tensors } from '../support/tensor-arbitrary.ts';

const test = suite('adaptive instance');
const float64 = { dtype: 'float64' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => {
    const like = { dtype: x.dtype };
    const shape = [1, x.shape[1]!];
    return adaptiveInstanceNorm(x, { styleMean: zeros(shape, like), styleStd: ones(shape, like) }, { eps });
  },
  shapes: { minRank: 3, maxRank: 4, fits: (shape) => sizeOf(shape.slice(2)) >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))),
});

/** Mean and biased variance of each channel of each sample, in plain numbers. */
function statisticsOf(x: Tensor): { mean: number[]; variance: number[] } {
  const size = sizeOf(x.shape.slice(2));
  const slices = Array.from({ length: x.data.length / size }, (_, i) => Array.from(x.data.slice(i * size, (i + 1) * size)));
  const mean = slices.map((slice) => slice.reduce((a, b) => a + b, 0) / size);
  return { mean, variance: slices.map((slice, i) => slice.reduce((a, b) => a + (b - mean[i]!) ** 2, 0) / size) };
}

/** Content and style of as many samples and channels, with other spatial axes. */
function pair(seed: number, content: readonly number[], style: readonly number[]): [Tensor, Tensor] {
  const random = new Random(seed);
  return [normal(random, content, 5, 3, float64), normal(random, style, -2, 0.5, float64)];
}

test('the result has the mean of the style and its variance, up to the factor v / (v + eps)', () => {
  const contents = tensors({ minRank: 3, maxRank: 4, maxSize: 60, fits: (shape) => sizeOf(shape.slice(2)) >= 2, among: spreadRegimes });
  check(
    fc.property(contents, epsilons(), fc.integer({ min: 1, max: 9 }), (made, eps, seed) => {
      const x = made.tensor();
      const style = normal(new Random(seed), [x.shape[0]!, x.shape[1]!, 5], 2, 3, float64);
      const [before, wanted] = [statisticsOf(x), statisticsOf(style)];
      const after = statisticsOf(adaptiveInstanceNorm(x, style, { eps, styleEps: 0 }));
      for (let slice = 0; slice < wanted.mean.length; slice++) {
        const v = before.variance[slice]!;
        const want = (wanted.variance[slice]! * v) / (v + eps);
        assert.ok(Math.abs(after.mean[slice]! - wanted.mean[slice]!) <= 1e-10, `mean ${after.mean[slice]}`);
        assert.ok(Math.abs(after.variance[slice]! - want) <= 1e-10 * wanted.variance[slice]!, `variance ${after.variance[slice]}, want ${want}`);
      }
    }),
    { runs: 40 },
  );
});

test('content that is its own style comes back, constant or not', () => {
  for (const unbiased of [false, true]) {
    const x = normal(new Random(1), [2, 3, 4], 7, 2, float64);
    assertClose(adaptiveInstanceNorm(x, x, { unbiased }), x, 1e-14);
    const flat = fromArray(new Float64Array(6).fill(0.1), [1, 2, 3]);
    assertClose(adaptiveInstanceNorm(flat, flat, { unbiased }), flat, 1e-16);
  }
});

test('a negative factor on the content, with eps times its square, mirrors it about the mean of the style', () => {
  const [x, style] = pair(2, [1, 2, 5], [1, 2, 4]);
  const y = adaptiveInstanceNorm(x, style, { eps: 0.5, styleEps: 0.1 });
  const mirrored = adaptiveInstanceNorm(fromArray(x.data.map((v) => -2 * v), x.shape), style, { eps: 2, styleEps: 0.1 });
  const { mean } = statisticsOf(style);
  assertClose(mirrored, fromArray(y.data.map((v, i) => 2 * mean[Math.floor(i / 5)]! - v), x.shape), 1e-14);
});

test('only the statistics of the style matter: not its shape, nor the order of its positions', () => {
  const [x, style] = pair(3, [2, 2, 3], [2, 2, 6]);
  const want = adaptiveInstanceNorm(x, style);
  assert.equal(toArray(adaptiveInstanceNorm(x, fromArray(style.data, [2, 2, 3, 2, 1]))), toArray(want));
  const turned = copy(style);
  for (let start = 0; start < 24; start += 6) turned.data.subarray(start, start + 6).reverse();
  assertClose(adaptiveInstanceNorm(x, turned), want, 1e-14);
});

test('positions of the content that change places change places in the result', () => {
  const style = tensor([[[0, 3, 8]]], float64);
  const y = adaptiveInstanceNorm(tensor([[[1, 2, 6]]], float64), style).data;
  assertClose(adaptiveInstanceNorm(tensor([[[6, 1, 2]]], float64), style), [[[y[2]!, y[0]!, y[1]!]]], 1e-15);
});

test('it equals instance norm with the standard deviation of the style as weight and its mean as bias, bit by bit', () => {
  const [x, style] = pair(4, [1, 3, 2, 4], [1, 3, 7]);
  const { styleMean, styleStd } = styleStatistics(style, { eps: 0.25 });
  const flat = (values: Tensor): Tensor => fromArray(values.data, [3]);
  const want = instanceNorm(x, flat(styleStd), flat(styleMean), null, { eps: 0.5 });
  assert.equal(toArray(adaptiveInstanceNorm(x, style, { eps: 0.5, styleEps: 0.25 })), toArray(want));
});

test('the statistics of a style in its place give the same result and pass the gradient on', () => {
  for (const unbiased of [false, true]) {
    const [x, style] = pair(5, [2, 3, 4], [2, 3, 5]).map((t) => copy(t, { requiresGrad: true })) as [Tensor, Tensor];
    const dy = normal(new Random(6), x.shape, 0, 1, float64);
    const whole = adaptiveInstanceNorm(x, style, { eps: 0.1, unbiased });
    const parts = adaptiveInstanceNorm(x, styleStatistics(style, { eps: 0.1, unbiased }), { eps: 0.1, unbiased });
    assert.equal(toArray(whole), toArray(parts));
    const wanted = grad([whole], [x, style], { gradOutputs: [dy] });
    assert.equal(grad([parts], [x, style], { gradOutputs: [dy] }).map(toArray), wanted.map(toArray));
  }
});

test('the gradient of x sums to 0 and that of the style to the sum of dy; <style - mean, dStyle> is v / styleStd sum(dy xHat)', () => {
  check(
    fc.property(gridTensor([2, 3, 4]), gridTensor([2, 3, 5]), gridTensor([2, 3, 4]), epsilons(), (a, b, c, eps) => {
      const [x, style, dy] = [a.tensor('float64', true), b.tensor('float64', true), c.tensor()];
      const y = adaptiveInstanceNorm(x, style, { eps });
      const [dx, dStyle] = grad([y], [x, style], { gradOutputs: [dy] }) as [Tensor, Tensor];
      const [content, found] = [statisticsOf(x), statisticsOf(style)];
      for (let slice = 0; slice < 6; slice++) {
        const r = 1 / Math.sqrt(content.variance[slice]! + eps);
        const sigma = Math.sqrt(found.variance[slice]! + eps);
        let [ofDx, ofDy, projected, ofStyle, along, onXHat] = [0, 0, 0, 0, 0, 0];
        for (let i = 4 * slice; i < 4 * slice + 4; i++) {
          const xHat = (x.data[i]! - content.mean[slice]!) * r;
          ofDx += dx.data[i]!;
          ofDy += dy.data[i]!;
          projected += dy.data[i]! * xHat;
          onXHat += dx.data[i]! * xHat;
        }
        for (let i = 5 * slice; i < 5 * slice + 5; i++) {
          ofStyle += dStyle.data[i]!;
          along += (style.data[i]! - found.mean[slice]!) * dStyle.data[i]!;
          const inSpan = ofDy / 5 + ((projected / sigma) * (style.data[i]! - found.mean[slice]!)) / 5;
          assert.ok(Math.abs(dStyle.data[i]! - inSpan) < 1e-10, 'dStyle is a multiple of 1 and one of style - mean');
        }
        assert.ok(Math.abs(ofDx) < 1e-10 * (1 + r * sigma * 16), `sum of dx ${ofDx}`);
        assert.ok(Math.abs(onXHat - eps * r ** 3 * sigma * projected) < 1e-10 * (1 + r * sigma * 16), `<xHat, dx> ${onXHat}`);
        assert.ok(Math.abs(ofStyle - ofDy) < 1e-10, `sum of dStyle ${ofStyle}`);
        assert.ok(Math.abs(along - (found.variance[slice]! / sigma) * projected) < 1e-10, `<style - mean, dStyle> ${along}`);
      }
    }),
    { runs: 40 },
  );
});

test('alpha moves on the straight line from the content to the styled result; 0 gives the content and no gradient to the style', () => {
  const [x, style] = pair(7, [2, 2, 4], [2, 2, 3]).map((t) => copy(t, { requiresGrad: true })) as [Tensor, Tensor];
  const full = adaptiveInstanceNorm(x, style);
  for (const alpha of [0.25, 0.5, 0.9]) {
    const y = adaptiveInstanceNorm(x, style, { alpha });
    assertClose(y, fromArray(full.data.map((v, i) => alpha * v + (1 - alpha) * x.data[i]!), x.shape), 1e-14);
  }
  const none = adaptiveInstanceNorm(x, style, { alpha: 0 });
  assert.equal(toArray(none), toArray(x));
  const dy = normal(new Random(8), x.shape, 0, 1, float64);
  const [dx, dStyle] = grad([none], [x, style], { gradOutputs: [dy] });
  assert.equal(toArray(dx!), toArray(dy));
  assert.ok(dStyle!.data.every((g) => g === 0));
});

test('one style serves the whole batch, and its gradient is the sum over the samples', () => {
  const random = new Random(9);
  const x = normal(random, [3, 2, 4], 1, 2, float64);
  const dy = normal(random, [3, 2, 4], 0, 1, float64);
  const one = normal(random, [1, 2, 5], 3, 2, { ...float64, requiresGrad: true });
  const repeated = fromArray(Float64Array.from([...one.data, ...one.data, ...one.data]), [3, 2, 5], { requiresGrad: true });
  const y = adaptiveInstanceNorm(x, one, { alpha: 0.5 });
  const want = adaptiveInstanceNorm(x, repeated, { alpha: 0.5 });
  assert.equal(toArray(y), toArray(want));
  const each = grad([want], [repeated], { gradOutputs: [dy] })[0]!.data;
  const total = Float64Array.from({ length: 10 }, (_, i) => each[i]! + each[i + 10]! + each[i + 20]!);
  assertClose(grad([y], [one], { gradOutputs: [dy] })[0]!, fromArray(total, [1, 2, 5]), 1e-14);
});

test('unbiased divides by the count less one, in content and style', () => {
  const [x, style] = [tensor([[[0, 2, 4]]], float64), tensor([[[1, 5]]], float64)];
  const y = adaptiveInstanceNorm(x, style, { eps: 0, unbiased: true });
  assertClose(y, [[[3 - Math.sqrt(8), 3, 3 + Math.sqrt(8)]]], 1e-15);
  assertClose(styleStatistics(style, { eps: 1, unbiased: true }).styleStd, [[3]], 1e-15);
});

test('styleEps is eps unless given, and 0 is legal', () => {
  const [x, style] = [tensor([[[-1, 1]]], float64), tensor([[[-3, 3]]], float64)];
  const first = (options: { eps: number; styleEps?: number }): number => adaptiveInstanceNorm(x, style, options).data[1]!;
  assert.ok(Math.abs(first({ eps: 3 }) - Math.sqrt(12) / 2) < 1e-15);
  assert.ok(Math.abs(first({ eps: 3, styleEps: 0 }) - 1.5) < 1e-15);
  assert.ok(Math.abs(first({ eps: 0, styleEps: 7 }) - 4) < 1e-15);
});

test('constant content gives the mean of the style, and a gradient that is large and finite', () => {
  const x = tensor([[[0.1, 0.1, 0.1]]], { ...float64, requiresGrad: true });
  const y = adaptiveInstanceNorm(x, { styleMean: tensor([[4]], float64), styleStd: tensor([[-2]], float64) }, { eps: 1e-4 });
  assert.equal(toArray(y), [[[4, 4, 4]]]);
  const [dx] = grad([y], [x], { gradOutputs: [tensor([[[1, 2, 6]]], float64)] });
  assertClose(dx!, [[[400, 200, -600]]], 1e-12);
});

test('a constant style without eps has standard deviation 0, and its gradient is the mean of the cotangent alone', () => {
  for (const norm of [adaptiveInstanceNorm, adaptiveInstanceNormDefinition]) {
    const x = tensor([[[1, 2, 6]]], float64);
    const style = tensor([[[5, 5]]], { ...float64, requiresGrad: true });
    const y = norm(x, style, { styleEps: 0 });
    assert.equal(toArray(y), [[[5, 5, 5]]]);
    assert.equal(toArray(grad([y], [style], { gradOutputs: [tensor([[[1, 2, 5]]], float64)] })[0]!), [[[4, 4]]]);
  }
});

test('one position of content has the mean of the style for a result, and one of style has no spread', () => {
  for (const norm of [adaptiveInstanceNorm, adaptiveInstanceNormDefinition]) {
    const x = tensor([[[3], [8]]], { ...float64, requiresGrad: true });
    const style = tensor([[[1, 3], [-4, 4]]], { ...float64, requiresGrad: true });
    const y = norm(x, style, { alpha: 0.5 });
    assert.equal(toArray(y), [[[2.5], [4]]]);
    const [dx, dStyle] = grad([y], [x, style], { gradOutputs: [tensor([[[1], [4]]], float64)] });
    assert.equal([toArray(dx!), toArray(dStyle!)], [[[[0.5], [2]]], [[[0.25, 0.25], [1, 1]]]]);
    const [content, point] = [tensor([[[-1, 1]]], float64), tensor([[[7]]], float64)];
    assertClose(norm(content, point, { eps: 0, styleEps: 4 }), [[[5, 9]]], 1e-15);
  }
});

test('a style that is not finite spoils its own channel and no other', () => {
  const y = adaptiveInstanceNorm(tensor([[[1, 2], [3, 5]]]), tensor([[[NaN, 2], [-1, 1]]]), { eps: 0 });
  assert.equal(toArray(y), [[[NaN, NaN], [-1, 1]]]);
});

test('a large mean is harmless, in content and in style', () => {
  const x = tensor([[[1e6 - 1, 1e6 + 1]]]);
  assert.equal(toArray(adaptiveInstanceNorm(x, tensor([[[2e6 - 4, 2e6 + 4]]]), { eps: 0 })), [[[2e6 - 4, 2e6 + 4]]]);
});

test('styles mix by their statistics', () => {
  const [a, b] = [styleStatistics(tensor([[[0, 2]]]), { eps: 0 }), styleStatistics(tensor([[[10, 16]]]), { eps: 0 })];
  const mixed = {
    styleMean: fromArray([0.5 * a.styleMean.data[0]! + 0.5 * b.styleMean.data[0]!], [1, 1]),
    styleStd: fromArray([0.5 * a.styleStd.data[0]! + 0.5 * b.styleStd.data[0]!], [1, 1]),
  };
  assert.equal(toArray(adaptiveInstanceNorm(tensor([[[-1, 1]]]), mixed, { eps: 0 })), [[[5, 9]]]);
});

test('no samples give no result', () => {
  assert.equal(adaptiveInstanceNorm(zeros([0, 2, 3]), ones([0, 2, 2])).shape, [0, 2, 3]);
  assert.equal(adaptiveInstanceNorm(zeros([0, 2, 3]), ones([1, 2, 2])).shape, [0, 2, 3]);
});

test('the second derivative through the style reaches both', () => {
  const x = tensor([[[1, 2, 6]]], { ...float64, requiresGrad: true });
  const style = tensor([[[0, 1, 5]]], { ...float64, requiresGrad: true });
  const dy = tensor([[[1, -1, 2]]], float64);
  const [dStyle] = grad([adaptiveInstanceNorm(x, style)], [style], { gradOutputs: [dy], createGraph: true });
  const weights = tensor([[[1, 2, -1]]], float64);
  const second = grad([sum(mul(dStyle!, weights))], [x, style]);
  const [wanted] = grad([adaptiveInstanceNormDefinition(x, style)], [style], { gradOutputs: [dy], createGraph: true });
  grad([sum(mul(wanted!, weights))], [x, style]).forEach((want, i) => assertClose(second[i]!, want, 1e-13));
  assert.ok(second.every((g) => g.data.some((value) => Math.abs(value) > 1e-3)));
});

test('a gradient that can be differentiated again is the same gradient', () => {
  const [x, style] = pair(10, [2, 2, 4], [1, 2, 3]).map((t) => copy(t, { requiresGrad: true })) as [Tensor, Tensor];
  const dy = normal(new Random(11), x.shape, 0, 1, float64);
  const y = adaptiveInstanceNorm(x, style, { eps: 0.5, styleEps: 0.25, unbiased: true, alpha: 0.75 });
  const plain = grad([y], [x, style], { gradOutputs: [dy], retainGraph: true });
  grad([y], [x, style], { gradOutputs: [dy], createGraph: true }).forEach((g, i) => assertClose(g, plain[i]!, 1e-13));
});

test('bad input is refused with the shapes in the message', () => {
  for (const norm of [adaptiveInstanceNorm, adaptiveInstanceNormDefinition]) {
    const [x, style] = [zeros([2, 3, 4]), zeros([2, 3, 5])];
    const statistics = { styleMean: zeros([2, 3]), styleStd: zeros([2, 3]) };
    assertThrows(() => norm(zeros([2, 3]), style), 'ShapeError', /x must be \[N, C, \.\.\.spatial\], of rank at least 3, got shape \[2, 3\]/);
    assertThrows(() => norm(x, zeros([2, 3])), 'ShapeError', /style must be \[N, C, \.\.\.spatial\].*got \[2, 3\] for x of shape \[2, 3, 4\]/);
    assertThrows(() => norm(x, zeros([2, 4, 5])), 'ShapeError', /with the channels of x.*got \[2, 4, 5\] for x of shape \[2, 3, 4\]/);
    assertThrows(() => norm(x, zeros([3, 3, 5])), 'ShapeError', /as many samples or one, got \[3, 3, 5\]/);
    assertThrows(() => norm(zeros([1, 3, 4]), style), 'ShapeError', /as many samples or one, got \[2, 3, 5\] for x of shape \[1, 3, 4\]/);
    assertThrows(() => norm(x, { ...statistics, styleMean: zeros([2, 3, 1]) }), 'ShapeError', /styleMean must be \[N, C\] with.*got \[2, 3, 1\]/);
    assertThrows(() => norm(x, { ...statistics, styleMean: zeros([2, 2]) }), 'ShapeError', /styleMean must be.*got \[2, 2\]/);
    assertThrows(() => norm(x, { ...statistics, styleStd: zeros([1, 3]) }), 'ShapeError', /styleStd must have shape \[2, 3\].*got \[1, 3\]/);
    assertThrows(() => norm(x, zeros([2, 3, 5], float64)), 'TypeError', /style must have the dtype of x, float32, got float64/);
    assertThrows(() => norm(x, { ...statistics, styleStd: zeros([2, 3], float64) }), 'TypeError', /styleStd must have the dtype of x/);
    assertThrows(() => norm(zeros([2, 3, 1]), style, { unbiased: true }), 'ShapeError', /two positions when unbiased, got x of shape \[2, 3, 1\]/);
    assertThrows(() => norm(x, zeros([2, 3, 1]), { unbiased: true }), 'ShapeError', /two positions when unbiased, got style of shape \[2, 3, 1\]/);
    assertThrows(() => norm(zeros([2, 3, 0]), style), 'ShapeError', /statistics need a position, got x of shape \[2, 3, 0\]/);
    assertThrows(() => norm(x, zeros([2, 3, 0])), 'ShapeError', /statistics need a position, got style of shape \[2, 3, 0\]/);
    for (const alpha of [-0.1, 1.1, NaN]) assertThrows(() => norm(x, style, { alpha }), 'RangeError', /alpha must be in \[0, 1\], got/);
    for (const eps of [-1, NaN, Infinity]) {
      assertThrows(() => norm(x, style, { eps }), 'RangeError', /: eps must be finite and at least 0/);
      assertThrows(() => norm(x, style, { styleEps: eps }), 'RangeError', /: styleEps must be finite and at least 0/);
    }
  }
  assertThrows(() => styleStatistics(zeros([2, 3])), 'ShapeError', /rank at least 3/);
  assertThrows(() => styleStatistics(zeros([2, 3, 1]), { unbiased: true }), 'ShapeError', /two positions when unbiased/);
  assertThrows(() => styleStatistics(zeros([2, 3, 0])), 'ShapeError', /statistics need a position/);
  assertThrows(() => styleStatistics(zeros([2, 3, 4]), { eps: -1 }), 'RangeError', /eps must be finite/);
});

test('the class applies its options, has no parameters, and takes the form of style it was made for', () => {
  const [x, style] = [tensor([[[1, 3, 8]]]), tensor([[[10, 30]]])];
  const options = { eps: 0.5, styleEps: 0.25, unbiased: true, alpha: 0.75 };
  const norm = new AdaptiveInstanceNorm(options);
  assert.equal(toArray(norm.forward(x, style)), toArray(adaptiveInstanceNorm(x, style, options)));
  assert.equal(toArray(norm.eval().forward(x, style)), toArray(adaptiveInstanceNorm(x, style, options)));
  assert.equal(Object.keys(norm.stateDict()), []);
  norm.alpha = 0;
  assert.equal(toArray(norm.forward(x, style)), toArray(x));
  assert.is(new AdaptiveInstanceNorm({ eps: 0.125 }).styleEps, 0.125);
  const given = { styleMean: tensor([[2]]), styleStd: tensor([[0]]) };
  const learned = new AdaptiveInstanceNorm({ style: 'statistics' });
  assert.equal(toArray(learned.forward(x, given)), [[[2, 2, 2]]]);
  assertThrows(() => learned.forward(x, style), 'TypeError', /style must be \{ styleMean, styleStd \}; set the option style/);
  assertThrows(() => norm.forward(x, given), 'TypeError', /style must be a tensor of features/);
  assertThrows(() => new AdaptiveInstanceNorm({ alpha: 2 }), 'RangeError', /AdaptiveInstanceNorm: alpha/);
  assertThrows(() => new AdaptiveInstanceNorm({ styleEps: -1 }), 'RangeError', /AdaptiveInstanceNorm: styleEps/);
  assertThrows(() => new AdaptiveInstanceNorm({ style: 'image' as 'features' }), 'RangeError', /'features' or 'statistics', got image/);
});

test('a network that makes the statistics is trained through them', () => {
  const styleMean = tensor([[1]], { ...float64, requiresGrad: true });
  const styleStd = tensor([[2]], { ...float64, requiresGrad: true });
  backward(sum(mul(adaptiveInstanceNorm(tensor([[[-1, 1]]], float64), { styleMean, styleStd }, { eps: 0 }), tensor([[[1, 4]]], float64))));
  assert.equal([toArray(styleMean.grad!), toArray(styleStd.grad!)], [[[5]], [[3]]]);
});

test.run();
