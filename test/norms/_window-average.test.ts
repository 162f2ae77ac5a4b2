import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { axisWindow, windowAdjoint, windowAverages, windowWeights } from '../../src/norms/_window-average.ts';
import { Random } from '../../src/tensor/random.ts';

const test = suite('window averages');

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
const near = (got: number, want: number, what: string): void =>
  assert.ok(Math.abs(got - want) <= 1e-14 * Math.max(1, Math.abs(want)), `${what}: ${got} for ${want}`);

test('the weights of a Gaussian have its ratios and the sum 1', () => {
  for (const [length, sigma] of [[1, 2], [3, 0.5], [9, 2.25], [5, 100]] as const) {
    const weights = windowWeights(length, sigma);
    const half = (length - 1) / 2;
    near(sumOf(weights), 1, 'the sum');
    weights.forEach((w, i) => near(w / weights[half]!, Math.exp(-((i - half) ** 2) / (2 * sigma ** 2)), `weight ${i} of ${length}`));
  }
});

test('the weights of a box are equal', () => {
  assert.equal(Array.from(windowWeights(5, null)), new Array<number>(5).fill(0.2));
});

test('averages over two axes are those of the products of the weights, scaled to what is inside', () => {
  const [height, width] = [4, 5];
  const random = new Random(1);
  const z = Float64Array.from({ length: 2 * height * width }, () => random.normal());
  const vertical = windowWeights(3, 0.8);
  const horizontal = windowWeights(7, 1.75);
  for (const renormalize of [true, false]) {
    const windows = [axisWindow(vertical, height, renormalize), axisWindow(horizontal, width, renormalize)];
    for (const centred of [true, false]) {
      const got = z.slice();
      windowAverages(got, [2, height, width], windows, centred);
      got.forEach((value, at) => {
        const [g, row, column] = [Math.floor(at / 20), Math.floor(at / 5) % 4, at % 5];
        let total = 0;
        let inside = 0;
        for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
          for (let c = Math.max(0, column - 3); c <= Math.min(width - 1, column + 3); c++) {
            const w = vertical[r - row + 1]! * horizontal[c - column + 3]!;
            total += w * z[g * 20 + r * 5 + c]!;
            inside += w;
          }
        }
        near(value, renormalize ? total / inside : total, `at ${at}`);
      });
    }
  }
});

test('where a window holds one value its centred average is that value, to the last bit', () => {
  const z = Float64Array.from({ length: 21 }, (_, i) => (i < 11 ? 1000.1 : -0.3));
  const windows = [axisWindow(windowWeights(5, 1.25), 21, true)];
  windowAverages(z, [1, 21], windows, true);
  for (let i = 0; i < 9; i++) assert.is(z[i], 1000.1);
  for (let i = 13; i < 21; i++) assert.is(z[i], -0.3);
  assert.ok(z[10]! < 1000 && z[11]! > 0);
});

test('a window that is not cut has the coverage 1 to the last bit, also without renormalization', () => {
  for (const length of [3, 5, 7, 9, 11, 13]) {
    const half = (length - 1) / 2;
    const { coverage } = axisWindow(windowWeights(length, length / 4), 20, false);
    coverage.forEach((covered, p) => assert.is(covered === 1, p >= half && p + half < 20, `window of ${length} at ${p}`));
  }
});

test('the adjoint has the inner products of the averages', () => {
  const random = new Random(2);
  const draw = (): Float64Array => Float64Array.from({ length: 24 }, () => random.normal());
  for (const renormalize of [true, false]) {
    const windows = [2, 3, 4].map((count, k) => axisWindow(windowWeights([1, 5, 3][k]!, 0.9), count, renormalize));
    const [z, u] = [draw(), draw()];
    const [averages, adjoint] = [z.slice(), u.slice()];
    windowAverages(averages, [1, 2, 3, 4], windows, true);
    windowAdjoint(adjoint, [1, 2, 3, 4], windows.map(({ columns }) => columns));
    near(sumOf(averages.map((value, i) => value * u[i]!)), sumOf(adjoint.map((value, i) => value * z[i]!)), 'the product');
  }
});

test('a value that is not finite is in the averages of its own windows and in no other', () => {
  for (const value of [NaN, Infinity]) {
    for (const centred of [true, false]) {
      const z = new Float64Array(12).fill(1);
      z[4] = value;
      windowAverages(z, [1, 12], [axisWindow(windowWeights(5, null), 12, true)], centred);
      z.forEach((average, i) => assert.is(Number.isFinite(average), Math.abs(i - 4) > 2, `at ${i}`));
    }
  }
});

test('a window may be far wider than the axis, and an axis empty', () => {
  const z = Float64Array.of(1, 2, 6);
  windowAverages(z, [1, 3], [axisWindow(windowWeights(10_001, null), 3, true)], false);
  z.forEach((average) => near(average, 3, 'the mean'));
  assert.is(axisWindow(windowWeights(3, 1), 0, true).rows.length, 0);
});

test.run();
