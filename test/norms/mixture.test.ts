import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { slice } from '../../src/autograd/slice.ts';
import { take } from '../../src/autograd/take.ts';
import { fit, posteriors, rowsOf, softMoments } from '../../src/norms/_mixture-em.ts';
import { planMixture, startOf } from '../../src/norms/_mixture-plan.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import {
  mixtureNorm,
  mixtureNormDefinition,
  type MixtureNormOptions,
  type MixtureNormState,
  mixtureNormState,
} from '../../src/norms/mixture.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('mixture');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const modes = ['none', 'posterior', 'full'] as const;
const norm = (x: Tensor, options: MixtureNormOptions = {}, state: MixtureNormState | null = null): Tensor =>
  mixtureNorm(x, null, null, state, options);

/** Batches of any rank, in float64, of a moderate spread. */
const batches = tensors({ minRank: 2, maxRank: 4, maxExtent: 5, among: ['benign', 'outlier'] });
/** Means on a grid in [-2, 2], `[K, C]`. */
const meansFor = (x: Tensor, components: number, seed: number): Tensor =>
  fromArray(Float64Array.from(normal(new Random(seed), [components, x.shape[1]!], 0, 1).data, (m) => Math.round(16 * m) / 16), [components, x.shape[1]!]);

/** The gradients of x, weight and bias. */
function gradients(call: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor, x: Tensor, dy: Tensor): Tensor[] {
  const channels = x.shape[1]!;
  const weight = leaf(fromArray(Float64Array.from({ length: channels }, (_, c) => 1.5 - c), [channels]));
  const inputs = [leaf(x), weight, leaf(zeros([channels], float64))];
  return grad([call(inputs[0]!, weight, inputs[2]!)], inputs, { gradOutputs: [dy] });
}

test('with one component it is batch norm, outputs and all gradients, however the gradient goes through EM', () => {
  check(
    fc.property(batches, fc.constantFrom(...modes), fc.integer({ min: 0, max: 3 }), (made, emGradient, emSteps) => {
      const x = made.tensor();
      if (x.data.length === x.shape[1]) return;
      const options = { numComponents: 1, emGradient, emSteps, eps: 0.125 };
      assertClose(norm(x, options), batchNorm(x, null, null, null, { eps: 0.125 }), 1e-13);
      const dy = normal(new Random(1), x.shape, 0, 1, float64);
      const want = gradients((...given) => batchNorm(...given, null, { eps: 0.125 }), x, dy);
      gradients((...given) => mixtureNorm(...given, null, options), x, dy).forEach((got, i) => assertClose(got, want[i]!, 1e-11));
    }),
  );
});

test('with one component evaluation is that of batch norm with the same statistics', () => {
  const [mean, variance] = [double([3, -1]), double([2, 0.5])];
  const state = { runningWeight: ones([1], float64), runningMean: double([[3, -1]]), runningVar: double([[2, 0.5]]), numBatchesTracked: double(4) };
  const x = normal(new Random(2), [4, 2, 3], 1, 2, float64);
  const held = { runningMean: mean, runningVar: variance, numBatchesTracked: double(4) };
  assertClose(norm(x, { numComponents: 1, training: false }, state), batchNorm(x, null, null, held, { training: false }), 1e-14);
});

test('from equal means it is the square root of K times batch norm, outputs and gradients', () => {
  const x = normal(new Random(3), [5, 2, 3], 1, 2, float64);
  const dy = normal(new Random(4), x.shape, 0, 1, float64);
  for (const numComponents of [2, 3]) {
    const initMeans = double(Array.from({ length: numComponents }, () => [0.5, -0.25]));
    const factor = Math.sqrt(numComponents);
    const want = gradients((...given) => batchNorm(...given), x, mul(dy, factor));
    for (const emGradient of modes) {
      const options = { numComponents, initMeans, emGradient, emSteps: 3 };
      assertClose(norm(x, options), mul(batchNorm(x), factor), 1e-14);
      const got = gradients((...given) => mixtureNorm(...given, null, options), x, dy);
      assertClose(got[0]!, want[0]!, 1e-13);
      assertClose(got[1]!, want[1]!, 1e-13);
    }
  }
});

test('posteriors of a row and weights of the mixture add up to 1', () => {
  const x = normal(new Random(5), [6, 2, 3], 0, 1, float64);
  const state = mixtureNormState(2, float64);
  const initMeans = meansFor(x, 3, 1);
  norm(x, { initMeans }, state);
  assert.ok(Math.abs((state.runningWeight.data as Float64Array).reduce((a, b) => a + b, 0) - 1) < 1e-15);
  const { p } = fitted(x, { initMeans });
  for (let i = 0; i < p.length; i += 3) assert.ok(Math.abs(p[i]! + p[i + 1]! + p[i + 2]! - 1) < 1e-15);
});

/** The mixtures of EM, the posteriors after it, and the moments weighted by them. */
function fitted(x: Tensor, options: MixtureNormOptions) {
  const { plan } = planMixture('test', [x, null, null], null, options);
  const rows = rowsOf(x);
  const rounds = fit(rows, startOf(plan, x), plan);
  const p = posteriors(rows, rounds[rounds.length - 1]!);
  return { rows, rounds, p, soft: softMoments(rows, p, plan.start.weight.length) };
}

test('components that change places at the start change places in the state, and nothing else', () => {
  const x = normal(new Random(6), [6, 2, 3], 0, 1, float64);
  const initMeans = meansFor(x, 3, 2);
  const [a, b] = [mixtureNormState(2, float64), mixtureNormState(2, float64)];
  const order = [2, 0, 1];
  const y = norm(x, { initMeans }, a);
  assertClose(norm(x, { initMeans: take(initMeans, order) }, b), y, 1e-13);
  for (const name of ['runningWeight', 'runningMean', 'runningVar'] as const) assertClose(b[name], take(a[name], order), 1e-13);
});

test('samples and positions that change places change places in the result; channels with their means do too', () => {
  const x = normal(new Random(7), [4, 2, 3], 0, 1, float64);
  const initMeans = meansFor(x, 2, 3);
  const options = { numComponents: 2, initMeans };
  const y = norm(x, options);
  assertClose(norm(take(x, [2, 0, 3, 1]), options), take(y, [2, 0, 3, 1]), 1e-13);
  assertClose(norm(take(x, [2, 0, 1], 2), options), take(y, [2, 0, 1], 2), 1e-13);
  assertClose(norm(take(x, [1, 0], 1), { ...options, initMeans: take(initMeans, [1, 0], 1) }), take(y, [1, 0], 1), 1e-13);
});

test('a row is a sample at a position: positions may as well be samples', () => {
  const x = normal(new Random(8), [3, 2, 4], 0, 1, float64);
  const rows = fromArray(rowsOf(x).values, [12, 2]);
  const options = { numComponents: 2, initMeans: meansFor(x, 2, 4) };
  const y = norm(x, options);
  assertClose(norm(rows, options), fromArray(rowsOf(y).values, [12, 2]), 1e-14);
});

test('a number added to x and to the initial means changes nothing', () => {
  check(
    fc.property(batches, fc.integer({ min: -64, max: 64 }), (made, shift) => {
      const x = made.with({ exponent: -4 }).tensor();
      const initMeans = meansFor(x, 2, 5);
      const options = { numComponents: 2, covEps: 0.125, eps: 0.125 };
      const { rounds } = fitted(x, { ...options, initMeans });
      // a dead component is drawn towards 0, which does not move along
      if (rounds.some(({ weight }) => weight.some((w) => w < 1e-5))) return;
      assertClose(norm(add(x, shift), { ...options, initMeans: add(initMeans, shift) }), norm(x, { ...options, initMeans }), 1e-10);
    }),
  );
});

test('a power of two as factor of x and the means, with eps and covEps times its square, changes nothing', () => {
  check(
    fc.property(batches, fc.integer({ min: -10, max: 10 }), (made, power) => {
      const x = made.tensor();
      const initMeans = meansFor(x, 2, 6);
      const scaled = { initMeans: mul(initMeans, 2 ** power), eps: 4 ** power / 8, covEps: 4 ** power / 16 };
      const want = norm(x, { numComponents: 2, initMeans, eps: 1 / 8, covEps: 1 / 16 });
      assertClose(norm(mul(x, 2 ** power), { numComponents: 2, ...scaled }), want, 1e-11);
    }),
  );
});

test('weighted by its posteriors each component has mean 0 and, normalized, variance v / (v + eps)', () => {
  const x = normal(new Random(9), [6, 2, 3], 5, 2, float64);
  const { rows, p, soft } = fitted(x, { initMeans: add(meansFor(x, 3, 7), 5) });
  const eps = 0.25;
  for (let k = 0; k < 3; k++) {
    for (let c = 0; c < 2; c++) {
      const at = 2 * k + c;
      let [first, second] = [0, 0];
      for (let i = 0; i < rows.count; i++) {
        const xHat = (rows.values[2 * i + c]! - soft.mean[at]!) / Math.sqrt(soft.variance[at]! + eps);
        first += (p[3 * i + k]! / soft.total[k]!) * xHat;
        second += (p[3 * i + k]! / soft.total[k]!) * xHat * xHat;
      }
      assert.ok(Math.abs(first) < 1e-14);
      assert.ok(Math.abs(second - soft.variance[at]! / (soft.variance[at]! + eps)) < 1e-14);
    }
  }
});

test('the likelihood of the rows does not decrease from round to round', () => {
  const x = normal(new Random(10), [20, 2], 0, 1, float64);
  const { rows, rounds } = fitted(x, { initMeans: meansFor(x, 3, 8), covEps: 0, emSteps: 12 });
  const likelihood = rounds.map(({ weight, mean, variance }) => {
    let total = 0;
    for (let i = 0; i < rows.count; i++) {
      let density = 0;
      weight.forEach((w, k) => {
        for (let c = 0; c < 2; c++) {
          const v = variance[2 * k + c]!;
          w *= Math.exp(-0.5 * ((rows.values[2 * i + c]! - mean[2 * k + c]!) ** 2 / v)) / Math.sqrt(2 * Math.PI * v);
        }
        density += w;
      });
      total += Math.log(density);
    }
    return total;
  });
  likelihood.slice(1).forEach((value, i) => assert.ok(value >= likelihood[i]! - 1e-12, `round ${i}: ${likelihood}`));
  assert.ok(likelihood[12]! > likelihood[0]! + 1);
});

test('clusters far apart are each normalized by themselves, over the root of their part of the rows', () => {
  const near = normal(new Random(11), [4, 2], 0, 1, float64);
  const far = add(normal(new Random(12), [8, 2], 0, 2, float64), 1000);
  const x = fromArray([...near.data, ...far.data].map(Number), [12, 2], float64);
  const y = norm(x, { numComponents: 2, initMeans: double([[0, 0], [1000, 1000]]) });
  assertClose(slice(y, 0, 0, 4), mul(batchNorm(near), Math.sqrt(3)), 1e-11);
  assertClose(slice(y, 0, 4, 12), mul(batchNorm(far), Math.sqrt(1.5)), 1e-11);
  const second = norm(x, { numComponents: 2, initMeans: double([[0, 0], [1000, 1000]]), eps: 0 });
  for (let c = 0; c < 2; c++) {
    let total = 0;
    for (let i = 0; i < 12; i++) total += second.data[2 * i + c]! ** 2 / 12;
    assert.ok(Math.abs(total - 2) < 1e-11, 'the second moment is the number of components');
  }
});

test('in evaluation samples do not know of each other, bit by bit', () => {
  const state = mixtureNormState(2);
  norm(normal(new Random(13), [9, 2, 2]), {}, state);
  const x = normal(new Random(14), [4, 2, 2]);
  const whole = norm(x, { training: false }, state);
  const parts = [0, 1, 2, 3].map((i) => norm(slice(x, 0, i, i + 1), { training: false }, state));
  assert.equal(parts.flatMap((part) => [...part.data]), [...whole.data]);
});

test('emGradient changes the gradient of x much, and no output', () => {
  const x = normal(new Random(15), [6, 2, 3], 0, 1, float64);
  const dy = normal(new Random(16), x.shape, 0, 1, float64);
  const initMeans = meansFor(x, 2, 9);
  for (const training of [true, false]) {
    const found = modes.map((emGradient) => {
      const state = { ...mixtureNormState(2, { numComponents: 2, ...float64 }), runningMean: double([[1, 0], [-1, 0.5]]) };
      const options = { numComponents: 2, initMeans, emGradient, training };
      const y = norm(x, options, state);
      return { y, gradients: gradients((...given) => mixtureNorm(...given, state, options), x, dy) };
    });
    const apart = (a: number, b: number): number =>
      Math.max(...found[a]!.gradients[0]!.data.map((g, i) => Math.abs(g - found[b]!.gradients[0]!.data[i]!)));
    for (const { y, gradients: got } of found) {
      assert.equal(toArray(y), toArray(found[0]!.y));
      assert.equal([toArray(got[1]!), toArray(got[2]!)], [toArray(found[0]!.gradients[1]!), toArray(found[0]!.gradients[2]!)]);
    }
    assert.ok(apart(0, 1) > 0.05);
    if (training) assert.ok(apart(1, 2) > 0.05);
    else assert.is(apart(1, 2), 0);
  }
});

test('a channel that is constant has no say in the posteriors', () => {
  const x = normal(new Random(17), [8, 1, 2], 0, 1, float64);
  const constant = full([8, 1, 2], 3, float64);
  const both = fromArray(Float64Array.from({ length: 32 }, (_, i) => (i % 4 < 2 ? x : constant).data[2 * Math.floor(i / 4) + (i % 2)]!), [8, 2, 2]);
  const y = norm(both, { numComponents: 2, initMeans: double([[-1, 3], [1, 3]]) });
  assertClose(slice(y, 1, 0, 1), norm(x, { numComponents: 2, initMeans: double([[-1], [1]]) }), 1e-12);
  assertClose(slice(y, 1, 1, 2), zeros([8, 1, 2], float64), 0);
});

test('a constant input gives the bias exactly, from seeds as well, and a gradient that is finite', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const bias = tensor([0.7, -1], { dtype });
    const x = full([3, 2, 4], 0.1, { dtype, requiresGrad: true });
    for (const emGradient of modes) {
      const y = mixtureNorm(x, ones([2], { dtype }), bias, null, { emGradient });
      y.data.forEach((value, i) => assert.is(value, bias.data[Math.floor(i / 4) % 2]));
      const dx = grad([y], [x], { gradOutputs: [full(y.shape, 1, { dtype })] })[0]!;
      assert.ok(dx.data.every((value) => Number.isFinite(value)));
    }
  }
});

test('a component that no row belongs to is as good as absent, its gradients are those of the definition', () => {
  const x = normal(new Random(18), [8, 2, 2], 0, 1, float64);
  const dy = normal(new Random(19), x.shape, 0, 1, float64);
  const initMeans = double([[-1, 0], [1, 0.5], [1e5, 1e5]]);
  const state = mixtureNormState(2, float64);
  const y = norm(x, { initMeans }, state);
  assertClose(y, norm(x, { numComponents: 2, initMeans: slice(initMeans, 0, 0, 2) }), 1e-12);
  assert.equal([...state.runningWeight.data].map((w) => w < 1e-9), [false, false, true]);
  for (const emGradient of modes) {
    const [got, want] = [mixtureNorm, mixtureNormDefinition].map((call) => gradients((...given) => call(...given, null, { initMeans, emGradient }), x, dy));
    got!.forEach((value, i) => assertClose(value, want![i]!, 1e-11));
  }
});

test('a component below the floor that still has a part in later rounds has the gradients of the definition', () => {
  const x = normal(new Random(18), [8, 1], 0, 1, float64);
  const dy = normal(new Random(19), x.shape, 0, 1, float64);
  for (const far of [11.5, 12, 13]) {
    const options = { initMeans: double([[-1], [1], [far]]), emGradient: 'full', emSteps: 3, covEps: 0.125 } as const;
    const { rounds } = fitted(x, options);
    assert.ok(rounds.slice(1).some(({ weight }) => weight[2]! * 8 <= 1.001e-8), 'it is at the floor');
    const [got, want] = [mixtureNorm, mixtureNormDefinition].map((call) => gradients((...given) => call(...given, null, options), x, dy));
    got!.forEach((value, i) => assertClose(value, want![i]!, 1e-12));
  }
});

test('fewer rows than components, a single row too, are fine', () => {
  for (const rows of [1, 2]) {
    const x = leaf(normal(new Random(20), [rows, 2], 0, 1, float64));
    for (const emGradient of modes) {
      const y = norm(x, { numComponents: 4, emGradient });
      if (rows === 1) assertClose(y, zeros([1, 2], float64), 0);
      const dx = grad([y], [x], { gradOutputs: [ones(y.shape, float64)] })[0]!;
      assert.ok([...y.data, ...dx.data].every(Number.isFinite));
    }
  }
});

test('many channels make posteriors hard, and nothing overflows', () => {
  const x = normal(new Random(21), [10, 400], 0, 30);
  const state = mixtureNormState(400);
  const y = norm(x, { emSteps: 3 }, state);
  assert.ok([...y.data, ...state.runningVar.data, ...state.runningWeight.data].every(Number.isFinite));
  const { p } = fitted(x, { emSteps: 3 });
  assert.ok(p.every((value) => value < 1e-6 || value > 1 - 1e-6));
});

test('where covEps is above the variance of the data all components see one blob', () => {
  const x = mul(normal(new Random(22), [12, 2], 0, 1, float64), 1e-6);
  const initMeans = double([[1e-6, 0], [-1e-6, 1e-6]]);
  const options = { numComponents: 2, initMeans, eps: 1e-16 };
  assertClose(norm(x, options), mul(batchNorm(x, null, null, null, { eps: 1e-16 }), Math.SQRT2), 1e-4);
  const fine = norm(x, { ...options, covEps: 1e-18 });
  assert.ok(fine.data.some((value, i) => Math.abs(value - norm(x, options).data[i]!) > 0.05));
});

test('a large common offset costs no digits', () => {
  const small = normal(new Random(23), [8, 2, 4]);
  const x = fromArray(small.data.map((value) => Math.fround(value * 1024) / 1024), small.shape);
  const offset = fromArray(x.data.map((value) => Math.fround(value + 4096)), x.shape);
  const exact = fromArray(Float64Array.from(offset.data, (value) => value - 4096), x.shape);
  const means = [[-1, 0], [1, 0.5]];
  const got = norm(offset, { numComponents: 2, initMeans: tensor(means.map((row) => row.map((m) => m + 4096))) });
  assertClose(got, norm(exact, { numComponents: 2, initMeans: double(means) }), 1e-6);
});

test('the graph keeps x, the parameters and a few numbers of each component, no posteriors', () => {
  const x = leaf(normal(new Random(24), [64, 4, 8]));
  // weights, means and variances of two components, for each of up to six rounds, and where EM started
  const numbers = 8 * 2 * (1 + 2 * 4) * (6 + 2);
  const posteriors = 8 * 2 * (64 * 8);
  assert.ok(numbers < posteriors);
  for (const emGradient of modes) {
    const kept = savedBytes(norm(x, { numComponents: 2, emGradient, emSteps: 5 }), { except: [x] });
    assert.ok(kept <= numbers, `${kept} bytes, at most ${numbers}`);
  }
});

test.run();
