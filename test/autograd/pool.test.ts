import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { avgPool2d, globalAveragePool, maxPool2d, type PoolOptions } from '../../src/autograd/pool.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { message } from '../support/message.ts';
import { check } from '../support/property.ts';
import { vjp } from '../support/vjp.ts';

interface Case {
  dtype: DType;
  seed: number;
  batch: number;
  channels: number;
  /** height and width: kernel, stride, padding as a part of the kernel, windows */
  axes: [Axis, Axis];
}

interface Axis {
  kernel: number;
  stride: number;
  padding: number;
  extent: number;
}

const axis: fc.Arbitrary<Axis> = fc.record({
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 5 }),
  padding: fc.integer({ min: 0, max: 2 }),
  extent: fc.integer({ min: 0, max: 6 }),
});

const cases: fc.Arbitrary<Case> = fc.record({
  dtype: fc.constantFrom<DType>('float32', 'float64'),
  seed: fc.nat(),
  batch: fc.integer({ min: 1, max: 2 }),
  channels: fc.integer({ min: 1, max: 3 }),
  axes: fc.tuple(axis, axis),
});

/** Integers in [-4, 4], so that windows have equal maxima; sums of them are exact. */
function grid(random: Random, shape: readonly number[], dtype: DType): Tensor {
  return fromArray(
    Array.from({ length: sizeOf(shape) }, () => random.integer(9) - 4),
    shape,
    { dtype },
  );
}

function draw(c: Case) {
  const padding = c.axes.map((a) => Math.min(a.padding, a.kernel >> 1)) as [number, number];
  const extents = c.axes.map((a, i) => Math.max(1, a.kernel - 2 * padding[i]!) + a.extent);
  const options = { kernelSize: c.axes.map((a) => a.kernel), stride: c.axes.map((a) => a.stride), padding };
  return { x: grid(new Random(c.seed), [c.batch, c.channels, ...extents], c.dtype), options };
}

/** Every window as the list of places in `x` that it covers, in row-major order. */
function windows(x: Tensor, { kernelSize, stride, padding }: { kernelSize: number[]; stride: number[]; padding: number[] }) {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const rows = Math.floor((height + 2 * padding[0]! - kernelSize[0]!) / stride[0]!) + 1;
  const columns = Math.floor((width + 2 * padding[1]! - kernelSize[1]!) / stride[1]!) + 1;
  const places: number[][] = [];
  for (let plane = 0; plane < batch * channels; plane++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const list: number[] = [];
        for (let i = 0; i < kernelSize[0]!; i++)
          for (let j = 0; j < kernelSize[1]!; j++) {
            const y = row * stride[0]! + i - padding[0]!;
            const z = column * stride[1]! + j - padding[1]!;
            if (y >= 0 && y < height && z >= 0 && z < width) list.push((plane * height + y) * width + z);
          }
        places.push(list);
      }
  return { places, shape: [batch, channels, rows, columns] };
}

const round = (dtype: DType, value: number): number => (dtype === 'float32' ? Math.fround(value) : value);

const test = suite('pool');

test('maxPool2d gives the maximum of each window, and its gradient to the first element that is equal to it', () => {
  check(
    fc.property(cases, (c) => {
      const { x, options } = draw(c);
      x.requiresGrad = true;
      const y = maxPool2d(x, options);
      const { places, shape } = windows(x, options);
      assert.equal(y.shape, shape);
      assert.equal(
        Array.from(y.data),
        places.map((list) => Math.max(...list.map((at) => x.data[at]!))),
      );
      const dy = grid(new Random(c.seed + 1), shape, c.dtype);
      backward(y, dy);
      const wanted = new Array<number>(x.data.length).fill(0);
      places.forEach((list, i) => {
        wanted[list.find((at) => x.data[at] === y.data[i])!]! += dy.data[i]!;
      });
      assert.equal(Array.from(x.grad!.data), wanted);
    }),
    { runs: 200 },
  );
});

test('avgPool2d divides the sum of each window by its size, with or without padding', () => {
  check(
    fc.property(cases, fc.boolean(), (c, countIncludePad) => {
      const { x, options } = draw(c);
      const y = avgPool2d(x, { ...options, countIncludePad });
      const { places, shape } = windows(x, options);
      const size = options.kernelSize[0]! * options.kernelSize[1]!;
      assert.equal(y.shape, shape);
      assert.equal(
        Array.from(y.data),
        places.map((list) => {
          const total = list.reduce((before, at) => before + x.data[at]!, 0);
          return round(c.dtype, total / (countIncludePad ? size : list.length));
        }),
      );
    }),
    { runs: 200 },
  );
});

test('the gradient of avgPool2d is the same share for every element of a window', () => {
  check(
    fc.property(cases, fc.boolean(), (c, countIncludePad) => {
      const { x, options } = draw(c);
      x.requiresGrad = true;
      const { places, shape } = windows(x, options);
      const dy = grid(new Random(c.seed + 1), shape, c.dtype);
      backward(avgPool2d(x, { ...options, countIncludePad }), dy);
      const size = options.kernelSize[0]! * options.kernelSize[1]!;
      const wanted = new Array<number>(x.data.length).fill(0);
      places.forEach((list, i) => {
        for (const at of list) wanted[at]! += dy.data[i]! / (countIncludePad ? size : list.length);
      });
      assert.equal(Array.from(x.grad!.data), wanted.map((value) => round(c.dtype, value)));
    }),
    { runs: 200 },
  );
});

test('the stride is the kernel size by default, and padding counts in an average by default', () => {
  const x = grid(new Random(1), [2, 3, 7, 9], 'float64');
  for (const pool of [maxPool2d, avgPool2d]) {
    assert.equal(pool(x, { kernelSize: [2, 3] }), pool(x, { kernelSize: [2, 3], stride: [2, 3], padding: 0 }));
    assert.equal(pool(x, { kernelSize: 2 }), pool(x, { kernelSize: [2, 2], stride: 2 }));
  }
  assert.equal(toArray(avgPool2d(tensor([[4, 4], [4, 4]]), { kernelSize: 2, padding: 1 })), [[1, 1], [1, 1]]);
});

test('globalAveragePool is the mean over all spatial axes, however many', () => {
  assert.equal(toArray(globalAveragePool(tensor([[[1, 2, 6], [4, 4, 7]]]))), [[3, 5]]);
  assert.equal(toArray(globalAveragePool(tensor([[[[1, 2], [3, 4]], [[5, 5], [5, 9]]]]))), [[2.5, 6]]);
  assert.equal(globalAveragePool(zeros([2, 3, 4, 5, 6])).shape, [2, 3]);
});

test('of equal maxima the first receives the gradient', () => {
  const x = tensor([[1, 3], [3, 3]], { requiresGrad: true });
  backward(sum(maxPool2d(x, { kernelSize: 2 })));
  assert.equal(toArray(x.grad!), [[0, 1], [0, 0]]);
});

test('a NaN in a window is its maximum, and padding never is', () => {
  for (const at of [0, 1, 2, 3]) {
    const x = fromArray([1, 5, 2, 3], [2, 2], { requiresGrad: true });
    x.data[at] = NaN;
    const y = maxPool2d(x, { kernelSize: 2 });
    assert.equal(toArray(y), [[NaN]]);
    backward(y);
    assert.is(x.grad!.data[at], 1);
  }
  assert.equal(toArray(maxPool2d(tensor([[-1, -2], [-3, -4]]), { kernelSize: 2, padding: 1 })), [[-1, -2], [-3, -4]]);
  assert.equal(toArray(maxPool2d(tensor([[-Infinity, -Infinity]]), { kernelSize: [1, 2] })), [[-Infinity]]);
  assert.equal(toArray(avgPool2d(tensor([[1, NaN, 3, 5]]), { kernelSize: [1, 2] })), [[NaN, 4]]);
});

test('first and second derivatives are right', () => {
  const random = new Random(21);
  const options: PoolOptions = { kernelSize: [3, 2], stride: [2, 1], padding: 1 };
  const pools: ((x: Tensor) => Tensor)[] = [
    (x) => maxPool2d(x, options),
    (x) => avgPool2d(x, options),
    (x) => avgPool2d(x, { ...options, countIncludePad: false }),
    globalAveragePool,
  ];
  for (const pool of pools) {
    // Elements differ by 1 at least and the first step is an eighth: no step changes which element is the maximum.
    const x = fromArray(random.permutation(2 * 2 * 5 * 4), [2, 2, 5, 4], { dtype: 'float64', requiresGrad: true });
    const first = gradcheck(pool, [x], { spread: 0.5 });
    assert.ok(first.passed, first.message);
    const dy = normal(random, pool(x).shape, 0, 1, { dtype: 'float64', requiresGrad: true });
    // Squared, because a gradient that does not depend on x has nothing to differentiate by it.
    const second = gradcheck(vjp((a) => square(pool(a!))), [x, dy], { spread: 0.5 });
    assert.ok(second.passed, second.message);
    assert.not(first.inconclusive || second.inconclusive);
  }
});

test('shapes and options that do not fit are refused, and the message says what came', () => {
  const x = zeros([2, 3, 4, 5]);
  for (const pool of [maxPool2d, avgPool2d]) {
    const said = (options: PoolOptions): string => message(() => pool(x, options));
    assert.match(said({ kernelSize: 6 }), /ShapeError: \w+: the window must fit .*got a window of \[6, 6\] over \[4, 5\]/);
    assert.match(said({ kernelSize: 0 }), /RangeError: \w+: kernelSize must be made of integers of at least 1, got 0/);
    assert.match(said({ kernelSize: [2, 2, 2] }), /kernelSize must be one number or 2, .*got \[2, 2, 2\]/);
    assert.match(said({ kernelSize: 2, stride: 0 }), /stride must be made of integers of at least 1, got 0/);
    assert.match(said({ kernelSize: 2, stride: 1.5 }), /stride must be made of integers of at least 1, got 1.5/);
    assert.match(said({ kernelSize: 2, padding: -1 }), /padding must be made of integers of at least 0, got -1/);
    assert.match(said({ kernelSize: [2, 3], padding: 2 }), /padding must be at most half of kernelSize, got \[2, 2\] .*\[2, 3\]/);
    assert.match(message(() => pool(zeros([4]), { kernelSize: 2 })), /x must be \[N, C, height, width\], got \[4\]/);
  }
  assert.match(message(() => globalAveragePool(zeros([2, 3]))), /ShapeError: globalAveragePool: .*got \[2, 3\]/);
});

test.run();
