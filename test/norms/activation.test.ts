import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { ActNorm, actNorm, actNormDefinition, actNormInverse, actNormInverseDefinition, actNormState } from '../../src/norms/activation.ts';
import { batchNorm, batchNormState } from '../../src/norms/batch.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { batches, fresh, variants } from '../support/act-norm.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';

const test = suite('activation');
const float64 = { dtype: 'float64' } as const;
const both = [actNorm, actNormDefinition];

/** The values of each of three channels. */
function channelsOf(x: Tensor): number[][] {
  const inner = x.data.length / (x.shape[0]! * 3);
  return [0, 1, 2].map((c) => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 3 === c));
}

function moments(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
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

test('the bias belongs to the scale as it is stored: a large mean is taken out up to the rounding of the bias', () => {
  for (const parameterization of ['scale', 'log'] as const) {
    const norm = new ActNorm(1, { parameterization, eps: 1e-5 });
    const y = norm.forward(fromArray(new Float32Array(4).fill(998.0625), [4, 1]));
    const bound = 2 ** -24 * Math.abs(norm.bias.data[0]!) * (1 + 1e-6);
    for (const value of y.data) assert.ok(Math.abs(value) <= bound, `${value} above ${bound}`);
  }
});

test.run();
