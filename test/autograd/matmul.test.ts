import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { matmul } from '../../src/autograd/matmul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { full, tensor, zeros } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf, stridesOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { grid } from '../support/grid.ts';
import { message } from '../support/message.ts';
import { check } from '../support/property.ts';
import { vjp } from '../support/vjp.ts';

/** The definition: vectors become matrices, every element of the broadcast result is one sum. */
function naive(x: Tensor, y: Tensor): { shape: number[]; data: number[] } {
  const a = x.shape.length === 1 ? [1, x.shape[0]!] : x.shape.slice();
  const b = y.shape.length === 1 ? [y.shape[0]!, 1] : y.shape.slice();
  const rank = Math.max(a.length, b.length);
  const p = [...new Array<number>(rank - a.length).fill(1), ...a];
  const q = [...new Array<number>(rank - b.length).fill(1), ...b];
  const batch = p.slice(0, -2).map((extent, axis) => (extent === 1 ? q[axis]! : extent));
  const [height, inner] = p.slice(-2) as [number, number];
  const width = q[rank - 1]!;
  const data: number[] = [];
  for (let n = 0; n < sizeOf(batch); n++) {
    let from = 0;
    let to = 0;
    stridesOf(batch).forEach((step, axis) => {
      const index = Math.floor(n / step) % batch[axis]!;
      from += p[axis] === 1 ? 0 : index * sizeOf(p.slice(axis + 1));
      to += q[axis] === 1 ? 0 : index * sizeOf(q.slice(axis + 1));
    });
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let total = 0;
        for (let k = 0; k < inner; k++) total += x.data[from + i * inner + k]! * y.data[to + k * width + j]!;
        data.push(x.dtype === 'float32' ? Math.fround(total) : total);
      }
    }
  }
  const shape = [...batch, ...(x.shape.length === 1 ? [] : [height]), ...(y.shape.length === 1 ? [] : [width])];
  return { shape, data };
}

interface Case {
  dtype: DType;
  seed: number;
  height: number;
  inner: number;
  width: number;
  /** leading axes; 0 and 1 say which operand is stretched along it, 2 neither */
  batch: { extent: number; stretched: number }[];
  /** how many leading axes an operand lacks, or 9 for a vector */
  lacks: [number, number];
}

const cases: fc.Arbitrary<Case> = fc.record({
  dtype: fc.constantFrom<DType>('float32', 'float64'),
  seed: fc.nat(),
  height: fc.integer({ min: 1, max: 7 }),
  inner: fc.integer({ min: 0, max: 9 }),
  width: fc.integer({ min: 1, max: 11 }),
  batch: fc.array(fc.record({ extent: fc.integer({ min: 1, max: 3 }), stretched: fc.integer({ min: 0, max: 2 }) }), {
    maxLength: 3,
  }),
  lacks: fc.tuple(fc.constantFrom(0, 0, 1, 2, 9), fc.constantFrom(0, 0, 1, 2, 9)),
});

function draw(c: Case, fill: (random: Random, shape: number[], dtype: DType) => Tensor = grid): [Tensor, Tensor] {
  const random = new Random(c.seed);
  const shapeOf = (side: 0 | 1, matrix: number[]): number[] => {
    if (c.lacks[side] === 9) return [c.inner];
    const leading = c.batch.map(({ extent, stretched }) => (stretched === side ? 1 : extent));
    return [...leading.slice(Math.min(c.lacks[side], leading.length)), ...matrix];
  };
  return [
    fill(random, shapeOf(0, [c.height, c.inner]), c.dtype),
    fill(random, shapeOf(1, [c.inner, c.width]), c.dtype),
  ];
}

const test = suite('matmul');

test('matmul is its definition for vectors, matrices and broadcast stacks of them', () => {
  check(
    fc.property(cases, (c) => {
      const [x, y] = draw(c);
      const out = matmul(x, y);
      const wanted = naive(x, y);
      assert.equal(out.shape, wanted.shape);
      assert.equal(out.dtype, c.dtype);
      assert.equal(Array.from(out.data), wanted.data);
    }),
    { runs: 300 },
  );
});

test('every sum is taken in the order of k in double, whatever the block: the loops of the definition, bit for bit', () => {
  const random = new Random(5);
  for (const dtype of ['float32', 'float64'] as const) {
    for (const [height, inner, width] of [
      [3, 1100, 5],
      [1, 513, 4],
      [8, 512, 1],
      [5, 7, 33],
    ] as const) {
      const x = normal(random, [height, inner], 0, 1, { dtype });
      const y = normal(random, [inner, width], 0, 1, { dtype });
      assert.equal(Array.from(matmul(x, y).data), naive(x, y).data);
    }
  }
  assert.equal(toArray(matmul(tensor([1e8, 1, -1e8]), tensor([1, 1, 1]))), 1);
});

test('the gradients satisfy <x y, dy> = <x, dx> = <y, dY> exactly', () => {
  check(
    fc.property(cases, (c) => {
      const [x, y] = draw(c);
      x.requiresGrad = true;
      y.requiresGrad = true;
      const out = matmul(x, y);
      const dy = grid(new Random(c.seed + 1), out.shape, c.dtype);
      backward(out, dy);
      const dot = (a: Tensor, b: Tensor): number => {
        assert.equal(a.shape, b.shape);
        let total = 0;
        for (let i = 0; i < a.data.length; i++) total += a.data[i]! * b.data[i]!;
        return total;
      };
      assert.is(dot(x, x.grad!), dot(out, dy));
      assert.is(dot(y, y.grad!), dot(out, dy));
    }),
    { runs: 200 },
  );
});

test('first and second derivatives are right', () => {
  const shapes: [number[], number[]][] = [
    [[3], [3]],
    [[3], [3, 2]],
    [[2, 3], [3]],
    [[2, 3], [3, 4]],
    [[5, 2, 3], [3, 4]],
    [[2, 3], [5, 3, 4]],
    [[2, 1, 2, 3], [4, 3, 2]],
    [[2, 3], [5, 3, 2]],
    [[2, 3, 2], [2]],
  ];
  const random = new Random(9);
  for (const [p, q] of shapes) {
    const x = normal(random, p, 0, 1, { dtype: 'float64', requiresGrad: true });
    const y = normal(random, q, 0, 1, { dtype: 'float64', requiresGrad: true });
    const dz = normal(random, matmul(x, y).shape, 0, 1, { dtype: 'float64', requiresGrad: true });
    for (const result of [gradcheck(matmul, [x, y]), gradcheck(vjp((a, b) => matmul(a!, b!)), [x, y, dz])]) {
      assert.ok(result.passed, result.message);
      assert.not(result.inconclusive);
    }
  }
});

test('a matrix times itself receives the sum of both gradients', () => {
  const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
  backward(sum(matmul(x, x)));
  assert.equal(toArray(x.grad!), [[7, 11], [9, 13]]);
});

test('empty matrices give empty results, and an empty inner axis gives zeros', () => {
  assert.equal(matmul(zeros([0, 3]), zeros([3, 2])).shape, [0, 2]);
  assert.equal(matmul(zeros([0, 2, 3]), zeros([3, 2])).shape, [0, 2, 2]);
  assert.equal(matmul(zeros([2, 0]), zeros([0, 3])), zeros([2, 3]));
  assert.equal(matmul(zeros([2, 3]), zeros([3, 0])).shape, [2, 0]);
});

test('non-finite numbers reach their row or column, and no other', () => {
  assert.equal(toArray(matmul(tensor([[NaN, 1], [1, 1]]), full([2, 2], 1))), [[NaN, NaN], [2, 2]]);
  assert.equal(toArray(matmul(full([2, 2], 1), tensor([[Infinity, 1], [1, 1]]))), [[Infinity, 2], [Infinity, 2]]);
  assert.equal(toArray(matmul(tensor([0]), tensor([Infinity]))), NaN);
});

test('shapes that do not fit are refused, and the message says what came', () => {
  assert.match(
    message(() => matmul(zeros([2, 3]), zeros([2, 3]))),
    /ShapeError: matmul: the last axis of a and the last but one of b .*got \[2, 3\] and \[2, 3\]; transpose/,
  );
  assert.match(message(() => matmul(zeros([3]), zeros([4]))), /ShapeError: matmul: .*got \[3\] and \[4\]/);
  assert.match(message(() => matmul(zeros([]), zeros([4]))), /must have an axis, got \[\] and \[4\]; use mul/);
  assert.match(message(() => matmul(zeros([2, 3, 4]), zeros([3, 4, 5]))), /leading axes\): shapes \[2\] and \[3\] do not broadcast/);
  assert.match(
    message(() => matmul(zeros([2, 2]), zeros([2, 2], { dtype: 'float64' }))),
    /TypeError: matmul: all tensors must have one dtype, got float32 and float64; use cast/,
  );
});

test.run();
