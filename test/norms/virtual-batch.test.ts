import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { mul } from '../../src/autograd/mul.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { Module } from '../../src/nn/module.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { VirtualBatchNorm, virtualBatchNorm, virtualBatchNormDefinition, virtualBatchNormState } from '../../src/norms/virtual-batch.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';
import { gridTensor } from '../support/tensor-arbitrary.ts';

const test = suite('virtual-batch');
const float64 = { dtype: 'float64' } as const;
const both = [virtualBatchNorm, virtualBatchNormDefinition];

/** x, a reference, and weights of their shapes: two channels, other extents of space in the reference. */
const pairs = fc
  .record({
    rank: fc.integer({ min: 2, max: 4 }),
    extents: fc.tuple(...Array.from({ length: 6 }, () => fc.integer({ min: 1, max: 4 }))),
    seed: fc.nat(),
  })
  .map(({ rank, extents: [n, m, a, b, c, d], seed }) => {
    const shapes = [[n!, 2, a!, b!].slice(0, rank), [m! + 1, 2, c!, d!].slice(0, rank)];
    const [x, ref, dy, dyRef] = [...shapes, ...shapes].map((shape, i) => fc.sample(gridTensor(shape), { seed: seed + i, numRuns: 1 })[0]!);
    return { x: x!.tensor(), ref: ref!.tensor(), dy: dy!.tensor(), dyRef: dyRef!.tensor() };
  });

/** The values of a channel of some samples. */
function valuesOf(x: Tensor, channel: number, samples: readonly number[]): number[] {
  const inner = sizeOf(x.shape.slice(2));
  return samples.flatMap((i) => Array.from(x.data.slice((i * 2 + channel) * inner, (i * 2 + channel + 1) * inner)));
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

const all = (x: Tensor): number[] => Array.from({ length: x.shape[0]! }, (_, i) => i);

test('a sample counts as one more of the reference: first and second moments are mixed with the weight 1 / (n + 1)', () => {
  check(
    fc.property(pairs, ({ x, ref }) => {
      const { y } = virtualBatchNorm(x, ref, null, null, null, { eps: 0.125 });
      const inner = sizeOf(x.shape.slice(2));
      const w = 1 / (ref.shape[0]! + 1);
      for (const c of [0, 1]) {
        const reference = valuesOf(ref, c, all(ref));
        for (const i of all(x)) {
          const own = valuesOf(x, c, [i]);
          const mean = (1 - w) * average(reference) + w * average(own);
          const second = (1 - w) * average(reference.map((v) => v * v)) + w * average(own.map((v) => v * v));
          own.forEach((value, k) => {
            const want = (value - mean) / Math.sqrt(second - mean * mean + 0.125);
            assert.ok(Math.abs(y.data[(i * 2 + c) * inner + k]! - want) < 1e-12);
          });
        }
      }
    }),
  );
});

test('no sample knows of another: a batch gives what batches of one give, bit by bit', () => {
  check(
    fc.property(pairs, ({ x, ref }) => {
      const whole = virtualBatchNorm(x, ref).y;
      const parts = all(x).map((i) => virtualBatchNorm(slice(x, 0, i, i + 1), ref).y);
      assert.equal(toArray(concat(parts)), toArray(whole));
    }),
  );
});

test('the reference comes out as batch norm gives it, whatever x is', () => {
  check(
    fc.property(pairs, ({ x, ref }) => {
      const { yRef } = virtualBatchNorm(x, ref);
      if (ref.data.length / 2 > 1) assertClose(yRef!, batchNorm(ref), 1e-13);
      assert.equal(toArray(virtualBatchNorm(mul(x, -7), ref).yRef!), toArray(yRef!));
    }),
  );
});

test('evaluation with the stored statistics gives what training gave, bit by bit', () => {
  check(
    fc.property(pairs, ({ x, ref }) => {
      for (const norm of both) {
        const state = virtualBatchNormState(2, float64);
        const { y } = norm(x, ref, null, null, state);
        const evaluated = norm(x, null, null, null, state, { training: false });
        assert.equal(toArray(evaluated.y), toArray(y));
        assert.is(evaluated.yRef, null);
      }
    }),
  );
});

test('no element is larger than sqrt((n + 1) S - 1), and sqrt(n) without positions', () => {
  check(
    fc.property(pairs, fc.integer({ min: 0, max: 20 }), ({ x, ref }, power) => {
      const { y } = virtualBatchNorm(mul(x, 2 ** power), ref);
      const bound = Math.sqrt((ref.shape[0]! + 1) * sizeOf(x.shape.slice(2)) - 1);
      for (const value of y.data) assert.ok(Math.abs(value) <= bound * (1 + 1e-12), `${value} above ${bound}`);
    }),
  );
  const far = virtualBatchNorm(full([1, 1], 1e6, float64), tensor([[0], [1], [2], [3], [4]], float64)).y;
  assert.ok(Math.abs(item(far) - Math.sqrt(5)) < 1e-6 && item(far) < Math.sqrt(5));
});

test('the same factor and shift of x and reference change nothing but, for a negative factor, the sign', () => {
  check(
    fc.property(pairs, fc.constantFrom(3, 0.5, -1, -7), fc.integer({ min: -50, max: 50 }), ({ x, ref }, factor, shift) => {
      const moved = (values: Tensor): Tensor => add(mul(values, factor), shift);
      const given = { eps: factor * factor };
      const got = virtualBatchNorm(moved(x), moved(ref), null, null, null, given).y;
      assertClose(got, mul(virtualBatchNorm(x, ref, null, null, null, { eps: 1 }).y, Math.sign(factor)), 1e-11);
    }),
  );
});

test('the gradients of x and of the reference add up to 0 in each channel', () => {
  check(
    fc.property(pairs, ({ x, ref, dy, dyRef }) => {
      const [p, q] = [copy(x, { requiresGrad: true }), copy(ref, { requiresGrad: true })];
      const { y, yRef } = virtualBatchNorm(p, q, tensor([2, -1], float64), null, null, { eps: 0.5 });
      const [dx, dRef] = grad([y, yRef!], [p, q], { gradOutputs: [dy, dyRef] });
      const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
      assertClose(add(sum(dx!, { axis: axes }), sum(dRef!, { axis: axes })), [0, 0], 1e-11);
    }),
  );
});

test('samples that change places change places in y; in the reference they do not matter', () => {
  const x = normal(new Random(1), [3, 2, 2], 1, 2, float64);
  const ref = normal(new Random(2), [4, 2, 3], -1, 3, float64);
  const order = tensor([2, 0, 1]);
  const { y } = virtualBatchNorm(x, ref);
  assert.equal(toArray(virtualBatchNorm(take(x, order), ref).y), toArray(take(y, order)));
  assertClose(virtualBatchNorm(x, take(ref, tensor([3, 1, 0, 2]))).y, y, 1e-14);
});

test('the larger the reference, the less the sample counts itself: y tends to (x - rm) / sqrt(rv + eps)', () => {
  const ref = tensor([[0], [2]], float64);
  const far = (times: number): number => {
    const { y } = virtualBatchNorm(tensor([[5]], float64), concat(Array.from({ length: times }, () => ref)), null, null, null, { eps: 0 });
    return Math.abs(item(y) - 4);
  };
  for (const times of [50, 500]) assert.ok(Math.abs(far(times) / far(10 * times) - 10) < 1.5, `${far(times)} and ${far(10 * times)}`);
});

test('a sample with the mean and variance of the reference is normalized with them, whatever the weight', () => {
  const ref = tensor([[[0, 4]], [[0, 4]]], float64);
  assertClose(virtualBatchNorm(tensor([[[4, 0, 4, 0]]], float64), ref, null, null, null, { eps: 5 }).y, [[[2 / 3, -2 / 3, 2 / 3, -2 / 3]]], 1e-15);
});

test('the reference stacked twice has the same moments and another weight', () => {
  const ref = tensor([[0], [2]], float64);
  const state = virtualBatchNormState(1, float64);
  const once = virtualBatchNorm(tensor([[5]], float64), ref, null, null, state).y;
  const before = [toArray(state.refMean), toArray(state.refVar)];
  const twice = virtualBatchNorm(tensor([[5]], float64), concat([ref, ref]), null, null, state).y;
  assert.equal([toArray(state.refMean), toArray(state.refVar)], before);
  assert.is(item(state.refCount), 4);
  assert.ok(Math.abs(item(once) - item(twice)) > 0.1);
});

test('training stores mean, biased variance and size of the reference, not of x', () => {
  for (const norm of both) {
    const state = virtualBatchNormState(1, float64);
    norm(tensor([[99], [7]], float64), tensor([[0], [2], [4]], float64), null, null, state);
    assertClose(state.refMean, [2], 1e-15);
    assertClose(state.refVar, [8 / 3], 1e-15);
    assert.is(item(state.refCount), 3);
  }
});

test('a reference of one value and x of one position give plus and minus 1, and nearly no gradient', () => {
  const x = tensor([[7], [-2]], { ...float64, requiresGrad: true });
  const ref = tensor([[1]], { ...float64, requiresGrad: true });
  const { y } = virtualBatchNorm(x, ref);
  assertClose(y, [[1], [-1]], 1e-5);
  for (const g of grad([y], [x, ref], { gradOutputs: [ones([2, 1], float64)] })) assertClose(g, mul(g, 0), 1e-5);
});

test('a constant reference channel is finite, and an x of the same value gives 0', () => {
  for (const norm of both) {
    const { y, yRef } = norm(tensor([[3], [4]], float64), full([5, 1], 3, float64), null, null, null, { eps: 1 });
    const d = 5 / 6;
    assertClose(y, [[0], [d / Math.sqrt(d / 6 + 1)]], 1e-15);
    assert.equal(toArray(yRef!), [[0], [0], [0], [0], [0]]);
  }
});

test('a large offset costs nothing in float32', () => {
  const at = (offset: number, dtype: 'float32' | 'float64'): Tensor =>
    virtualBatchNorm(tensor([[[offset + 1, offset + 2]]], { dtype }), tensor([[[offset, offset + 4]], [[offset - 3, offset]]], { dtype })).y;
  assertClose(at(4096, 'float32'), at(0, 'float64'), 1e-6);
});

test('outliers do not overflow', () => {
  const { y } = virtualBatchNorm(tensor([[1e30], [-3e38]]), tensor([[0], [1], [2], [3]]));
  assertClose(y, [[2], [-2]], 1e-6);
});

test('a NaN in the reference spoils its channel, one in a sample that channel of that sample', () => {
  const { y, yRef } = virtualBatchNorm(zeros([2, 2]), tensor([[NaN, 1], [2, 3]]));
  for (const out of [y, yRef!]) assert.equal(Array.from(out.data, Number.isNaN), [true, false, true, false]);
  const own = virtualBatchNorm(tensor([[NaN, 1], [2, 3]]), ones([2, 2]));
  assert.equal(Array.from(own.y.data, Number.isNaN), [true, false, false, false]);
  assert.equal(Array.from(own.yRef!.data, Number.isNaN), [false, false, false, false]);
});

test('detachReference keeps the gradient of y out of the reference, and that of yRef in', () => {
  for (const norm of both) {
    const x = normal(new Random(3), [2, 2, 3], 1, 2, { ...float64, requiresGrad: true });
    const ref = normal(new Random(4), [3, 2, 2], -1, 2, { ...float64, requiresGrad: true });
    const gradients = (detachReference: boolean, seeds: number): Tensor[] => {
      const { y, yRef } = norm(x, ref, null, null, null, { detachReference });
      return grad([y, yRef!], [x, ref], {
        gradOutputs: [normal(new Random(5), y.shape, 0, seeds, float64), normal(new Random(6), yRef!.shape, 0, 1, float64)],
      });
    };
    const [dx, dRef] = gradients(true, 1);
    const ofReference = grad([batchNorm(ref)], [ref], { gradOutputs: [normal(new Random(6), ref.shape, 0, 1, float64)] })[0]!;
    assertClose(dRef!, ofReference, 1e-12);
    const [dxFull, dRefFull] = gradients(false, 1);
    assertClose(dx!, dxFull!, 1e-14);
    assert.ok(sub(dRef!, dRefFull!).data.some((value) => Math.abs(value) > 1e-3));
  }
});

test('the gradients from y alone and from yRef alone add up to those from both', () => {
  for (const norm of both) {
    const x = normal(new Random(7), [2, 2], 0, 1, { ...float64, requiresGrad: true });
    const ref = normal(new Random(8), [3, 2], 0, 1, { ...float64, requiresGrad: true });
    const { y, yRef } = norm(x, ref);
    const from = (outputs: Tensor[]): Tensor[] =>
      grad(outputs, [x, ref], { gradOutputs: outputs.map((out) => normal(new Random(9), out.shape, 0, 1, float64)), retainGraph: true, allowUnused: true });
    const [ofY, ofRef, together] = [from([y]), from([yRef!]), from([y, yRef!])];
    assert.equal(Array.from(ofRef[0]!.data, Math.abs), [0, 0, 0, 0]);
    assert.ok(ofY[1]!.data.some((value) => Math.abs(value) > 1e-3));
    together.forEach((g, i) => assertClose(g, add(ofY[i]!, ofRef[i]!), 1e-14));
  }
});

test('second derivatives of an evaluation see the statistics as they were', () => {
  const state = { refMean: tensor([1], float64), refVar: tensor([4], float64), refCount: tensor(3, float64) };
  const x = tensor([[[1, 5, 7]]], { ...float64, requiresGrad: true });
  const { y } = virtualBatchNorm(x, null, null, null, state, { training: false });
  const dy = tensor([[[1, -2, 4]]], float64);
  const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
  state.refMean.data[0] = 50;
  assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-14);
  assert.equal([toArray(state.refMean), toArray(state.refVar), item(state.refCount)], [[50], [4], 3]);
});

/** The norm as a layer, for sequences of calls: the reference is made of x. */
class WithReference extends Module {
  readonly norm: VirtualBatchNorm = new VirtualBatchNorm(2, float64);

  forward(x: Tensor): Tensor {
    if (this.training) return this.norm.forward(x, mul(concat([x, x, slice(x, 0, 0, 1)]), 2)).y;
    return item(this.norm.state.refCount) === 0 ? x : this.norm.forward(x).y;
  }
}

test('any sequence of training, evaluation, saving and loading keeps the statistics of the last reference', () => {
  checkStateful({
    make: () => new WithReference(),
    variants: 1,
    initial: { 'norm.refMean': [0, 0], 'norm.refVar': [1, 1], 'norm.refCount': [0] },
    step(_state: PlainState, x: Tensor): PlainState {
      const channels = [0, 1].map((c) => valuesOf(x, c, [...all(x), ...all(x), 0]).map((value) => 2 * value));
      const means = channels.map(average);
      return {
        'norm.refMean': means,
        'norm.refVar': channels.map((values, c) => average(values.map((value) => (value - means[c]!) ** 2))),
        'norm.refCount': [2 * x.shape[0]! + 1],
      };
    },
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of both) {
    const state = virtualBatchNormState(3);
    const [x, ref] = [zeros([2, 3, 4]), ones([5, 3, 2])];
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal([toArray(state.refMean), toArray(state.refVar), item(state.refCount)], [[0, 0, 0], [1, 1, 1], 0]);
    };
    attempt(() => norm(x, null, null, null, state), 'RangeError', /training needs a reference batch, got null/);
    attempt(() => norm(x, ref, null, null, state, { training: false }), 'RangeError', /evaluation uses the stored statistics, got a reference/);
    for (const held of [state, null]) {
      attempt(() => norm(x, null, null, null, held, { training: false }), 'RangeError', /needs the statistics of a reference, got refCount 0/);
    }
    const negative = { ...state, refCount: tensor(2), refVar: tensor([1, 1, -2]) };
    attempt(() => norm(x, null, null, null, negative, { training: false }), 'RangeError', /refVar must not be negative, got -2 at channel 2/);
    attempt(() => norm(x, ones([5, 3]), null, null, state), 'ShapeError', /the rank and the channels of x.*got \[5, 3\] for x of shape \[2, 3, 4\]/);
    attempt(() => norm(x, ones([5, 2, 2]), null, null, state), 'ShapeError', /the rank and the channels of x/);
    attempt(() => norm(x, ones([0, 3, 2]), null, null, state), 'ShapeError', /and a sample, got \[0, 3, 2\]/);
    attempt(() => norm(x, ones([5, 3, 2], float64), null, null, state), 'TypeError', /the reference must have the dtype of x/);
    attempt(() => norm(zeros([3]), ref, null, null, state), 'ShapeError', /rank at least 2, got shape \[3\]/);
    attempt(() => norm(x, ref, ones([2]), null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt(() => norm(x, ref, null, ones([4]), state), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
    attempt(() => norm(zeros([2, 4]), ones([5, 4]), null, null, state), 'ShapeError', /refMean must have shape \[4\]/);
    for (const eps of [-1e-5, NaN, Infinity]) {
      attempt(() => norm(x, ref, null, null, state, { eps }), 'RangeError', /eps must be finite and at least 0/);
    }
  }
  assertThrows(() => new VirtualBatchNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new VirtualBatchNorm(3, { eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new VirtualBatchNorm(3).forward(zeros([2, 4]), ones([2, 4])), 'ShapeError', /x must have 3 channels at axis 1/);
  assertThrows(() => new VirtualBatchNorm(3).eval().forward(zeros([2, 3])), 'RangeError', /make a training call first/);
});

test('the class holds what its options ask for, and calls the function', () => {
  assert.equal(Object.keys(new VirtualBatchNorm(2).stateDict()), ['weight', 'bias', 'refMean', 'refVar', 'refCount']);
  assert.equal(Object.keys(new VirtualBatchNorm(2, { affine: false }).stateDict()), ['refMean', 'refVar', 'refCount']);
  const norm = new VirtualBatchNorm(2, { eps: 0.5, detachReference: true, ...float64 });
  norm.weight!.data.set([2, -1]);
  norm.bias!.data.set([0.25, 0.5]);
  const x = fromArray(Float64Array.of(1, -2, 3, 4), [2, 2]);
  const ref = tensor([[1, 2], [5, -7]], { ...float64, requiresGrad: true });
  const want = virtualBatchNorm(x, ref, norm.weight, norm.bias, null, { eps: 0.5 });
  const got = norm.forward(x, ref);
  assert.equal([toArray(got.y), toArray(got.yRef!)], [toArray(want.y), toArray(want.yRef!)]);
  assert.equal(toArray(norm.eval().forward(x).y), toArray(want.y));
  backward(sum(got.y));
  assert.equal(toArray(ref.grad!).toString(), '0,0,0,0');
  assert.equal(toArray(norm.bias!.grad!), [2, 2]);
});

test.run();
