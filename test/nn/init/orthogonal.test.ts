import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { orthogonal } from '../../../src/nn/init/orthogonal.ts';
import { ShapeError } from '../../../src/tensor/errors.ts';
import { Random } from '../../../src/tensor/random.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

const test = suite('orthogonal');

/** The largest distance of Q Qᵀ (rows) or Qᵀ Q (columns), whichever is smaller, to `scale` times the identity. */
function defect({ data, shape }: Tensor, scale = 1): number {
  const rows = shape[0]!;
  const columns = data.length / rows;
  const [count, length, step, stride] = rows <= columns ? [rows, columns, columns, 1] : [columns, rows, 1, columns];
  let worst = 0;
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      let dot = 0;
      for (let i = 0; i < length; i++) dot += data[a * step + i * stride]! * data[b * step + i * stride]!;
      worst = Math.max(worst, Math.abs(dot - (a === b ? scale : 0)));
    }
  }
  return worst;
}

test('has orthonormal rows, columns or both, whichever there are fewer of', () => {
  for (const shape of [[1, 1], [1, 5], [5, 1], [4, 7], [7, 4], [6, 6], [64, 64]]) {
    const q = orthogonal(new Random(1), shape, { dtype: 'float64' });
    assert.equal(q.shape, shape);
    assert.ok(defect(q) < 4e-15, `[${shape}]: ${defect(q)}`);
  }
});

test('takes a weight of higher rank as [out, the rest]', () => {
  assert.ok(defect(orthogonal(new Random(1), [4, 2, 3, 3], { dtype: 'float64' })) < 4e-15);
  assert.ok(defect(orthogonal(new Random(1), [20, 2, 3], { dtype: 'float64' })) < 4e-15);
});

test('is scaled by gain', () => {
  assert.ok(defect(orthogonal(new Random(1), [5, 3], { dtype: 'float64', gain: 3 }), 9) < 4e-14);
  assert.ok(orthogonal(new Random(1), [5, 3], { gain: 0 }).data.every((value) => value === 0));
});

test('has no preferred sign: the last element of a square matrix is as often negative', () => {
  const random = new Random(2);
  let negative = 0;
  for (let i = 0; i < 400; i++) if (orthogonal(random, [2, 2]).data[3]! < 0) negative++;
  // five standard deviations of the binomial distribution
  assert.ok(Math.abs(negative - 200) < 50);
});

test('gives an empty matrix where an extent is 0', () => {
  assert.equal(orthogonal(new Random(1), [0, 3]).shape, [0, 3]);
});

test('refuses vectors and a gain that is not finite', () => {
  assert.throws(
    () => orthogonal(new Random(1), [3]),
    (error: Error) => error instanceof ShapeError && /orthogonal: the shape must have two axes or more, got \[3\]/.test(error.message),
  );
  assert.throws(() => orthogonal(new Random(1), [3, 3], { gain: NaN }), /orthogonal: gain must be finite, got NaN/);
});

test.run();
