import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { mul } from '../../src/autograd/mul.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { slice } from '../../src/autograd/slice.ts';
import { take } from '../../src/autograd/take.ts';
import {
  BatchChannelNorm,
  batchChannelNorm,
  batchChannelNormDefinition,
  type BatchChannelNormOptions,
  batchChannelNormState,
} from '../../src/norms/batch-channel.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { copy, fromArray, tensor } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('batch-channel');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const random = (seed: number, shape: number[], mean = 0): Tensor => normal(new Random(seed), shape, mean, 1, float64);
const add = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

/** The norm without the affine step of the groups. */
const norm = (x: Tensor, options: BatchChannelNormOptions, state: ReturnType<typeof batchChannelNormState> | null = null, bnWeight: Tensor | null = null, bnBias: Tensor | null = null): Tensor =>
  batchChannelNorm(x, bnWeight, bnBias, null, null, state, options);

/** Estimates with which the first stage does nothing when bnEps is 0. */
const identity = (channels: number): ReturnType<typeof batchChannelNormState> => batchChannelNormState(channels, float64);

/** Batches of any rank with at least two values in a channel and in a sample. */
const batches = tensors({ minRank: 2, maxRank: 4, maxExtent: 6, among: ['benign', 'scale', 'outlier'] }).filter(
  ({ shape }) => sizeOf(shape) / shape[1]! >= 2 && sizeOf(shape) / shape[0]! >= 2,
);

/** A number of groups for channels, so that a group has more than one value. */
function groupsFor(shape: readonly number[], choice: number): number {
  const channels = shape[1]!;
  const fitting = Array.from({ length: channels }, (_, i) => i + 1).filter((g) => channels % g === 0 && sizeOf(shape) / shape[0]! / g >= 2);
  return fitting[choice % fitting.length]!;
}

test('it is group norm of batch norm with an affine step per group, values and gradients', () => {
  check(
    fc.property(batches, fc.nat(5), (made, choice) => {
      const channels = made.shape[1]!;
      const numGroups = groupsFor(made.shape, choice);
      const options = { numGroups, eps: 1 / 8, bnEps: 1 / 4 };
      const given = [made.tensor(), random(1, [channels]), random(2, [channels]), random(3, [numGroups]), random(4, [numGroups])].map(leaf);
      const [x, bnWeight, bnBias, weight, bias] = given as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const groupOf = Array.from({ length: channels }, (_, c) => Math.floor((c * numGroups) / channels));
      const u = batchNorm(x, bnWeight, bnBias, null, { eps: 1 / 4 });
      const want = groupNorm(u, take(weight, groupOf), take(bias, groupOf), { numGroups, eps: 1 / 8 });
      const got = batchChannelNorm(x, bnWeight, bnBias, weight, bias, null, options);
      assertClose(got, want, 1e-12);
      const dy = random(5, [...made.shape]);
      const wanted = grad([want], given, { gradOutputs: [dy] });
      // the gradient of x is as much larger as x is smaller
      const scale = Math.max(1, ...wanted[0]!.data.map(Math.abs));
      grad([got], given, { gradOutputs: [dy] }).forEach((found, i) => assertClose(found, wanted[i]!, 1e-11 * scale));
    }),
  );
});

test('the groups are neighbouring channels, and weight and bias are those of the group', () => {
  const x = double([[1, 3, 10, 50]]);
  const got = batchChannelNorm(x, null, null, double([2, -1]), double([0, 5]), identity(4), { numGroups: 2, eps: 0, bnEps: 0, training: false });
  assertClose(got, [[-2, 2, 6, 4]], 1e-15);
});

test('with estimates of mean 0 and variance 1 and a bnEps of 0 it is group norm', () => {
  const x = random(1, [3, 6, 5], 2);
  for (const numGroups of [1, 2, 3, 6]) {
    const got = norm(x, { numGroups, bnEps: 0, estimate: true, movingSpeed: 0 }, identity(6));
    assertClose(got, groupNorm(x, null, null, { numGroups }), 1e-14);
  }
});

test('with as many groups as channels and both eps 0 it is instance norm up to the sign of bnWeight', () => {
  const x = random(2, [3, 4, 5], 1);
  const bnWeight = double([2, -0.5, -3, 1]);
  const got = norm(x, { numGroups: 4, eps: 0, bnEps: 0 }, null, bnWeight, double([1, 2, 3, 4]));
  const signs = double([1, -1, -1, 1].map((sign) => [sign]));
  assertClose(got, mul(instanceNorm(x, null, null, null, { eps: 0 }), signs), 1e-14);
});

test('with as many groups as channels bnBias has no effect and a gradient of 0', () => {
  const x = random(3, [3, 4, 5]);
  const bnBias = leaf(random(4, [4]));
  const y = norm(x, { numGroups: 4 }, null, double([2, -0.5, -3, 1]), bnBias);
  assertClose(norm(x, { numGroups: 4 }, null, double([2, -0.5, -3, 1])), y, 1e-14);
  const found = grad([y], [bnBias], { gradOutputs: [random(5, [3, 4, 5])] })[0]!;
  assert.ok(found.data.every((value) => Math.abs(value) < 1e-14));
  // of two values it is exactly 0, as in the definition: the comparison with that one has found this case
  const row = double([[[0, 1]]]);
  const single = leaf(double([0]));
  const pair = batchChannelNorm(row, double([18 / 16]), single, double([3 / 16]), null, null, { numGroups: 1, eps: 1, bnEps: 2 ** -10 });
  assert.is(grad([pair], [single], { gradOutputs: [double([[[14, -15]]])] })[0]!.data[0], 0);
});

test("each group's values have mean 0, and a mean square of s / (s + eps) of their variance s before", () => {
  check(
    fc.property(batches, fc.nat(5), (made, choice) => {
      const numGroups = groupsFor(made.shape, choice);
      const x = made.tensor();
      const u = batchNorm(x, null, null, null, { eps: 1 });
      const y = norm(x, { numGroups, eps: 1 / 8, bnEps: 1 });
      const length = sizeOf(made.shape) / made.shape[0]! / numGroups;
      for (let start = 0; start < y.data.length; start += length) {
        const [after, before] = [y, u].map((t) => Array.from(t.data.slice(start, start + length))) as [number[], number[]];
        const mean = add(before) / length;
        const s = add(before.map((value) => (value - mean) ** 2)) / length;
        assert.ok(Math.abs(add(after)) < 1e-12 * length);
        assert.ok(Math.abs(add(after.map((value) => value * value)) / length - s / (s + 1 / 8)) < 1e-12);
      }
    }),
  );
});

test('a factor above 0 and a shift of a channel of the batch change nothing, one below 0 negates its bnWeight', () => {
  const x = random(6, [4, 4, 3], 1);
  const [bnWeight, bnBias] = [double([0.5, -2, 1.5, 0.75]), double([1, 0, -1, 0.25])];
  const options = { numGroups: 2, bnEps: 0 };
  const want = norm(x, options, null, bnWeight, bnBias);
  const factor = [2.5, 0.3, 7, 1.25];
  const moved = (signs: readonly number[]): Tensor =>
    fromArray((x.data as Float64Array).map((value, i) => {
      const c = Math.floor(i / 3) % 4;
      return signs[c]! * factor[c]! * value + 3 * c - 2;
    }), x.shape);
  assertClose(norm(moved([1, 1, 1, 1]), options, null, bnWeight, bnBias), want, 1e-13);
  const signs = [1, -1, -1, 1];
  assertClose(norm(moved(signs), options, null, mul(bnWeight, double(signs)), bnBias), want, 1e-13);
});

test('the gradient of x adds up to 0 over each channel with the statistics of the batch, not with estimates', () => {
  const x = leaf(random(7, [3, 4, 5], 1));
  const dy = random(8, [3, 4, 5]);
  const sums = (options: BatchChannelNormOptions): number[] => {
    const y = norm(x, { numGroups: 2, ...options }, identity(4), double([2, 0.5, -1, 1.5]), double([1, 0, -1, 2]));
    const dx = grad([y], [x], { gradOutputs: [dy] })[0]!.data;
    return [0, 1, 2, 3].map((c) => Math.abs(add(dx.filter((_, i) => Math.floor(i / 5) % 4 === c))));
  };
  assert.ok(sums({}).every((sum) => sum < 1e-14));
  assert.ok(sums({ estimate: true }).every((sum) => sum > 1e-3));
});

test('the gradient in front of the groups adds up to 0 over each, and along vHat all but eps of the variance is gone', () => {
  const x = leaf(random(9, [2, 4, 3]));
  const dy = random(10, [2, 4, 3]);
  const eps = 0.25;
  const weight = double([3, -2]);
  // with these estimates u is x
  const y = batchChannelNorm(x, null, null, weight, null, identity(4), { numGroups: 2, eps, bnEps: 0, training: false });
  const du = grad([y], [x], { gradOutputs: [dy] })[0]!.data;
  for (let k = 0; k < 4; k++) {
    const at = Array.from({ length: 6 }, (_, i) => 6 * k + i);
    const mean = add(at.map((i) => x.data[i]!)) / 6;
    const s = add(at.map((i) => (x.data[i]! - mean) ** 2)) / 6;
    const vHat = at.map((i) => (x.data[i]! - mean) / Math.sqrt(s + eps));
    const along = add(at.map((i, j) => weight.data[k % 2]! * dy.data[i]! * vHat[j]!));
    assert.ok(Math.abs(add(at.map((i) => du[i]!))) < 1e-14);
    assert.ok(Math.abs(add(at.map((i, j) => du[i]! * vHat[j]!)) - (along * eps) / (s + eps) ** 1.5) < 1e-14);
  }
});

test('with a movingSpeed of 0, and in evaluation, a batch is as many batches of one, bit by bit', () => {
  const x = normal(new Random(11), [4, 6, 3], 1, 2);
  for (const estimate of [true, false]) {
    const layer = new BatchChannelNorm(6, { numGroups: 3, estimate, movingSpeed: 0 }).train(estimate);
    layer.state.runningMean.data.set([1, 0, 2, -1, 0.5, 3]);
    const singles = [0, 1, 2, 3].map((n) => layer.forward(slice(x, 0, n, n + 1)));
    assert.equal(toArray(layer.forward(x)), toArray(concat(singles)));
  }
});

test('samples and positions that change places change places in the result, and the state does not notice', () => {
  const x = random(12, [3, 4, 5], 1);
  for (const estimate of [true, false]) {
    const run = (input: Tensor): { y: Tensor; state: ReturnType<typeof identity> } => {
      const state = identity(4);
      return { y: norm(input, { numGroups: 2, estimate, movingSpeed: 0.5 }, state, double([1, -2, 0.5, 3]), double([0, 1, 2, 3])), state };
    };
    const { y, state } = run(x);
    for (const [axis, order] of [[0, [2, 0, 1]], [2, [4, 0, 3, 1, 2]]] as const) {
      const turned = run(take(x, order, axis));
      assertClose(turned.y, take(y, order, axis), 1e-14);
      assertClose(turned.state.runningMean, state.runningMean, 1e-15);
      assertClose(turned.state.runningVar, state.runningVar, 1e-15);
    }
  }
});

test('two values in a group become plus and minus d / sqrt(d^2 + eps), and nearly no gradient passes', () => {
  const x = leaf(double([[1, 7]]));
  const y = norm(x, { numGroups: 1, eps: 7, bnEps: 0, training: false }, identity(2));
  assertClose(y, [[-0.75, 0.75]], 1e-15);
  assertClose(grad([y], [x], { gradOutputs: [double([[1, 0]])] })[0]!, [[7 / 128, -7 / 128]], 1e-15);
});

test('with two values in a group and in a channel nearly all of the gradient is gone, and what is left is still right', () => {
  // the first was found by the comparison with the definition: 1.6e-7 is left of terms of size 4
  const examples: { x: Tensor; bnWeight: number[]; dy: number[] }[] = [
    { x: double([[0, 0, 0, 0], [0, 0, 1, 0]]), bnWeight: [0, 0, 1, 0], dy: [0, 0, 0, 0, 0, 0, 1, 0] },
    ...[20, 21, 22, 23].flatMap((seed) =>
      [[2, 4], [1, 2, 2]].map((shape) => ({ x: random(seed, shape), bnWeight: [1, 0.7, -1.3, 0.4], dy: [...random(seed + 4, shape).data] })),
    ),
  ];
  for (const { x, bnWeight, dy } of examples) {
    const [fused, definition] = [batchChannelNorm, batchChannelNormDefinition].map((call) => {
      const given = leaf(x);
      const y = call(given, double(bnWeight.slice(0, x.shape[1])), null, null, null, null, { numGroups: 2, bnEps: 2 ** -10 });
      return grad([y], [given], { gradOutputs: [fromArray(Float64Array.from(dy), x.shape)] })[0]!.data;
    }) as [Float64Array, Float64Array];
    const size = Math.max(...definition.map(Math.abs));
    assert.ok(size > 0 && size < 0.05);
    fused.forEach((value, i) => assert.ok(Math.abs(value - definition[i]!) <= 2e-10 * size));
  }
});

test('a constant channel is its bnBias among the others of its group', () => {
  const x = double([[[5, 5], [1, 3]], [[5, 5], [0, 4]]]);
  const got = norm(x, { numGroups: 1, eps: 0.0625, bnEps: 1.5 }, null, double([9, 1]), double([1, 0]));
  // the second channel has mean 2 and variance 2.5: of the first sample u is 1, 1, -0.5, 0.5, with mean 0.5 and variance 0.375
  const rstd = 1 / Math.sqrt(0.4375);
  assertClose(slice(got, 0, 0, 1), [[[rstd / 2, rstd / 2], [-rstd, 0]]], 1e-14);
});

test('a constant input gives the bias exactly where the values of bnBias are equal, and else their normalized differences', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const x = leaf(fromArray(new Float64Array(60).fill(0.1), [2, 6, 5], { dtype }));
    const parameter = (values: number[]): Tensor => tensor(values, { dtype });
    const bias = parameter([0.7, -1, 3]);
    const bnBias = leaf(parameter([0.3, 0.3, 0.3, 0.3, -1, 2]));
    const y = batchChannelNorm(x, null, bnBias, null, bias, null, { numGroups: 3, eps: 0.25 });
    y.data.forEach((value, i) => {
      const k = Math.floor(i / 5) % 6;
      if (k < 4) assert.is(value, bias.data[k >> 1]);
      else assert.ok(Math.abs(value - 3 - ((k === 4 ? -1 : 1) * 1.5) / Math.sqrt(2.5)) < 1e-6);
    });
    for (const found of grad([y], [x, bnBias], { gradOutputs: [y] })) assert.ok(found.data.every(Number.isFinite));
  }
});

test('a large common offset costs no digits', () => {
  const small = normal(new Random(13), [3, 4, 8]);
  const x = fromArray(small.data.map((value) => Math.fround(value * 1024) / 1024), small.shape);
  const offset = fromArray(x.data.map((value) => Math.fround(value + 4096)), x.shape);
  const exact = fromArray(Float64Array.from(offset.data, (value) => value - 4096), x.shape);
  assertClose(norm(offset, { numGroups: 2 }), norm(exact, { numGroups: 2 }), 1e-6);
  const [at, around] = [batchChannelNormState(4), identity(4)];
  at.runningMean.data.fill(4097);
  around.runningMean.data.fill(1);
  norm(offset, { numGroups: 2, estimate: true, movingSpeed: 1 }, at);
  norm(exact, { numGroups: 2, estimate: true, movingSpeed: 1 }, around);
  assertClose(at.runningVar, around.runningVar, 1e-6);
});

test('from one call to its backward it keeps x and a few numbers for each sample and channel', () => {
  const size = (shape: number[]): number => {
    const x = leaf(random(14, shape));
    return savedBytes(norm(x, { numGroups: 2 }), { except: [x] }) / 8;
  };
  // mean and variance of each row, of each channel, and of each sample's groups
  assert.is(size([3, 4, 50]), 2 * 12 + 2 * 4 + 2 * 6);
  assert.is(size([3, 4]), 2 * 4 + 2 * 6);
});

test('higher derivatives see the state as it was, and leave it alone', () => {
  for (const options of [{}, { training: false }, { estimate: true, movingSpeed: 0.5 }]) {
    const state = identity(4);
    const x = leaf(random(15, [3, 4, 2]));
    const dy = random(16, [3, 4, 2]);
    const y = norm(x, { numGroups: 2, ...options }, state);
    const before = Object.values(state).map((s) => toArray(s));
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    const kept = state.runningMean.data[0]!;
    state.runningMean.data[0] = 77;
    assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-13);
    state.runningMean.data[0] = kept;
    assert.equal(Object.values(state).map((s) => toArray(s)), before);
  }
});

test.run();
