import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { flip } from '../../src/autograd/flip.ts';
import { mul } from '../../src/autograd/mul.ts';
import { permute } from '../../src/autograd/permute.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import {
  LocalResponseNorm,
  localResponseNorm,
  localResponseNormDefinition,
  type LocalResponseNormOptions,
} from '../../src/norms/local-response.ts';
import { rmsNorm } from '../../src/norms/rms.ts';
import { copy, fromArray, full, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { message } from '../support/message.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('local-response');
const float64 = { dtype: 'float64' } as const;
const regions = ['acrossChannels', 'withinChannel'] as const;
const images = { minRank: 3, maxRank: 4, maxExtent: 6 };

/** Options in which every part matters. */
const strong = (more: LocalResponseNormOptions = {}): LocalResponseNormOptions => ({ size: 3, alpha: 1, k: 0.5, ...more });

const sample = (seed: number, shape = [2, 5, 4, 3]): Tensor => normal(new Random(seed), shape, 0, 1, float64);

/** The gradient of x for weights of 1, 2, 3 … on the outputs. */
function gradient(x: Tensor, options: LocalResponseNormOptions, norm = localResponseNorm): Tensor {
  const leaf = copy(x, { requiresGrad: true });
  const dy = fromArray(Float64Array.from(x.data, (_, i) => i + 1), x.shape, { dtype: x.dtype });
  return grad([norm(leaf, options)], [leaf], { gradOutputs: [dy] })[0]!;
}

test('AlexNet as published: five channels are summed, alpha is not divided, k is 2', () => {
  const options = { size: 5, alpha: 1e-4, beta: 0.75, k: 2, divideBySize: false };
  const x = [100, 200, 300, 400, 500, 600, 700];
  const square = (...values: number[]): number => values.reduce((total, value) => total + value * value, 0);
  const sums = [square(100, 200, 300), square(100, 200, 300, 400), ...[2, 3, 4].map((c) => square(...x.slice(c - 2, c + 3)))];
  const want = sums.map((total, c) => x[c]! * (2 + 1e-4 * total) ** -0.75);
  assertClose(slice(localResponseNorm(tensor([x], float64), options), 1, 0, 5), [want], 1e-13);
});

test('an even window has one more in front than behind, across channels', () => {
  const y = localResponseNorm(tensor([[0, 0, 3, 0, 0], [1, 1, 1, 1, 1]], float64), { size: 4, alpha: 4, beta: 1 });
  assertClose(y, [[0, 0, 3 / 10, 0, 0], [1 / 3, 1 / 4, 1 / 5, 1 / 5, 1 / 4]], 1e-15);
  const probe = localResponseNorm(tensor([[1, 0, 3, 0, 2]], float64), { size: 2, alpha: 1, beta: 1, divideBySize: false });
  assertClose(probe, [[1 / 2, 0, 3 / 10, 0, 2 / 5]], 1e-15);
});

test('an even window has one more in front than behind, within a channel', () => {
  const x = tensor([[[[1, 1, 1], [1, 1, 1]]]], float64);
  const y = localResponseNorm(x, { size: 2, alpha: 4, beta: 1, normRegion: 'withinChannel' });
  assertClose(y, [[[[1 / 2, 1 / 3, 1 / 3], [1 / 3, 1 / 5, 1 / 5]]]], 1e-15);
});

test('at a border the sum is divided by the full size', () => {
  const y = localResponseNorm(tensor([[2, 2, 2]], float64), { size: 3, alpha: 3, beta: 1 });
  assertClose(y, [[2 / 9, 2 / 13, 2 / 9]], 1e-15);
});

test('within a channel alpha is divided by the size to the power of the number of axes', () => {
  for (const shape of [[1, 1, 7], [1, 1, 7, 7], [1, 1, 7, 7, 7]]) {
    const y = localResponseNorm(full(shape, 2, float64), { size: 3, alpha: 5, beta: 1, normRegion: 'withinChannel' });
    assertClose(fromArray([y.data[y.data.length >> 1]!], [1], float64), [2 / 21], 1e-15);
  }
});

for (const normRegion of regions) {
  const title = (sentence: string): string => `${normRegion}: ${sentence}`;

  test(title('f(-x) = -f(x) bit by bit, y has the sign of x and is at most |x| k^-beta'), () => {
    check(
      fc.property(tensors(images), (found) => {
        const x = found.tensor();
        const y = localResponseNorm(x, strong({ normRegion }));
        const negative = localResponseNorm(mul(x, -1), strong({ normRegion }));
        for (let i = 0; i < x.data.length; i++) {
          assert.is(negative.data[i]! + 0, -y.data[i]! + 0);
          assert.is(Math.sign(y.data[i]!) + 0, Math.sign(x.data[i]!) + 0);
          assert.ok(Math.abs(y.data[i]!) <= Math.abs(x.data[i]!) * 0.5 ** -0.75 * (1 + 1e-15));
        }
      }),
    );
  });

  test(title('f(2x; alpha / 4) = 2 f(x; alpha) bit by bit, and f(3x; alpha / 9) = 3 f(x; alpha)'), () => {
    const x = sample(1);
    const scaled = (factor: number): Tensor =>
      localResponseNorm(mul(x, factor), strong({ normRegion, alpha: 1 / factor ** 2 }));
    const y = localResponseNorm(x, strong({ normRegion }));
    assert.equal(scaled(2).data, mul(y, 2).data);
    assertClose(scaled(3), mul(y, 3), 1e-14);
  });

  test(title('f(3x; 9k) = 3^(1 - 2 beta) f(x; k)'), () => {
    const x = sample(2);
    for (const beta of [0.5, 0.75, 1.3]) {
      const y = localResponseNorm(mul(x, 3), strong({ normRegion, beta, k: 4.5 }));
      assertClose(y, mul(localResponseNorm(x, strong({ normRegion, beta })), 3 ** (1 - 2 * beta)), 1e-14);
    }
  });

  test(title('at 0 the result is 0 and the gradient dy k^-beta'), () => {
    const x = zeros([2, 3, 4], { ...float64, requiresGrad: true });
    const y = localResponseNorm(x, strong({ normRegion, k: 16 }));
    backward(sum(y));
    assert.ok(y.data.every((value) => Object.is(value, 0)));
    assert.ok(x.grad!.data.every((value) => value === 0.125));
  });

  test(title('with beta 0 it is the identity, and with alpha 0 it is x k^-beta'), () => {
    const x = sample(3);
    assert.equal(localResponseNorm(x, strong({ normRegion, beta: 0 })).data, x.data);
    assert.equal(localResponseNorm(x, strong({ normRegion, alpha: 0, k: 16 })).data, mul(x, 0.125).data);
  });

  test(title('dividing by the size is alpha divided by the size of the window'), () => {
    const x = sample(4);
    const divisor = normRegion === 'acrossChannels' ? 4 : 16;
    const given = strong({ normRegion, size: 4, alpha: 2 / divisor, divideBySize: false });
    assert.equal(localResponseNorm(x, given).data, localResponseNorm(x, strong({ normRegion, size: 4, alpha: 2 })).data);
  });

  test(title('size 1 is x (k + alpha x^2)^-beta'), () => {
    const x = sample(5);
    const y = localResponseNorm(x, strong({ normRegion, size: 1, beta: 0.6 }));
    assertClose(y, fromArray(x.data.map((v) => v * (0.5 + v * v) ** -0.6), x.shape), 1e-15);
  });

  test(title('samples do not know of each other, bit by bit'), () => {
    const x = sample(6);
    const whole = localResponseNorm(x, strong({ normRegion }));
    for (const n of [0, 1]) {
      assert.equal(localResponseNorm(slice(x, 0, n, n + 1), strong({ normRegion })).data, slice(whole, 0, n, n + 1).data);
    }
  });

  test(title('an odd window reversed reverses the result; an even one does not'), () => {
    const x = sample(7);
    const axis = normRegion === 'acrossChannels' ? 1 : 3;
    const reversed = (size: number): Tensor => flip(localResponseNorm(flip(x, axis), strong({ normRegion, size })), axis);
    assertClose(reversed(3), localResponseNorm(x, strong({ normRegion, size: 3 })), 1e-14);
    const even = localResponseNorm(x, strong({ normRegion, size: 4 }));
    assert.ok(reversed(4).data.some((value, i) => Math.abs(value - even.data[i]!) > 0.01));
  });

  for (const [form, norm] of [['fused', localResponseNorm], ['definition', localResponseNormDefinition]] as const) {
    test(title(`${form}: a change of one element changes the windows that contain it, and no bit of another`), () => {
      const x = sample(8, [2, 6, 5, 4]);
      for (const size of [2, 3, 4]) {
        for (const value of [7, 1e100, NaN, Infinity]) {
          const place = [1, 3, 2, 1];
          const other = copy(x);
          other.data[((place[0]! * 6 + place[1]!) * 5 + place[2]!) * 4 + place[3]!] = value;
          const options = strong({ normRegion, size });
          const [before, after] = [norm(x, options), norm(other, options)];
          const [dBefore, dAfter] = [gradient(x, options, norm), gradient(other, options, norm)];
          for (let i = 0; i < x.data.length; i++) {
            const at = [Math.floor(i / 120), Math.floor(i / 20) % 6, Math.floor(i / 4) % 5, i % 4];
            const steps = at.map((index, axis) => place[axis]! - index);
            const moving = normRegion === 'acrossChannels' ? [1] : [2, 3];
            const still = steps.every((step, axis) => moving.includes(axis) || step === 0);
            // a window reaches floor(size / 2) back and floor((size - 1) / 2) on; the gradient of p has all q with p in W(q)
            const touched = still && moving.every((axis) => steps[axis]! >= -(size >> 1) && steps[axis]! <= (size - 1) >> 1);
            const near = still && moving.every((axis) => Math.abs(steps[axis]!) <= size - 1);
            assert.is(Object.is(before.data[i], after.data[i]), !touched, `y at ${at}, size ${size}, ${value}`);
            if (!near) assert.ok(Object.is(dBefore.data[i], dAfter.data[i]), `dx at ${at}, size ${size}, ${value}`);
          }
        }
      }
    });
  }
}

test('across channels pixels move freely, and a pixel is handled alone', () => {
  const x = sample(9);
  const moved = (t: Tensor): Tensor => permute(t, [0, 1, 3, 2]);
  assert.equal(localResponseNorm(moved(x), strong()).data, moved(localResponseNorm(x, strong())).data);
});

test('within channels a channel is handled alone', () => {
  const x = sample(10);
  const order = [3, 0, 4, 1, 2];
  const options = strong({ normRegion: 'withinChannel' });
  assert.equal(localResponseNorm(take(x, order, 1), options).data, take(localResponseNorm(x, options), order, 1).data);
});

test('a window of at least 2 L - 1 is the same for the whole axis, and a wider one counts its full size', () => {
  const x = tensor([[1, 2, 3, 4]], float64);
  const ratios = (size: number): number[] =>
    Array.from(localResponseNorm(x, { size, alpha: 1, beta: 1 }).data, (y, i) => x.data[i]! / y);
  assertClose(tensor(ratios(7), float64), new Array<number>(4).fill(1 + 30 / 7), 1e-14);
  assertClose(tensor(ratios(1_000_000_000), float64), new Array<number>(4).fill(1 + 30e-9), 1e-14);
  assert.ok(Math.abs(ratios(6)[0]! - ratios(6)[3]!) > 0.1);
});

test('with a wide window, beta 1/2 and k as eps it is RMS norm: over the channels, or over space', () => {
  const x = sample(11, [2, 4, 3, 3]);
  const wide = { size: 99, beta: 0.5, k: 1e-3, divideBySize: false };
  const pixels = permute(x, [0, 2, 3, 1]);
  const across = permute(localResponseNorm(x, { ...wide, alpha: 1 / 4 }), [0, 2, 3, 1]);
  assertClose(across, rmsNorm(pixels, null, { normalizedShape: 4, eps: 1e-3 }), 1e-14);
  const within = localResponseNorm(x, { ...wide, alpha: 1 / 9, normRegion: 'withinChannel' });
  assertClose(within, rmsNorm(x, null, { normalizedShape: [3, 3], eps: 1e-3 }), 1e-14);
});

test('with the neighbours fixed |y| rises with |x| for beta up to 1/2, and in the end falls for beta above it', () => {
  const at = (x: number, beta: number): number => localResponseNorm(tensor([[2, x, 1]], float64), strong({ beta })).data[1]!;
  const grid = Array.from({ length: 60 }, (_, i) => i * 0.25);
  assert.ok(grid.every((x) => at(x + 0.25, 0.5) >= at(x, 0.5)));
  assert.ok(at(1, 0.75) > at(0.5, 0.75));
  assert.ok(at(20, 0.75) < at(10, 0.75));
});

test('rank 2 is one pixel, and space has no shape across channels', () => {
  const x = sample(12, [3, 5, 4]);
  const pixel = localResponseNorm(reshape(slice(x, 2, 1, 2), [3, 5]), strong());
  assert.equal(pixel.data, reshape(slice(localResponseNorm(x, strong()), 2, 1, 2), [3, 5]).data);
  assert.equal(localResponseNorm(reshape(x, [3, 5, 2, 2]), strong()).data, localResponseNorm(x, strong()).data);
});

test('float32 values whose squares float32 cannot hold are normalized as they should be', () => {
  const x = tensor([[1e30, -2e30, 0, 3e-30]]);
  const y = localResponseNorm(x, { size: 3, alpha: 3, beta: 0.5 });
  assertClose(y, toArray(localResponseNorm(tensor([[1e30, -2e30, 0, 3e-30]], float64), { size: 3, alpha: 3, beta: 0.5 })), 1e-7);
  assert.ok(Math.abs(y.data[0]! - 1 / Math.sqrt(5)) < 1e-6);
});

test('an infinity gives NaN for itself and 0 for its finite neighbours', () => {
  const y = localResponseNorm(tensor([[1, Infinity, 2, 5]], float64), strong({ beta: 1 }));
  assertClose(y, [[0, NaN, 0, 5 / (0.5 + 29 / 3)]], 1e-15);
});

test('no samples, or no channels, give no result', () => {
  for (const norm of [localResponseNorm, localResponseNormDefinition]) assert.equal(norm(zeros([0, 3, 4])).shape, [0, 3, 4]);
  for (const norm of [localResponseNorm, localResponseNormDefinition]) assert.equal(norm(zeros([2, 0, 4])).shape, [2, 0, 4]);
});

test('it keeps x and one double an element for the backward', () => {
  const x = zeros([2, 3, 4, 4], { requiresGrad: true });
  assert.is(savedBytes(localResponseNorm(x), { except: [x] }), 8 * x.data.length);
});

test('bad input is refused with the numbers in the message', () => {
  for (const norm of [localResponseNorm, localResponseNormDefinition]) {
    const x = zeros([2, 6, 3]);
    const refused = (options: object): string => message(() => norm(x, options as LocalResponseNormOptions));
    for (const size of [0, -1, 2.5, NaN, Infinity]) assert.match(refused({ size }), /RangeError: .*: size must be a positive integer, got /);
    for (const k of [0, -1, NaN, Infinity]) assert.match(refused({ k }), /RangeError: .*: k must be finite and above 0, got /);
    for (const value of [-1, NaN, Infinity]) {
      assert.match(refused({ alpha: value }), new RegExp(`RangeError: .*: alpha must be finite and at least 0, got ${value}`));
      assert.match(refused({ beta: value }), new RegExp(`RangeError: .*: beta must be finite and at least 0, got ${value}`));
    }
    assert.match(refused({ normRegion: 'everywhere' }), /RangeError: .*normRegion must be 'acrossChannels' or 'withinChannel', got everywhere/);
    assertThrows(() => norm(zeros([6])), 'ShapeError', /rank 2 to 5, got shape \[6\]/);
    assertThrows(() => norm(zeros([1, 1, 1, 1, 1, 1])), 'ShapeError', /rank 2 to 5/);
    assertThrows(() => norm(zeros([2, 6]), { normRegion: 'withinChannel' }), 'ShapeError', /with a spatial axis, of rank 3 to 5, got shape \[2, 6\]/);
  }
  assertThrows(() => new LocalResponseNorm({ size: 0 }), 'RangeError', /LocalResponseNorm: size must be a positive integer/);
});

test('the class has neither parameters nor state, calls the function, and is the same in train and eval', () => {
  const given = { size: 3, alpha: 1, beta: 0.5, k: 2, normRegion: 'withinChannel', divideBySize: false } as const;
  const norm = new LocalResponseNorm(given);
  const x = sample(13);
  assert.equal(Object.keys(norm.stateDict()), []);
  assert.equal(norm.forward(x).data, localResponseNorm(x, given).data);
  assert.equal(norm.eval().forward(x).data, localResponseNorm(x, given).data);
  assert.equal(new LocalResponseNorm().forward(x).data, localResponseNorm(x, { size: 5, alpha: 1e-4, beta: 0.75, k: 1 }).data);
});

test.run();
