import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import {
  ActNorm,
  actNorm,
  actNormDefinition,
  actNormInverse,
  actNormInverseDefinition,
  type ActNormOptions,
  actNormState,
} from '../../src/norms/activation.ts';
import { batchNorm, batchNormState } from '../../src/norms/batch.ts';
import { activation } from '../../src/norms/catalog/activation.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('activation');
const float64 = { dtype: 'float64' } as const;
const both = [actNorm, actNormDefinition];
const variants: readonly ActNormOptions[] = [
  {},
  { order: 'biasFirst' },
  { parameterization: 'log' },
  { order: 'biasFirst', parameterization: 'log', logscaleFactor: 3, initScale: 0.5, unbiased: true },
];

/** Batches of two or more values in each of three channels, with a spread. */
const batches = tensors({
  minRank: 2,
  maxRank: 4,
  minExtent: 2,
  maxExtent: 4,
  extents: [undefined, 3],
  among: ['benign', 'outlier'],
}).map((made) => {
  const x = made.tensor();
  // the last value of each channel away from all others
  const inner = x.data.length / (x.shape[0]! * 3);
  for (let c = 0; c < 3; c++) x.data[((x.shape[0]! - 1) * 3 + c) * inner + inner - 1] = 5 + c;
  return x;
});

/** The values of each of three channels. */
function channelsOf(x: Tensor): number[][] {
  const inner = x.data.length / (x.shape[0]! * 3);
  return [0, 1, 2].map((c) => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 3 === c));
}

function moments(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
}

function fresh(options: ActNormOptions = {}): ActNorm {
  return new ActNorm(3, { ...options, ...float64 });
}

test('the worked example comes out, in either order and parameterization', () => {
  const x = tensor([[[1, 3]], [[5, 7]]], float64);
  const s = Math.sqrt(0.2);
  const y = [[[-3 * s, -s]], [[s, 3 * s]]];
  for (const norm of both) {
    for (const [options, weight, bias] of [
      [{}, s, -4 * s],
      [{ order: 'biasFirst', parameterization: 'log', logscaleFactor: 3 }, Math.log(s) / 3, -4],
    ] as const) {
      const held = [ones([1], float64), zeros([1], float64), actNormState(float64)] as const;
      const out = norm(x, ...held, { ...options, eps: 0 });
      assertClose(out.y, y, 1e-15);
      assertClose(out.logdet, 2 * Math.log(s), 1e-15);
      assertClose(held[0], [weight], 1e-15);
      assertClose(held[1], [bias], 1e-15);
      assert.is(item(held[2].initialized), 1);
    }
  }
});

test('the first batch comes out with mean 0 and standard deviation initScale std / (std + eps)', () => {
  check(
    fc.property(batches, fc.constantFrom(1, 0.125, 1e-5), fc.constantFrom(1, 0.5, 3), (x, eps, initScale) => {
      const y = fresh({ eps, initScale }).forward(x);
      channelsOf(x).forEach((values, c) => {
        const { std } = moments(values);
        const out = moments(channelsOf(y)[c]!);
        assert.ok(Math.abs(out.mean) <= 1e-12 * initScale * Math.sqrt(values.length), `mean ${out.mean}`);
        const want = (initScale * std) / (std + eps);
        assert.ok(Math.abs(out.std - want) <= 1e-12 * want, `std ${out.std}, want ${want}`);
      });
    }),
  );
});

test('either order and parameterization gives the same result and logdet for the first batch', () => {
  check(
    fc.property(batches, (x) => {
      const want = fresh().forwardWithLogdet(x);
      for (const order of ['scaleFirst', 'biasFirst'] as const) {
        for (const options of [{ order }, { order, parameterization: 'log', logscaleFactor: 3 }] as const) {
          const got = fresh(options).forwardWithLogdet(x);
          assertClose(got.y, want.y, 1e-12);
          assertClose(got.logdet, want.logdet, 1e-12);
        }
      }
    }),
  );
});

test('the second call and all later ones leave the parameters alone, bit by bit', () => {
  for (const options of variants) {
    const norm = fresh(options);
    norm.forward(normal(new Random(1), [4, 3, 2], 5, 2, float64));
    const before = norm.parameters().map((p) => toArray(p));
    norm.forward(normal(new Random(2), [4, 3, 2], -3, 9, float64));
    norm.eval().forward(normal(new Random(3), [4, 3, 2], -3, 9, float64));
    norm.inverse(normal(new Random(4), [4, 3, 2], -3, 9, float64));
    assert.equal(norm.parameters().map((p) => toArray(p)), before);
  }
});

test('only a training call initializes: evaluation and the inverse use the parameters as they are', () => {
  const x = normal(new Random(5), [4, 3], 5, 2, float64);
  for (const options of variants) {
    const norm = fresh(options);
    for (const out of [norm.eval().forward(x), norm.inverse(x).x, norm.train().inverse(x).x]) assert.equal(toArray(out), toArray(x));
    assert.is(item(norm.state.initialized), 0);
    norm.forward(x);
    assert.is(item(norm.state.initialized), 1);
    assert.is.not(String(toArray(norm.forward(x))), String(toArray(x)));
  }
});

test('without a state nothing is set', () => {
  const weight = tensor([2], float64);
  assert.equal(toArray(actNorm(tensor([[1], [5]], float64), weight, tensor([1], float64)).y), [[3], [11]]);
  assert.equal(toArray(weight), [2]);
});

test('the inverse undoes the forward, and the logdets add up to 0 exactly', () => {
  check(
    fc.property(batches, fc.constantFrom(...variants), (x, options) => {
      const norm = fresh(options);
      const { y, logdet } = norm.forwardWithLogdet(x);
      const back = norm.inverse(y);
      const largest = Math.max(...Array.from(x.data, Math.abs));
      back.x.data.forEach((value, i) => assert.ok(Math.abs(value - x.data[i]!) <= 1e-14 * largest));
      assert.is(item(logdet) + item(back.logdet), 0);
    }),
  );
});

test('logdet is the log-determinant of the Jacobian of one sample', () => {
  for (const options of variants) {
    const norm = fresh(options);
    norm.forward(normal(new Random(6), [4, 3, 2], 1, 2, float64));
    const x = normal(new Random(7), [1, 3, 2], 0, 1, { ...float64, requiresGrad: true });
    const { y, logdet } = norm.forwardWithLogdet(x);
    let log = 0;
    for (let i = 0; i < 6; i++) {
      const dy = zeros(y.shape, float64);
      dy.data[i] = 1;
      const row = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!.data;
      row.forEach((slope, j) => assert.is(slope === 0, i !== j));
      log += Math.log(Math.abs(row[i]!));
    }
    assertClose(logdet, log, 1e-14);
  }
});

test('logdet depends on neither the values nor the number of samples, and is proportional to the number of positions', () => {
  const given = [tensor([2, -0.5, 3], float64), tensor([1, 0, 7], float64)] as const;
  const logdet = (shape: readonly number[]): number => item(actNorm(normal(new Random(8), shape, 0, 1, float64), ...given).logdet);
  assert.is(logdet([1, 3, 2]), logdet([5, 3, 2]));
  assert.ok(Math.abs(logdet([1, 3]) - Math.log(3)) < 1e-15);
  assert.ok(Math.abs(logdet([1, 3, 4, 5]) - 20 * Math.log(3)) < 1e-13);
});

test('the logdets of stacked layers add up', () => {
  const x = normal(new Random(9), [4, 3, 2], 1, 2, float64);
  const [first, second] = [fresh(), fresh({ order: 'biasFirst' })];
  first.setParameters(tensor([2, 3, -1]), zeros([3]));
  second.setParameters(tensor([0.5, 1, 4]), ones([3]));
  const a = first.forwardWithLogdet(x);
  const b = second.forwardWithLogdet(a.y);
  assertClose(add(a.logdet, b.logdet), 2 * Math.log(12), 1e-14);
});

test('once initialized it is affine in x, and no sample knows of another', () => {
  const norm = fresh();
  const [a, b] = [normal(new Random(10), [2, 3, 2], 1, 2, float64), normal(new Random(11), [2, 3, 2], 1, 2, float64)];
  const mixed = (p: Tensor, q: Tensor): Tensor => add(mul(p, 0.25), mul(q, 0.75));
  norm.forward(a);
  assertClose(norm.forward(mixed(a, b)), mixed(norm.forward(a), norm.forward(b)), 1e-14);
  const alone = norm.forward(fromArray(b.data.slice(0, 6), [1, 3, 2]));
  assert.equal(Array.from(alone.data), Array.from(norm.forward(b).data.slice(0, 6)));
});

test('scale, shift and order of the channels of the first batch do not matter to its result', () => {
  check(
    fc.property(batches, fc.integer({ min: 1, max: 40 }), fc.integer({ min: -40, max: 40 }), (x, factor, shift) => {
      const moved = add(mul(x, factor / 8), shift);
      // eps 0, so that it is exact but for rounding
      assertClose(fresh({ eps: 0 }).forward(moved), fresh({ eps: 0 }).forward(x), 1e-10);
    }),
  );
  const x = tensor([[1, 20, 300], [2, 10, 600]], float64);
  const turned = tensor([[300, 1, 20], [600, 2, 10]], float64);
  const y = fresh().forward(x).data;
  assert.equal(Array.from(fresh().forward(turned).data.slice(0, 3)), [y[2], y[0], y[1]]);
});

test('it equals batch norm in evaluation with the running variance (std + eps)^2', () => {
  check(
    fc.property(batches, (x) => {
      const eps = 0.125;
      const found = channelsOf(x).map(moments);
      const state = {
        ...batchNormState(3, float64),
        runningMean: tensor(found.map(({ mean }) => mean), float64),
        runningVar: tensor(found.map(({ std }) => (std + eps) ** 2), float64),
      };
      assertClose(fresh({ eps }).forward(x), batchNorm(x, null, null, state, { training: false, eps: 0 }), 1e-12);
    }),
  );
});

test('the gradients of the first call are those of any later call: the statistics are no part of the graph', () => {
  for (const norm of both) {
    for (const options of variants) {
      const x = normal(new Random(12), [4, 3, 2], 1, 2, { ...float64, requiresGrad: true });
      const held = [ones([3], { ...float64, requiresGrad: true }), zeros([3], { ...float64, requiresGrad: true }), actNormState(float64)] as const;
      const dy = normal(new Random(13), [4, 3, 2], 0, 1, float64);
      const gradients = (): unknown => {
        const { y, logdet } = norm(x, ...held, options);
        const found = grad([y, logdet], [x, held[0], held[1]], { gradOutputs: [dy, tensor(3, float64)] });
        return found.map((g) => toArray(g));
      };
      assert.equal(gradients(), gradients());
    }
  }
});

test('the gradient of x is s dy exactly', () => {
  const x = tensor([[1, 2], [3, 4]], { ...float64, requiresGrad: true });
  const { y } = actNorm(x, tensor([3, -0.1], float64), tensor([7, 8], float64));
  assert.equal(toArray(grad([y], [x], { gradOutputs: [tensor([[1, 10], [0.3, 0]], float64)] })[0]!), [[3, -1], [3 * 0.3, -0]]);
});

test('the gradient of bias depends on the order', () => {
  for (const [order, want] of [['scaleFirst', [5]], ['biasFirst', [10]]] as const) {
    const bias = tensor([7], { ...float64, requiresGrad: true });
    const { y } = actNorm(tensor([[1], [2]], float64), tensor([2], float64), bias, null, { order });
    assert.equal(toArray(grad([y], [bias], { gradOutputs: [tensor([[1], [4]], float64)] })[0]!), want);
  }
});

test('logdet alone gives P / s to the scale and P logscaleFactor to its logarithm', () => {
  const x = zeros([5, 1, 6], float64);
  for (const [options, want] of [[{}, -12], [{ parameterization: 'log', logscaleFactor: 3 }, 18]] as const) {
    const weight = tensor([-0.5], { ...float64, requiresGrad: true });
    const { logdet } = actNorm(x, weight, zeros([1], float64), null, options);
    assertClose(grad([logdet], [weight])[0]!, [want], 1e-14);
  }
});

test('a negative scale is legal; one of 0 gives a logdet of -Infinity, gradients without NaN, and no inverse', () => {
  const bias = tensor([1, 1], float64);
  assert.equal(toArray(actNorm(tensor([[3, 4]], float64), tensor([-2, 1], float64), bias).y), [[-5, 5]]);
  for (const norm of both) {
    const weight = tensor([0, 2], { ...float64, requiresGrad: true });
    const { y, logdet } = norm(tensor([[3, 4]], float64), weight, bias);
    assert.is(item(logdet), -Infinity);
    assert.equal(toArray(grad([y, logdet], [weight], { gradOutputs: [ones([1, 2], float64), tensor(4, float64)] })[0]!), [3, 6]);
  }
  for (const inverse of [actNormInverse, actNormInverseDefinition]) {
    assertThrows(() => inverse(ones([1, 2], float64), tensor([2, 0], float64), bias), 'RangeError', /every scale must differ from 0 to be undone, got 0 at channel 1/);
  }
});

test('a constant channel gets the scale initScale / eps and comes out as 0, with a warning', () => {
  for (const norm of both) {
    const warnings: string[] = [];
    const weight = ones([2], float64);
    const { y } = norm(tensor([[3, 1], [3, 2]], float64), weight, zeros([2], float64), actNormState(float64), {
      eps: 0.25,
      warn: (message) => void warnings.push(message),
    });
    assert.is(weight.data[0], 4);
    assert.equal([y.data[0], y.data[2]], [0, 0]);
    assert.is(warnings.length, 1);
    assert.match(warnings[0]!, /channel 0 of the first batch is constant/);
  }
});

test('parameters that nothing has set are warned of in evaluation and in the inverse', () => {
  const warnings: string[] = [];
  const norm = fresh({ warn: (message) => void warnings.push(message) }).eval();
  norm.forward(ones([2, 3], float64));
  norm.inverse(ones([2, 3], float64));
  assert.is(warnings.length, 2);
  for (const message of warnings) assert.match(message, /the parameters have not been set; call it on a batch in training first/);
  norm.setParameters(ones([3]), ones([3]));
  norm.forward(ones([2, 3], float64));
  assert.is(warnings.length, 2);
});

test('one value per channel counts as constant; its unbiased variance is refused', () => {
  const x = tensor([[5, -2, 0]], float64);
  assertClose(fresh({ eps: 0.5 }).forward(x), [[0, 0, 0]], 1e-15);
  const norm = fresh({ unbiased: true });
  assertThrows(() => norm.forward(x), 'ShapeError', /two for the unbiased variance of the first batch, got x of shape \[1, 3\]/);
  norm.forward(normal(new Random(14), [4, 3], 0, 1, float64));
  assert.equal(norm.forward(x).shape, [1, 3]);
});

test('a first batch that would give parameters that are not finite is refused, and nothing is set', () => {
  for (const norm of both) {
    for (const [bad, eps] of [[NaN, 1e-6], [Infinity, 1e-6], [2, 0]] as const) {
      const held = [ones([2]), zeros([2]), actNormState()] as const;
      const x = tensor([[1, 2], [3, bad]]);
      assertThrows(() => norm(x, ...held, { eps }), 'RangeError', /the first batch must give finite parameters, got weight .* at channel 1/);
      assert.equal([toArray(held[0]), toArray(held[1])], [[1, 1], [0, 0]]);
      assert.is(item(held[2].initialized), 0);
    }
  }
});

test('a value that is not finite flows through once initialized, and stays at its place', () => {
  const { y } = actNorm(tensor([[NaN, 1], [Infinity, 2]]), tensor([2, 2]), zeros([2]));
  assert.equal(toArray(y), [[NaN, 2], [Infinity, 4]]);
});

test('a mean of 1000 times the spread costs what the rounding of the bias costs, not more', () => {
  const x = tensor([[1000], [1001], [1002], [1003]]);
  for (const order of ['scaleFirst', 'biasFirst'] as const) {
    const y = new ActNorm(1, { order }).forward(x);
    const s = 1 / Math.sqrt(1.25);
    [-1.5, -0.5, 0.5, 1.5].forEach((value, i) => assert.ok(Math.abs(y.data[i]! - value * s) < 1001.5 * s * 5e-7, `${y.data[i]}`));
  }
});

test('the operation init sets the parameters again, whatever has been set before', () => {
  const x = tensor([[1], [3]], float64);
  for (const form of ['fused', 'definition'] as const) {
    const params = { weight: tensor([7], float64), bias: tensor([7], float64) };
    const state = { initialized: ones([], float64) };
    const call = { config: { eps: 0 }, params, state, mode: 'eval', inputs: { x } } as const;
    assertClose(activation.apply(form, { ...call, op: 'init' }).y!, [[-1], [1]], 1e-15);
    assert.equal([toArray(params.weight), toArray(params.bias), item(state.initialized)], [[1], [-2], 1]);
    assertThrows(() => activation.apply(form, { ...call, op: 'undo' }), 'RangeError', /the operations are init and inverse, got undo/);
  }
});

test('any sequence of training, evaluation, saving and loading keeps the state that the first training call gives', () => {
  checkStateful({
    make: (variant) => new ActNorm(2, { ...variants[variant]!, ...float64 }),
    variants: variants.length,
    initial: { initialized: [0] },
    step: (_state: PlainState): PlainState => ({ initialized: [1] }),
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('loading also loads that the parameters have been set', () => {
  const norm = fresh();
  norm.forward(normal(new Random(15), [4, 3], 3, 2, float64));
  const moved = fresh();
  moved.loadStateDict(norm.stateDict());
  const x = normal(new Random(16), [4, 3], -1, 5, float64);
  assert.equal(toArray(moved.train().forward(x)), toArray(norm.forward(x)));
});

test('parameters that are set by hand are not set again', () => {
  for (const [options, scale] of [[{}, 2], [{ parameterization: 'log', logscaleFactor: 2 }, Math.exp(4)]] as const) {
    const norm = fresh(options);
    norm.setParameters(tensor([2, 2, 2]), tensor([1, 2, 3]));
    assertClose(norm.forward(ones([2, 3], float64)), [[scale + 1, scale + 2, scale + 3], [scale + 1, scale + 2, scale + 3]], 1e-14);
    assertThrows(() => norm.setParameters(tensor([5, 5, 5]), tensor([1])), 'ShapeError', /bias/);
    assert.is(norm.parameters()[0]!.data[0], 2);
  }
});

test('a graph from before the first training call refuses to go backward through parameters that have been set since', () => {
  const norm = fresh();
  const x = normal(new Random(17), [4, 3], 3, 2, { ...float64, requiresGrad: true });
  const early = norm.eval().forward(x);
  norm.train().forward(x);
  assertThrows(() => backward(sum(early)), 'Error', /a value that actNorm needs for its gradient has been overwritten/);
});

test('higher derivatives are those of the values in use, and set nothing', () => {
  for (const options of variants) {
    const norm = fresh(options);
    const x = normal(new Random(18), [4, 3], 3, 2, { ...float64, requiresGrad: true });
    const { y, logdet } = norm.forwardWithLogdet(x);
    const before = norm.parameters().map((p) => toArray(p));
    const asked = [x, ...norm.parameters()];
    const gradOutputs = [normal(new Random(19), [4, 3], 0, 1, float64), tensor(2, float64)];
    const plain = grad([y, logdet], asked, { gradOutputs, retainGraph: true });
    const graph = grad([y, logdet], asked, { gradOutputs, createGraph: true });
    graph.forEach((g, i) => assertClose(g, plain[i]!, 1e-12));
    assert.equal(norm.parameters().map((p) => toArray(p)), before);
  }
});

test('bad input is refused, and nothing is set', () => {
  for (const norm of [...both, actNormInverse, actNormInverseDefinition]) {
    const held = [ones([3]), zeros([3]), actNormState()] as const;
    const x = ones([2, 3]);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.is(item(held[2].initialized), 0);
      assert.equal(toArray(held[0]), [1, 1, 1]);
    };
    attempt(() => norm(ones([3]), ...held), 'ShapeError', /rank at least 2, got shape \[3\]/);
    attempt(() => norm(ones([2, 4]), ...held), 'ShapeError', /weight must have shape \[4\] for x of shape \[2, 4\], got \[3\]/);
    attempt(() => norm(x, held[0], ones([2]), held[2]), 'ShapeError', /bias must have shape \[3\].*got \[2\]/);
    attempt(() => norm(zeros([0, 3]), ...held), 'ShapeError', /a channel must have a value.*got x of shape \[0, 3\]/);
    attempt(() => norm(zeros([2, 3, 0]), ...held), 'ShapeError', /a channel must have a value/);
    attempt(() => norm(x, held[0], ones([3], float64), held[2]), 'TypeError', /bias must have the dtype of x/);
    attempt(() => norm(x, held[0], held[1], { initialized: zeros([3]) }), 'ShapeError', /initialized must have shape \[\]/);
    for (const value of [-1, NaN, Infinity]) {
      attempt(() => norm(x, ...held, { eps: value }), 'RangeError', /eps must be finite and at least 0/);
      attempt(() => norm(x, ...held, { initScale: value }), 'RangeError', /initScale must be finite and above 0/);
      attempt(() => norm(x, ...held, { logscaleFactor: value }), 'RangeError', /logscaleFactor must be finite and above 0/);
    }
    attempt(() => norm(x, ...held, { initScale: 0 }), 'RangeError', /initScale must be finite and above 0, got 0/);
    attempt(() => norm(x, ...held, { order: 'shiftFirst' as 'biasFirst' }), 'RangeError', /order must be one of 'scaleFirst', 'biasFirst', got 'shiftFirst'/);
    attempt(() => norm(x, ...held, { parameterization: 'exp' as 'log' }), 'RangeError', /parameterization must be one of 'scale', 'log', got 'exp'/);
  }
  assertThrows(() => new ActNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new ActNorm(3, { eps: NaN }), 'RangeError', /ActNorm: eps/);
  for (const method of ['forward', 'inverse'] as const) {
    assertThrows(() => new ActNorm(3)[method](ones([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
  }
});

test('the class holds what its options ask for', () => {
  assert.equal(Object.keys(new ActNorm(2).stateDict()), ['weight', 'bias', 'initialized']);
  assert.equal(Object.keys(new ActNorm(2, { parameterization: 'log' }).stateDict()), ['logs', 'bias', 'initialized']);
  const norm = new ActNorm(2);
  const before = copy(norm.bias);
  backward(sum(norm.forward(tensor([[1, 2], [3, 5]]))));
  assert.equal(toArray(norm.bias.grad!), [2, 2]);
  assert.is.not(String(toArray(norm.bias)), String(toArray(before)));
});

test.run();
