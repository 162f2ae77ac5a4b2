import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { mul } from '../../src/autograd/mul.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sub } from '../../src/autograd/sub.ts';
import { take } from '../../src/autograd/take.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { onlineNorm, onlineNormDefinition, type OnlineNormOptions, onlineNormState, type OnlineNormState } from '../../src/norms/online.ts';
import { rmsNorm } from '../../src/norms/rms.ts';
import { copy, fromArray, full, ones, tensor } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { type Channel, forward } from '../support/online-stream.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('online');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const names = ['runningMean', 'runningVar', 'errorMean', 'errorProj'] as const;

/** A state of its own memory, with the given numbers for each channel. */
function stateOf(channels: number, values: Partial<Record<(typeof names)[number], number>> = {}): OnlineNormState {
  const given = { runningMean: 0.25, runningVar: 1.5, errorMean: -0.5, errorProj: 0.75, ...values };
  return Object.fromEntries(names.map((name) => [name, full([channels], given[name], float64)])) as unknown as OnlineNormState;
}

const held = (state: OnlineNormState): number[][] => names.map((name) => [...state[name].data]);

const weightOf = (channels: number): Tensor => double(Array.from({ length: channels }, (_, c) => 1.5 - c));
const biasOf = (channels: number): Tensor => double(Array.from({ length: channels }, (_, c) => c / 4));

/** Forward and backward of one call, x and dy in memory of their own. */
function call(x: Tensor, dy: Tensor, state: OnlineNormState, options: OnlineNormOptions, form = onlineNorm) {
  const [input, weight, bias] = [x, weightOf(x.shape[1]!), biasOf(x.shape[1]!)].map((given) => copy(given, { requiresGrad: true })) as [Tensor, Tensor, Tensor];
  const y = form(input, weight, bias, state, options);
  const [dx, dWeight, dBias] = grad([y], [input, weight, bias], { gradOutputs: [dy] }) as [Tensor, Tensor, Tensor];
  return { y, dx, dWeight, dBias };
}

/** The same, one sample at a time. */
function oneByOne(x: Tensor, dy: Tensor, state: OnlineNormState, options: OnlineNormOptions, form = onlineNorm) {
  const calls = Array.from({ length: x.shape[0]! }, (_, t) => call(slice(x, 0, t, t + 1), slice(dy, 0, t, t + 1), state, options, form));
  return { y: concat(calls.map(({ y }) => y)), dx: concat(calls.map(({ dx }) => dx)) };
}

const sumOf = (x: Tensor): number => (x.data as Float64Array).reduce((a, b) => a + b, 0);

const weightsLike = (x: Tensor): Tensor => fromArray(x.data.map((_, i) => (((i * 7) % 11) - 5) / 4), x.shape);

/** Batches of any rank, in float64, and options. */
const batches = tensors({ minRank: 2, maxRank: 4, maxExtent: 5, among: ['benign', 'offset', 'outlier', 'constant slice'] });
const optionsIn = fc.record({
  alphaFwd: fc.constantFrom(0.999, 0.9, 0.5, 0, 1),
  alphaBkw: fc.constantFrom(0.99, 0.75, 1),
  eps: fc.constantFrom(1e-5, 0.125),
  ecm: fc.constantFrom('clamp', 'layerScaling', 'none'),
});

test('one call with N samples is N calls with one sample, exactly: results, gradients and all of the state', () => {
  check(
    fc.property(batches, optionsIn, fc.boolean(), (made, options, fused) => {
      const form = fused ? onlineNorm : onlineNormDefinition;
      const x = made.tensor('float64');
      const dy = weightsLike(x);
      const [one, many] = [stateOf(x.shape[1]!), stateOf(x.shape[1]!)];
      const whole = call(x, dy, one, options, form);
      const parts = oneByOne(x, dy, many, options, form);
      assert.equal([...parts.y.data], [...whole.y.data]);
      assert.equal([...parts.dx.data], [...whole.dx.data]);
      assert.equal(held(many), held(one));
    }),
  );
});

test('in float32, whose state is rounded after each call, the two agree to its rounding', () => {
  const x = normal(new Random(1), [40, 3, 4], 1, 2);
  const run = (sizes: readonly number[]): { y: number[]; dx: number[]; state: OnlineNormState } => {
    const state = onlineNormState(3);
    const [y, dx]: [number[], number[]] = [[], []];
    let at = 0;
    for (const size of sizes) {
      const part = copy(slice(x, 0, at, (at += size)), { requiresGrad: true });
      const out = onlineNorm(part, null, null, state, { alphaFwd: 0.9, alphaBkw: 0.9 });
      y.push(...out.data);
      dx.push(...grad([out], [part], { gradOutputs: [weightsLike(part)] })[0]!.data);
    }
    return { y, dx, state };
  };
  const [whole, single] = [run([40]), run(new Array<number>(40).fill(1))];
  whole.y.forEach((value, i) => assert.ok(Math.abs(value - single.y[i]!) < 1e-5));
  for (const name of ['runningMean', 'runningVar'] as const) assertClose(single.state[name], whole.state[name], 1e-6);
});

test('what comes later changes nothing that came before, exactly, and the order of samples matters', () => {
  const x = normal(new Random(2), [6, 2, 3], 1, 2, float64);
  const dy = normal(new Random(3), [6, 2, 3], 0, 1, float64);
  const options = { alphaFwd: 0.75, alphaBkw: 0.75 };
  const whole = call(x, dy, stateOf(2), options);
  for (let t = 1; t < 6; t++) {
    const other = (from: Tensor): Tensor => fromArray(from.data.map((value, i) => (i < 6 * t ? value : 9 - value)), from.shape);
    const changed = call(other(x), other(dy), stateOf(2), options);
    assert.equal([...changed.y.data.slice(0, 6 * t)], [...whole.y.data.slice(0, 6 * t)]);
    assert.equal([...changed.dx.data.slice(0, 6 * t)], [...whole.dx.data.slice(0, 6 * t)]);
    assert.is.not(changed.dx.data[6 * t], whole.dx.data[6 * t]);
  }
  const order = [1, 0, 2, 3, 4, 5];
  const turned = call(take(x, order), take(dy, order), stateOf(2), options);
  assert.ok(Math.abs(turned.y.data[30]! - whole.y.data[30]!) > 1e-3);
  assert.ok(Math.abs(turned.dx.data[30]! - whole.dx.data[30]!) > 1e-3);
});

test('the running variance is that of all positions so far, weighted by alphaFwd to the power of their age', () => {
  check(
    fc.property(batches, fc.constantFrom(0.999, 0.9, 0.5), (made, af) => {
      const x = made.tensor('float64');
      const [samples, channels] = x.shape as [number, number];
      const inner = x.data.length / samples / channels;
      const state = stateOf(channels);
      onlineNorm(x, null, null, state, { alphaFwd: af });
      for (let c = 0; c < channels; c++) {
        // v + mu^2 = af^N (v_0 + mu_0^2) + (1 - af) sum of af^(N - 1 - t) mean(x_t^2)
        let want = 1.5 + 0.25 ** 2;
        for (let t = 0; t < samples; t++) {
          const start = (t * channels + c) * inner;
          const values = x.data.slice(start, start + inner) as Float64Array;
          want = af * want + ((1 - af) * values.reduce((a, b) => a + b * b, 0)) / inner;
        }
        const [mu, v] = [state.runningMean.data[c]!, state.runningVar.data[c]!];
        assert.ok(Math.abs(v + mu * mu - want) <= 1e-14 * (1 + want), `${v + mu * mu}, ${want}`);
      }
    }),
  );
});

test('with alphaBkw 1 the gradient is the derivative with the statistics held, and the errors still add up', () => {
  check(
    fc.property(batches, optionsIn, (made, { eps, ecm, alphaFwd }) => {
      const x = made.tensor('float64');
      const dy = weightsLike(x);
      const [samples, channels] = x.shape as [number, number];
      const inner = x.data.length / samples / channels;
      const state = stateOf(channels);
      const got = call(x, dy, state, { alphaFwd, alphaBkw: 1, eps, ecm });
      // the statistics of each sample as constants, from the model
      const [mu, rstd] = [new Float64Array(x.data.length), new Float64Array(x.data.length)];
      for (let c = 0; c < channels; c++) {
        const channel: Channel = { mu: 0.25, v: 1.5, errorMean: 0, errorProj: 0 };
        for (let t = 0; t < samples; t++) {
          const start = (t * channels + c) * inner;
          mu.fill(channel.mu, start, start + inner);
          const [sample] = forward(channel, [[...x.data.slice(start, start + inner)]], { alphaFwd, alphaBkw: 1, eps });
          rstd.fill(1 / sample!.sigma, start, start + inner);
        }
      }
      const input = copy(x, { requiresGrad: true });
      const xHat = mul(sub(input, fromArray(mu, x.shape)), fromArray(rstd, x.shape));
      const neutral = { runningMean: 0, runningVar: 1 };
      const y = onlineNorm(xHat, weightOf(channels), biasOf(channels), stateOf(channels, neutral), { eps: 0, ecm, training: false });
      assertClose(got.y, y, 1e-9);
      const dx = grad([y], [input], { gradOutputs: [dy] })[0]!;
      const size = Math.max(...dx.data.map(Math.abs));
      dx.data.forEach((value, i) => assert.ok(Math.abs(value - got.dx.data[i]!) <= 1e-9 * (1e-6 + size)));
      for (let c = 0; c < channels; c++) {
        const given = (got.dx.data as Float64Array).filter((_, i) => Math.floor(i / inner) % channels === c);
        const want = given.reduce((a, b) => a + b, 0) / inner;
        assert.ok(Math.abs(state.errorMean.data[c]! + 0.5 - want) <= 1e-13 * (1 + samples * size));
      }
    }),
  );
});

test('the means of dx add up to the change of errorMean, those of a y to the change of errorProj', () => {
  const [random, state] = [new Random(4), stateOf(1)];
  const options = { alphaFwd: 0.9, alphaBkw: 0.9, ecm: 'none', eps: 1e-5 } as const;
  let [shifts, projections] = [0, 0];
  for (let t = 0; t < 50; t++) {
    const x = copy(normal(random, [1, 1, 4], 1, 2, float64), { requiresGrad: true });
    const sigma = Math.sqrt(state.runningVar.data[0]! + 1e-5);
    const feedback = (1 - 0.9) * state.errorMean.data[0]!;
    const y = onlineNorm(x, null, null, state, options);
    const dx = grad([y], [x], { gradOutputs: [normal(random, [1, 1, 4], 0, 1, float64)] })[0]!;
    shifts += sumOf(dx) / 4;
    // a, from dx = a / sigma - k errorMean
    dx.data.forEach((value, i) => (projections += ((value + feedback) * sigma * y.data[i]!) / 4));
  }
  assert.ok(Math.abs(state.errorMean.data[0]! + 0.5 - shifts) < 1e-13);
  assert.ok(Math.abs(state.errorProj.data[0]! - 0.75 - projections) < 1e-13);
});

test('the mean of all gradients of x goes to 0 with time, as does that of the gradients of y times y', () => {
  const random = new Random(5);
  const state = onlineNormState(1, float64);
  const size = 500;
  let [means, projections] = [0, 0];
  for (let t = 0; t < size; t++) {
    const x = copy(normal(random, [1, 1, 4], 3, 2, float64), { requiresGrad: true });
    const y = onlineNorm(x, null, null, state, { alphaFwd: 0.9, alphaBkw: 0.9, ecm: 'none' });
    // a gradient with a mean and a part along y, which the derivative of batch norm would take out
    const dx = grad([y], [x], { gradOutputs: [fromArray(y.data.map((value) => 1 + value), y.shape)] })[0]!;
    means += sumOf(dx) / 4 / size;
    projections += (dx.data as Float64Array).reduce((total, g, i) => total + g * y.data[i]!, 0) / 4 / size;
  }
  assert.ok(Math.abs(means) < 0.02, `${means}`);
  assert.ok(Math.abs(projections) < 0.05, `${projections}`);
});

test('the errors stay bounded while (1 - alphaBkw) mean(y^2) is at most 1', () => {
  const random = new Random(6);
  const k = 1 - 0.75;
  for (const offset of [0, 0.5]) {
    const state = stateOf(1, { errorMean: 3, errorProj: -2 });
    let [least, most, pull, drift] = [Infinity, 0, 0, 0];
    for (let t = 0; t < 300; t++) {
      const x = copy(normal(random, [1, 1, 8], offset, 1, float64), { requiresGrad: true });
      const dy = normal(random, [1, 1, 8], 0.5, 1, float64);
      const rstd = 1 / Math.sqrt(state.runningVar.data[0]! + 1e-5);
      const feedback = k * state.errorProj.data[0]!;
      const y = onlineNorm(x, null, null, state, { alphaFwd: 0.99, alphaBkw: 0.75, ecm: 'none' });
      const q = sumOf(mul(y, y)) / 8;
      [least, most] = [Math.min(least, q), Math.max(most, q)];
      pull = Math.max(pull, Math.abs(sumOf(mul(dy, y))) / 8);
      drift = Math.max(drift, Math.abs((sumOf(dy) - feedback * sumOf(y)) / 8) * rstd);
      backward(y, dy);
      assert.ok(Math.abs(state.errorMean.data[0]!) <= Math.max(3, drift / k) + 1e-12);
      assert.ok(most > 1 / k || Math.abs(state.errorProj.data[0]!) <= Math.max(2, pull / (k * least)) + 1e-12);
    }
    assert.ok(most <= 1 / k, 'the bound of errorProj was looked at to the end');
  }
});

test('x -> a x + b, with the state moved along, gives the same y and 1/a of the gradient, with eps 0', () => {
  check(
    fc.property(tensors({ minRank: 2, maxRank: 4, maxExtent: 4, among: ['benign'] }), fc.integer({ min: -6, max: 6 }), fc.integer({ min: -8, max: 8 }), (made, power, b) => {
      const x = made.tensor('float64');
      const channels = x.shape[1]!;
      const a = 2 ** power;
      const options = { alphaFwd: 0.9, alphaBkw: 0.9, eps: 0 };
      const [plain, moved] = [stateOf(channels), stateOf(channels, { runningMean: 0.25 * a + b, runningVar: 1.5 * a * a, errorMean: -0.5 / a })];
      const one = call(x, weightsLike(x), plain, options);
      const two = call(fromArray(x.data.map((value) => a * value + b), x.shape), weightsLike(x), moved, options);
      assertClose(two.y, one.y, 1e-8);
      assertClose(mul(two.dx, a), one.dx, 1e-8);
      assertClose(mul(moved.errorMean, a), plain.errorMean, 1e-8);
      assertClose(moved.errorProj, plain.errorProj, 1e-8);
    }),
  );
});

test('evaluation is that of batch norm, results and gradients, bit by bit; so is training with both alphas 1', () => {
  const x = normal(new Random(7), [4, 3, 2], 1, 2, float64);
  const dy = normal(new Random(8), [4, 3, 2], 0, 1, float64);
  const [weight, bias] = [double([2, -1, 0.5]), double([0, 1, -3])];
  const run = (norm: (x: Tensor) => Tensor): number[][] => {
    const input = copy(x, { requiresGrad: true });
    const y = norm(input);
    return [[...y.data], [...grad([y], [input], { gradOutputs: [dy] })[0]!.data]];
  };
  const { errorMean, errorProj, ...running } = stateOf(3);
  const want = run((input) => batchNorm(input, weight, bias, { ...running, numBatchesTracked: double(0) }, { training: false }));
  const state = { ...running, errorMean, errorProj };
  assert.equal(run((input) => onlineNorm(input, weight, bias, state, { ecm: 'none', training: false })), want);
  const [y, dx] = run((input) => onlineNorm(input, weight, bias, state, { ecm: 'none', alphaFwd: 1, alphaBkw: 1 }));
  assert.equal(y, want[0]);
  dx!.forEach((value, i) => assert.ok(Math.abs(value - want[1]![i]!) <= 1e-15 * Math.abs(value)));
  const turned = onlineNorm(take(x, [2, 0, 3, 1]), weight, bias, state, { training: false });
  assert.equal([...turned.data], [...take(onlineNorm(x, weight, bias, state, { training: false }), [2, 0, 3, 1]).data]);
});

test('with alphaFwd 0 a sample is normalized with the one before it: like instance norm where they are equal', () => {
  const x = normal(new Random(9), [1, 3, 6], 1, 2, float64);
  const y = onlineNorm(concat([x, x]), null, null, stateOf(3), { alphaFwd: 0, ecm: 'none' });
  assertClose(slice(y, 0, 1), instanceNorm(x), 1e-14);
});

test('layer scaling is RMS norm of each sample or block of channels, of mean square below 1; clamping twice is clamping once', () => {
  const x = normal(new Random(10), [3, 4, 5], 1, 6, float64);
  const u = onlineNorm(x, null, null, stateOf(4), { ecm: 'none' });
  const scaled = onlineNorm(x, null, null, stateOf(4), { ecm: 'layerScaling', lsEps: 1e-3 });
  assertClose(scaled, rmsNorm(u, null, { normalizedShape: [4, 5], eps: 1e-3 }), 1e-14);
  for (let n = 0; n < 3; n++) assert.ok(sumOf(mul(slice(scaled, 0, n, n + 1), slice(scaled, 0, n, n + 1))) / 20 < 1);
  const blocks = onlineNorm(x, null, null, stateOf(4), { ecm: 'layerScaling', lsGroupSize: 2 });
  const rows = rmsNorm(fromArray(u.data, [6, 10]), null, { normalizedShape: [10], eps: 1e-5 });
  assertClose(fromArray(blocks.data, [6, 10]), rows, 1e-14);
  const clamped = onlineNorm(x, null, null, stateOf(4), { clampValue: 1.5 });
  assert.equal([...clamped.data], Array.from(u.data, (value) => Math.min(Math.max(value, -1.5), 1.5)));
});

test('layer scaling makes a value that is alone in its block almost its sign, with next to no gradient', () => {
  for (const norm of [onlineNorm, onlineNormDefinition]) {
    const x = copy(double([[3], [-2]]), { requiresGrad: true });
    const state = stateOf(1, { runningMean: 0, runningVar: 1, errorMean: 0, errorProj: 0 });
    const y = norm(x, null, null, state, { alphaFwd: 1, alphaBkw: 1, eps: 0, ecm: 'layerScaling' });
    const root = [Math.sqrt(9 + 1e-5), Math.sqrt(4 + 1e-5)] as const;
    assertClose(y, [[3 / root[0]], [-2 / root[1]]], 1e-15);
    assertClose(grad([y], [x], { gradOutputs: [ones([2, 1], float64)] })[0]!, [[1e-5 / root[0] ** 3], [1e-5 / root[1] ** 3]], 1e-15);
  }
});

test('after many samples of a stationary stream the results have mean 0 and variance 1', () => {
  const random = new Random(11);
  const state = onlineNormState(2, float64);
  const seen: number[][] = [[], []];
  for (let t = 0; t < 3000; t++) {
    const x = normal(random, [1, 2, 4], 3, 2, float64);
    const y = onlineNorm(x, null, null, state, { alphaFwd: 0.99 });
    if (t >= 1000) y.data.forEach((value, i) => seen[Math.floor(i / 4)]!.push(value));
  }
  for (const values of seen) {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    assert.ok(Math.abs(mean) < 0.05 && Math.abs(variance - 1) < 0.05, `${mean}, ${variance}`);
  }
});

test('a gradient at the bounds of the clamp passes whole, beyond them none does', () => {
  const x = copy(double([[3], [-3], [2.5], [3.5], [-4]]), { requiresGrad: true });
  const state = stateOf(1, { runningMean: 0, runningVar: 1, errorMean: 0, errorProj: 0 });
  const y = onlineNorm(x, null, null, state, { alphaFwd: 1, alphaBkw: 1, eps: 0, clampValue: 3 });
  assert.equal(toArray(y), [[3], [-3], [2.5], [3], [-3]]);
  assert.equal(toArray(grad([y], [x], { gradOutputs: [ones([5, 1], float64)] })[0]!), [[1], [1], [1], [0], [0]]);
});

test.run();
