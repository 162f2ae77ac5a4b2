/**
 * The properties that all norms of the standardize family have in common, stated over the slices that their statistics
 * run over. m: elements of a slice; v: its biased variance; r = 1 / sqrt(v + eps).
 */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import type { Test } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import type { TensorCase } from '../../src/oracle/generate/tensor-case.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { copy, fromArray } from '../../src/tensor/create.ts';
import type { FloatArray } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { check } from './property.ts';
import { epsilons, gridTensor, spreadRegimes, tensors, type TensorOptions } from './tensor-arbitrary.ts';

/** A norm of the family without its affine step. */
export interface Standardized {
  readonly normalize: (x: Tensor, eps: number) => Tensor;
  /** The shapes it takes. */
  readonly shapes: TensorOptions;
  /** For each element of a tensor of this shape the number of its slice. */
  readonly sliceOf: (shape: Shape) => (element: number) => number;
  /** Subtracts the mean; false for a root mean square. Default true. */
  readonly centred?: boolean;
}

interface Slice {
  readonly at: readonly number[];
  readonly mean: number;
  readonly second: number;
}

/** The elements of each slice, their mean, and their second moment: about the mean, or about 0. */
function slicesOf({ sliceOf, centred = true }: Standardized, shape: Shape, x: FloatArray): Slice[] {
  const number = sliceOf(shape);
  const members = new Map<number, number[]>();
  for (let i = 0; i < x.length; i++) members.set(number(i), [...(members.get(number(i)) ?? []), i]);
  return [...members.values()].map((at) => {
    const mean = at.reduce((total, i) => total + x[i]!, 0) / at.length;
    const about = centred ? mean : 0;
    return { at, mean, second: at.reduce((total, i) => total + (x[i]! - about) ** 2, 0) / at.length };
  });
}

function near(got: number, want: number, scale: number, what: string): void {
  assert.ok(Math.abs(got - want) <= 1e-11 * scale, `${what}: got ${got}, want ${want}`);
}

/** A tensor, weights of its shape for the output, and an eps. */
function pairs(options: TensorOptions): fc.Arbitrary<readonly [TensorCase, TensorCase, number]> {
  return fc
    .tuple(tensors({ ...options, among: spreadRegimes.filter((regime) => regime !== 'offset') }), epsilons(), fc.nat())
    .map(([x, eps, seed]) => [x, fc.sample(gridTensor(x.shape), { seed, numRuns: 1 })[0]!, eps] as const);
}

/** Registers the family's properties for one norm. */
export function standardizedProperties(test: Test, subject: Standardized): void {
  const { normalize, shapes, centred = true } = subject;
  const each = (body: (x: Tensor, dy: Tensor, eps: number) => void): void =>
    check(fc.property(pairs(shapes), ([x, dy, eps]) => body(x.tensor(), dy.tensor(), eps)), { runs: 40 });

  test(`every slice of the result has mean square v / (v + eps)${centred ? ' and mean 0' : ''}, not quite 1`, () => {
    each((x, _, eps) => {
      const y = normalize(x, eps);
      for (const { at, second } of slicesOf(subject, x.shape, x.data)) {
        const total = at.reduce((sum, i) => sum + y.data[i]!, 0);
        if (centred) near(total / at.length, 0, 1, 'mean');
        near(at.reduce((sum, i) => sum + y.data[i]! ** 2, 0) / at.length, second / (second + eps), 1, 'mean square');
      }
    });
  });

  test(`no element of the result is larger than sqrt(m${centred ? ' - 1' : ''})`, () => {
    each((x, _, eps) => {
      const y = normalize(x, eps);
      for (const { at } of slicesOf(subject, x.shape, x.data)) {
        const bound = Math.sqrt(at.length - (centred ? 1 : 0));
        for (const i of at) assert.ok(Math.abs(y.data[i]!) <= bound * (1 + 1e-12), `${y.data[i]} above ${bound}`);
      }
    });
  });

  test('a power of two as factor, with eps times its square, changes no bit but the sign', () => {
    check(
      fc.property(pairs(shapes), fc.integer({ min: -20, max: 20 }), fc.boolean(), ([made, , eps], power, negative) => {
        const factor = (negative ? -1 : 1) * 2 ** power;
        const x = made.tensor();
        const scaled = fromArray(x.data.map((value) => value * factor), x.shape);
        const want = Array.from(normalize(x, eps).data, (value) => (negative ? -value : value));
        const got = normalize(scaled, eps * factor * factor).data;
        want.forEach((value, i) => assert.ok(got[i] === value, `element ${i}: got ${got[i]}, want ${value}`));
      }),
      { runs: 40 },
    );
  });

  if (centred) {
    test('a constant added to the input changes nothing', () => {
      check(
        fc.property(pairs(shapes), fc.integer({ min: -64, max: 64 }), ([made, , eps], shift) => {
          const x = made.with({ exponent: -4 }).tensor();
          const shifted = fromArray(x.data.map((value) => value + shift), x.shape);
          const want = normalize(x, eps).data;
          normalize(shifted, eps).data.forEach((value, i) => near(value, want[i]!, Math.max(1, Math.abs(want[i]!)), `element ${i}`));
        }),
        { runs: 40 },
      );
    });
  } else {
    test('a constant added to the input does change the result: nothing is subtracted', () => {
      const x = fromArray(Float64Array.of(1, 2, 4, 8), [1, 4]);
      const shifted = fromArray(Float64Array.of(11, 12, 14, 18), [1, 4]);
      assert.ok(Math.abs(normalize(x, 0).data[0]! - normalize(shifted, 0).data[0]!) > 0.1);
    });
  }

  test('slices are independent: other values elsewhere change no bit of a slice', () => {
    each((x, dy, eps) => {
      const slices = slicesOf(subject, x.shape, x.data);
      const changed = copy(x);
      for (const { at } of slices.slice(1)) for (const i of at) changed.data[i] = dy.data[i]! + 3;
      const before = normalize(x, eps).data;
      const after = normalize(changed, eps).data;
      for (const i of slices[0]?.at ?? []) assert.is(after[i], before[i]);
    });
  });

  test('the gradient of a slice has the sum and the projection on xHat that the derivative has', () => {
    each((given, dy, eps) => {
      const x = copy(given, { requiresGrad: true });
      const y = normalize(x, eps);
      const dx = grad([y], [x], { gradOutputs: [dy] })[0]!;
      for (const { at, second } of slicesOf(subject, x.shape, x.data)) {
        const r = 1 / Math.sqrt(second + eps);
        const dot = (a: FloatArray, b: FloatArray): number => at.reduce((sum, i) => sum + a[i]! * b[i]!, 0);
        const size = at.reduce((sum, i) => sum + Math.abs(dy.data[i]!), 0) * r * Math.sqrt(at.length) + 1e-300;
        if (centred) near(at.reduce((sum, i) => sum + dx.data[i]!, 0), 0, size, 'sum of dx');
        near(dot(y.data, dx.data), (r * dot(dy.data, y.data) * eps) / (second + eps), size, '<xHat, dx>');
        const norm = (a: FloatArray): number => Math.sqrt(dot(a, a));
        assert.ok(norm(dx.data) <= r * norm(dy.data) * (1 + 1e-9), 'the norm of dx is at most r times that of dy');
      }
    });
  });

  test('the Jacobian is symmetric', () => {
    each((given, dy, eps) => {
      const x = copy(given, { requiresGrad: true });
      const y = normalize(x, eps);
      const other = fromArray(dy.data.map((_, i) => ((i * 7) % 5) - 2), dy.shape);
      const a = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
      const b = grad([y], [x], { gradOutputs: [other] })[0]!;
      let left = 0;
      let right = 0;
      let size = 1e-300;
      for (let i = 0; i < dy.data.length; i++) {
        left += other.data[i]! * a.data[i]!;
        right += dy.data[i]! * b.data[i]!;
        size += Math.abs(other.data[i]! * a.data[i]!) + Math.abs(dy.data[i]! * b.data[i]!);
      }
      // every slice rounds at the scale r |dy|, which cancellation may leave far above dx itself
      const slices = slicesOf(subject, x.shape, x.data);
      for (const { at, second } of slices) for (const i of at) size += Math.abs(dy.data[i]! * other.data[i]!) / Math.sqrt(second + eps);
      near(left, right, size, '<u, J g> and <J u, g>');
    });
  });

  test('a constant slice gives 0, and passes on the gradient less its mean over sqrt(eps)', () => {
    const { at } = slicesOf(subject, [2, 3, 3], new Float64Array(18))[0]!;
    const x = fromArray(new Float64Array(18).fill(centred ? 0.1 : 0), [2, 3, 3], { requiresGrad: true });
    const dy = fromArray(Float64Array.from({ length: 18 }, (_, i) => i * i), [2, 3, 3]);
    const y = normalize(x, 1e-4);
    for (const value of y.data) assert.is(value, 0);
    const dx = grad([y], [x], { gradOutputs: [dy] })[0]!;
    const mean = centred ? at.reduce((sum, i) => sum + dy.data[i]!, 0) / at.length : 0;
    for (const i of at) near(dx.data[i]!, 100 * (dy.data[i]! - mean), 1e4, `element ${i}`);
  });

  test('a value that is not finite spoils its own slice and no other', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const x = fromArray(Float64Array.from({ length: 12 }, (_, i) => (i * 5) % 7), [2, 3, 2]);
      const before = normalize(x, 1e-5).data.slice();
      x.data[0] = bad;
      const number = subject.sliceOf(x.shape);
      normalize(x, 1e-5).data.forEach((value, i) => {
        if (number(i) !== number(0)) assert.is(value, before[i]);
        else assert.ok(Number.isNaN(value) || (!centred && value === 0), `element ${i}: ${value}`);
      });
    }
  });

  test('squares of huge float32 values do not overflow', () => {
    const x = fromArray(Float32Array.from({ length: 12 }, (_, i) => (((i * 5) % 7) - 3) * 1e30), [2, 3, 2]);
    for (const value of normalize(x, 1e-5).data) assert.ok(Number.isFinite(value));
    assert.ok(normalize(x, 1e-5).data.some((value) => Math.abs(value) > 0.5));
  });
}
