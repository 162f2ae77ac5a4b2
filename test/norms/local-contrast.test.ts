import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { flip } from '../../src/autograd/flip.ts';
import { mul } from '../../src/autograd/mul.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import {
  LocalContrastNorm,
  localContrastNorm,
  localContrastNormDefinition,
  type LocalContrastNormOptions,
} from '../../src/norms/local-contrast.ts';
import { copy, fromArray, full, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { message } from '../support/message.ts';
import { check } from '../support/property.ts';
import { spreadRegimes, tensors } from '../support/tensor-arbitrary.ts';

const test = suite('local-contrast');
const float64 = { dtype: 'float64' } as const;
const forms = [['fused', localContrastNorm], ['definition', localContrastNormDefinition]] as const;
const small: LocalContrastNormOptions = { kernelSize: 3 };

const sample = (seed: number, shape = [2, 3, 6, 5]): Tensor => normal(new Random(seed), shape, 0, 1, float64);

/** The gradient of x for weights of the outputs that do not add up to anything. */
function gradient(x: Tensor, options: LocalContrastNormOptions, norm = localContrastNorm): Tensor {
  const leaf = copy(x, { requiresGrad: true });
  const dy = normal(new Random(99), x.shape, 0, 1, { dtype: x.dtype });
  return grad([norm(leaf, options)], [leaf], { gradOutputs: [dy] })[0]!;
}

for (const [form, norm] of forms) {
  const title = (sentence: string): string => `${form}: ${sentence}`;

  test(title('by hand: a box of three on four pixels, the mean of sd as the least divisor'), () => {
    const y = norm(tensor([[[0, 6, 0, 0]]], float64), { kernelSize: 3, window: 'box' });
    // averages 3, 2, 2, 0; v -3, 4, -2, 0
    const sd = [Math.sqrt(25 / 2), Math.sqrt(29 / 3), Math.sqrt(20 / 3), Math.sqrt(2)];
    const c = (sd[0]! + sd[1]! + sd[2]! + sd[3]!) / 4;
    assertClose(y, [[[-3 / sd[0]!, 4 / sd[1]!, -2 / Math.max(sd[2]!, c), 0]]], 1e-15);
  });

  test(title('by hand: zeros outside count, a number is the least divisor'), () => {
    const y = norm(tensor([[[3, 3, 3]]], float64), { kernelSize: 3, window: 'box', border: 'zero', threshold: 2 });
    assertClose(y, [[[0.5, 0, 0.5]]], 1e-15);
  });

  test(title('the default window of k pixels has sigma k / 4'), () => {
    const x = sample(1, [1, 2, 7, 6]);
    assertClose(norm(x, { kernelSize: 5 }), norm(x, { kernelSize: 5, sigma: 1.25 }), 1e-15);
    const other = norm(x, { kernelSize: 5, sigma: 1 });
    assert.ok(norm(x, { kernelSize: 5 }).data.some((value, i) => Math.abs(value - other.data[i]!) > 1e-3));
  });

  test(title('a window has an extent for each axis'), () => {
    const x = sample(2);
    const turned = fromArray(
      Array.from(x.data, (_, i) => x.data[Math.floor(i / 30) * 30 + (i % 6) * 5 + (Math.floor(i / 6) % 5)]!),
      [2, 3, 5, 6],
      float64,
    );
    const y = norm(x, { kernelSize: [5, 3] });
    const z = norm(turned, { kernelSize: [3, 5] });
    for (let i = 0; i < 30; i++) assert.ok(Math.abs(z.data[i]! - y.data[(i % 6) * 5 + Math.floor(i / 6)]!) < 1e-14);
  });

  test(title('a constant image gives 0, and so does one of constant maps without acrossChannels'), () => {
    // the definition leaves some roundings of the value, divided by eps
    const left = (value: number): number => (form === 'fused' ? 0 : (20 * 2 ** -53 * Math.abs(value)) / 1e-4);
    for (const value of [0, 3, 1000.1, -7e8]) {
      const x = full([1, 2, 5, 5], value, float64);
      const y = norm(x, { kernelSize: 5 });
      assert.ok(y.data.every((v) => Math.abs(v) <= left(value)));
      assert.ok(gradient(x, { kernelSize: 5 }, norm).data.every((v) => Math.abs(v) < 4e4));
    }
    const maps = add(zeros([2, 3, 4, 4], float64), tensor([[[1]], [[-20]], [[300]]], float64));
    assert.ok(norm(maps, { kernelSize: 3, acrossChannels: false }).data.every((v) => Math.abs(v) <= left(300)));
  });

  test(title('windows that see only zeros have no contrast and give no NaN'), () => {
    const x = zeros([1, 1, 9, 9], { ...float64, requiresGrad: true });
    x.data[0] = 1;
    for (const threshold of ['mean', 0] as const) {
      const y = norm(x, { kernelSize: 3, threshold });
      assert.is(y.data[80], 0);
      const [dx] = grad([y], [x], { gradOutputs: [full([1, 1, 9, 9], 1, float64)] });
      assert.ok(dx!.data.every(Number.isFinite));
      if (threshold === 'mean') assert.ok(y.data[0]! > 1);
    }
  });

  test(title('a NaN spoils its neighbourhood, and with the mean as threshold its sample; not the other samples'), () => {
    const x = sample(3, [2, 1, 1, 12]);
    x.data[2] = NaN;
    const whole = norm(x, { kernelSize: [1, 3] });
    const near = norm(x, { kernelSize: [1, 3], threshold: 0.5 });
    for (let i = 0; i < 24; i++) {
      assert.is(Number.isNaN(whole.data[i]), i < 12, `mean, ${i}`);
      assert.is(Number.isNaN(near.data[i]), i <= 4, `number, ${i}`);
    }
    const dx = gradient(x, { kernelSize: [1, 3], threshold: 0.5 }, norm);
    for (let i = 0; i < 24; i++) assert.is(Number.isNaN(dx.data[i]), i <= 6, `dx ${i}`);
    const other = norm(slice(x, 0, 1, 2), { kernelSize: [1, 3] });
    assert.equal(Array.from(slice(whole, 0, 1, 2).data), Array.from(other.data));
  });

  test(title('at a tie sd comes before the threshold, and the threshold before eps'), () => {
    // one position, maps 2 and -2: v = (2, -2), sd = 2
    const x = tensor([[[2], [-2]]], float64);
    const flows = (options: LocalContrastNormOptions): boolean => {
      const leaf = copy(x, { requiresGrad: true });
      const [dx] = grad([norm(leaf, { kernelSize: 1, ...options })], [leaf], { gradOutputs: [tensor([[[1], [0]]], float64)] });
      return Math.abs(dx!.data[0]!) < 1e-15;
    };
    // through sd the gradient of v / |v| is 0; divided by a number it is not
    assert.ok(flows({ threshold: 2 }), 'sd equals the threshold');
    assert.ok(flows({ threshold: 0, eps: 2 }), 'sd equals eps');
    assert.ok(flows({ threshold: 'mean', eps: 2 }), 'sd, c and eps are equal');
    assert.not(flows({ threshold: 2.001 }));
    assert.not(flows({ threshold: 0, eps: 2.001 }));
  });

  test(title('no samples, or no positions, give no result'), () => {
    assert.equal(norm(zeros([0, 2, 4]), small).shape, [0, 2, 4]);
    assert.equal(norm(zeros([2, 2, 0, 4]), small).shape, [2, 2, 0, 4]);
  });
}

test('a shift does not show, and with acrossChannels false not even one for each map; so dx adds up to 0', () => {
  check(
    fc.property(tensors({ minRank: 3, maxRank: 4, maxExtent: 5, among: ['benign', 'outlier'] }), fc.boolean(), (found, acrossChannels) => {
      const x = found.tensor();
      const options = { kernelSize: 3, acrossChannels, eps: 0.125 };
      const rank = x.shape.length;
      const perMap = fromArray(Float64Array.from({ length: x.shape[1]! }, (_, m) => (acrossChannels ? 128 : 128 - 77 * m)), [x.shape[1]!, ...new Array<number>(rank - 2).fill(1)]);
      assertClose(localContrastNorm(add(x, perMap), options), localContrastNorm(x, options), 1e-9);
      const totals = sum(gradient(x, options), { axis: x.shape.map((_, axis) => axis).slice(acrossChannels ? 1 : 2) });
      const scale = 1e-11 * (1 + sizeOf(x.shape)) * 100;
      assert.ok(totals.data.every((total) => Math.abs(total) < scale), String(totals.data));
    }),
  );
});

test('f(a x; |a| eps) = sign(a) f(x; eps), bit by bit for powers of two', () => {
  const x = sample(4);
  const y = localContrastNorm(x, { kernelSize: 3, eps: 0.01 });
  assert.equal(localContrastNorm(mul(x, -4), { kernelSize: 3, eps: 0.04 }).data, mul(y, -1).data);
  assertClose(localContrastNorm(mul(x, 3), { kernelSize: 3, eps: 0.03 }), y, 1e-14);
  const number = localContrastNorm(x, { kernelSize: 3, threshold: 0.7 });
  assert.equal(localContrastNorm(mul(x, 2), { kernelSize: 3, threshold: 1.4, eps: 2e-4 }).data, number.data);
});

test('with the mean as threshold and eps out of play x and dx are orthogonal', () => {
  const x = sample(5);
  const products = sum(mul(x, gradient(x, { kernelSize: 5, eps: 1e-9 })), { axis: [1, 2, 3] });
  assertClose(products, [0, 0], 1e-13);
});

test('|y| is at most sqrt(C / the weight in the middle)', () => {
  check(
    fc.property(tensors({ minRank: 3, maxRank: 4, maxExtent: 5, among: spreadRegimes }), fc.boolean(), (found, acrossChannels) => {
      const y = localContrastNorm(found.tensor(), { kernelSize: 3, window: 'box', acrossChannels, threshold: 0, eps: 1e-9 });
      const bound = Math.sqrt((acrossChannels ? y.shape[1]! : 1) * 3 ** (y.shape.length - 2));
      assert.ok(y.data.every((value) => Math.abs(value) <= bound * (1 + 1e-6)));
    }),
  );
});

test('a flip of any spatial axis flips the result', () => {
  const x = sample(6);
  for (const axis of [2, 3]) assertClose(localContrastNorm(flip(x, axis), small), flip(localContrastNorm(x, small), axis), 1e-14);
});

test('samples do not know of each other, bit by bit; nor do channels with acrossChannels false', () => {
  const x = sample(7);
  const y = localContrastNorm(x, small);
  for (const n of [0, 1]) assert.equal(localContrastNorm(slice(x, 0, n, n + 1), small).data, slice(y, 0, n, n + 1).data);
  const alone = { kernelSize: 3, acrossChannels: false };
  const each = localContrastNorm(x, alone);
  for (const m of [0, 1, 2]) assert.equal(localContrastNorm(slice(x, 1, m, m + 1), alone).data, slice(each, 1, m, m + 1).data);
});

test('maps that change places change places in the result, all averaged together', () => {
  const x = sample(8);
  assertClose(localContrastNorm(take(x, [2, 0, 1], 1), small), take(localContrastNorm(x, small), [2, 0, 1], 1), 1e-14);
  const other = copy(x);
  other.data[0]! += 1;
  assert.is.not(localContrastNorm(other, small).data[30], localContrastNorm(x, small).data[30], 'the same pixel of another map');
});

test('with a number as threshold it moves with the image, away from the border; with the mean it does not', () => {
  const wide = sample(9, [1, 1, 1, 20]);
  const [left, right] = [slice(wide, 3, 0, 16), slice(wide, 3, 3, 19)];
  const parts = (options: LocalContrastNormOptions): [number[], number[]] => [
    Array.from(localContrastNorm(left, options).data.slice(5, 14)),
    Array.from(localContrastNorm(right, options).data.slice(2, 11)),
  ];
  const [a, b] = parts({ kernelSize: [1, 3], threshold: 0.2 });
  assertClose(tensor(a!, float64), b!, 1e-14);
  const [c, d] = parts({ kernelSize: [1, 3] });
  assert.ok(c!.some((value, i) => Math.abs(value - d![i]!) > 1e-3));
});

test('a box that takes in all is layer norm over channels and space, or instance norm, with a tiny threshold and eps', () => {
  const x = sample(10);
  const all = { kernelSize: [11, 9], window: 'box', threshold: 1e-30, eps: 1e-30 } as const;
  assertClose(localContrastNorm(x, all), layerNorm(x, null, null, { normalizedShape: [3, 6, 5], eps: 0 }), 1e-13);
  assertClose(localContrastNorm(x, { ...all, acrossChannels: false }), instanceNorm(x, null, null, null, { eps: 0 }), 1e-13);
});

test('a larger threshold never makes |y| larger, and the mean one leaves sd / d at most 1 in the mean', () => {
  const x = sample(11);
  let before = localContrastNorm(x, { kernelSize: 3, threshold: 0 });
  for (const threshold of [0.1, 0.5, 0.9, 2]) {
    const y = localContrastNorm(x, { kernelSize: 3, threshold });
    assert.ok(y.data.every((value, i) => Math.abs(value) <= Math.abs(before.data[i]!)));
    before = y;
  }
  const bare = localContrastNorm(x, { kernelSize: 3, threshold: 0 });
  const most = localContrastNorm(x, small);
  for (const n of [0, 1]) {
    let total = 0;
    for (let p = 0; p < 30; p++) total += most.data[n * 90 + p]! / bare.data[n * 90 + p]!;
    assert.ok(total / 30 <= 1 && total / 30 > 0.5, String(total / 30));
  }
});

test('a window of a single pixel takes all from it: the result and the gradient are exactly 0', () => {
  for (const kernelSize of [1, 3, 5, 9]) {
    const x = sample(14, [3, 2, 1]);
    const options = { kernelSize, acrossChannels: false };
    for (const [, norm] of forms) {
      assert.ok(norm(x, options).data.every((value) => value === 0));
      assert.ok(gradient(x, options, norm).data.every((value) => value === 0));
    }
  }
});

test('a part of an image that is constant has no contrast at all, whatever its value', () => {
  const x = fromArray(Float64Array.from({ length: 15 }, (_, i) => (i < 8 ? 1000.1 : i < 12 ? i : -0.7)), [1, 1, 15], { requiresGrad: true });
  const y = localContrastNorm(x, { kernelSize: 3, threshold: 0, eps: 1e-30 });
  for (const i of [0, 1, 4, 6, 13, 14]) assert.is(Math.abs(y.data[i]!), 0, `pixel ${i}`);
});

test('float32 images with mean 1e4 lose nothing but their own rounding', () => {
  const x = normal(new Random(12), [1, 2, 8, 8], 1e4, 1);
  const exact = localContrastNorm(fromArray(Float64Array.from(x.data), x.shape), { kernelSize: 5 });
  assertClose(localContrastNorm(x, { kernelSize: 5 }), toArray(exact), 1.2e-7);
  assertClose(localContrastNormDefinition(x, { kernelSize: 5 }), toArray(exact), 1.2e-7);
});

test('a 1 x 1 image keeps the contrast of its maps alone', () => {
  const x = tensor([[[[3]], [[-1]]], [[[5]], [[5]]]], { ...float64, requiresGrad: true });
  const y = localContrastNorm(x);
  assert.equal(toArray(y), [[[[1]], [[-1]]], [[[0]], [[0]]]]);
  backward(sum(mul(y, y)));
  assertClose(x.grad!, zeros([2, 2, 1, 1], float64), 1e-15);
});

test('it keeps x and, for each position, two doubles for the backward, and the bands of the windows', () => {
  const x = zeros([2, 8, 16, 16], { requiresGrad: true });
  const bytes = savedBytes(localContrastNorm(x), { except: [x] });
  assert.is(bytes, 8 * (2 * 2 * 16 * 16 + 2 + 2 * 16 * 9));
});

test('bad input is refused with the numbers in the message', () => {
  for (const [, norm] of forms) {
    const x = zeros([2, 3, 4, 4]);
    const refused = (options: object): string => message(() => norm(x, options as LocalContrastNormOptions));
    for (const kernelSize of [4, 2, [3, 2]]) assert.match(refused({ kernelSize }), /RangeError: .*kernelSize must be odd, to have a middle, got /);
    for (const kernelSize of [0, -3, 1.5, NaN]) assert.match(refused({ kernelSize }), /RangeError: .*kernelSize must be made of integers of at least 1, got /);
    for (const kernelSize of [[3], [3, 3, 3]]) assert.match(refused({ kernelSize }), /RangeError: .*kernelSize must be one number or 2, one for each spatial axis, got /);
    for (const sigma of [0, -1, NaN, Infinity]) assert.match(refused({ sigma }), /RangeError: .*sigma must be finite and above 0, in pixels, or null, got /);
    for (const eps of [0, -1e-4, NaN, Infinity]) assert.match(refused({ eps }), /RangeError: .*eps must be finite and above 0, got /);
    for (const threshold of [-1, NaN, Infinity, 'median']) {
      assert.match(refused({ threshold }), /RangeError: .*threshold must be 'mean' or finite and at least 0, got /);
    }
    assert.match(refused({ window: 'hat' }), /RangeError: .*window must be 'gaussian' or 'box', got hat/);
    assert.match(refused({ border: 'mirror' }), /RangeError: .*border must be 'renormalize' or 'zero', got mirror/);
    assertThrows(() => norm(zeros([2, 3])), 'ShapeError', /rank 3 to 5, got shape \[2, 3\]/);
    assertThrows(() => norm(zeros([1, 1, 1, 1, 1, 1])), 'ShapeError', /rank 3 to 5/);
  }
  assertThrows(() => new LocalContrastNorm({ kernelSize: [3, 4] }), 'RangeError', /LocalContrastNorm: kernelSize must be odd/);
});

test('the class has neither parameters nor state, calls the function, and is the same in train and eval', () => {
  const given = { kernelSize: [3, 5], window: 'box', acrossChannels: false, border: 'zero', threshold: 0.3, eps: 0.2 } as const;
  const norm = new LocalContrastNorm(given);
  const x = sample(13);
  assert.equal(Object.keys(norm.stateDict()), []);
  assert.equal(norm.forward(x).data, localContrastNorm(x, given).data);
  assert.equal(norm.eval().forward(x).data, localContrastNorm(x, given).data);
  const usual = { kernelSize: 9, window: 'gaussian', sigma: null, acrossChannels: true, border: 'renormalize', threshold: 'mean', eps: 1e-4 } as const;
  assert.equal(new LocalContrastNorm().forward(x).data, localContrastNorm(x, usual).data);
});

test.run();
