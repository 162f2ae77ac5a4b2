import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { add } from '../../src/autograd/add.ts';
import { concat } from '../../src/autograd/concat.ts';
import { mul } from '../../src/autograd/mul.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { batchNorm, batchNormState } from '../../src/norms/batch.ts';
import { SyncBatchNorm, syncBatchNorm, syncBatchNormDefinition } from '../../src/norms/sync-batch.ts';
import { type Communicator, localCommunicator } from '../../src/parallel/communicator.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { gridTensor, tensors } from '../support/tensor-arbitrary.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('sync-batch');
const float64 = { dtype: 'float64' } as const;

/** The samples of x as replicas that begin at the given samples. */
function cut(x: Tensor, starts: readonly number[]): Tensor[] {
  const length = sizeOf(x.shape.slice(1));
  return starts.map((start, r) => {
    const end = starts[r + 1] ?? x.shape[0]!;
    const data = x.data.slice(start * length, end * length);
    return fromArray(data, [end - start, ...x.shape.slice(1)], { requiresGrad: true });
  });
}

/** Gradients of the sum of all outputs, weighted. */
function gradients(ys: readonly Tensor[], dys: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] {
  return grad([ys.map((y, r) => sum(mul(y, dys[r]!))).reduce((a, b) => add(a, b))], inputs);
}

/** Replicas of a matrix whose rows are split over them. */
const rows = (...replicas: number[][]): Tensor[] =>
  replicas.map((values) => fromArray(Float64Array.from(values), [values.length, 1], { requiresGrad: true }));

standardizedProperties(test, {
  normalize: (x, eps) => {
    const half = x.shape[0]! >> 1;
    return half === 0 ? syncBatchNorm(x, null, null, null, { eps }) : concat(syncBatchNorm(parts(x, half), null, null, null, { eps }));
  },
  shapes: { minRank: 2, maxRank: 4, fits: (shape) => sizeOf(shape) / shape[1]! >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))) % shape[1]!,
});

/** The first samples and the rest, connected to x. */
function parts(x: Tensor, first: number): Tensor[] {
  return [slice(x, 0, 0, first), slice(x, 0, first)];
}

test('any partition of a batch gives the outputs, gradients and running statistics of batch norm on the whole', () => {
  const batches = tensors({ minRank: 2, maxRank: 4, maxSize: 120, fits: (shape) => shape[0]! >= 2 }).chain((x) =>
    fc.tuple(fc.constant(x), gridTensor(x.shape), fc.subarray(Array.from({ length: x.shape[0]! - 1 }, (_, i) => i + 1))),
  );
  check(
    fc.property(batches, ([found, weights, further]) => {
      const starts = [0, ...further];
      const [x, dy] = [found.tensor('float64'), weights.tensor('float64')];
      const channels = x.shape[1]!;
      const affine = (): Tensor[] => [
        fromArray(Float64Array.from({ length: channels }, (_, c) => 1.5 - c), [channels], { requiresGrad: true }),
        fromArray(Float64Array.from({ length: channels }, (_, c) => c / 4), [channels], { requiresGrad: true }),
      ];
      const whole = fromArray(x.data, x.shape, { requiresGrad: true });
      const [[w, b], [wAll, bAll]] = [affine(), affine()] as [[Tensor, Tensor], [Tensor, Tensor]];
      const [state, stateAll] = [batchNormState(channels, float64), batchNormState(channels, float64)];
      const y = batchNorm(whole, wAll, bAll, stateAll, { eps: 0.125 });
      const xs = cut(x, starts);
      const ys = syncBatchNorm(xs, w, b, state, { eps: 0.125 });
      // what rounding of the data does, where the mean is large against the spread
      const tolerance = 1e-13 * Math.max(1, ...Array.from(x.data, Math.abs));
      assertClose(concat(ys), y, tolerance);
      const want = gradients([y], [dy], [whole, wAll, bAll]);
      const got = gradients(ys, cut(dy, starts), [...xs, w, b]);
      assertClose(concat(got.slice(0, -2)), want[0]!, 100 * tolerance);
      assertClose(got[got.length - 2]!, want[1]!, 100 * tolerance);
      assertClose(got[got.length - 1]!, want[2]!, 1e-13);
      assertClose(state.runningMean, stateAll.runningMean, 1e-13);
      assertClose(state.runningVar, stateAll.runningVar, tolerance);
      assert.equal(toArray(state.numBatchesTracked), 1);
    }),
  );
});

test('a single replica is batch norm to the bit, in a list or not', () => {
  const x = normal(new Random(3), [4, 3, 5], 100, 2, float64);
  const y = batchNorm(x, null, null, null);
  assert.equal(syncBatchNorm(x).data, y.data);
  assert.equal(syncBatchNorm([x])[0]!.data, y.data);
});

test('replicas that change places change places in the result', () => {
  const [a, b, c] = rows([1, 5], [2], [9, 4, 4]) as [Tensor, Tensor, Tensor];
  const ys = syncBatchNorm([a, b, c]);
  const turned = syncBatchNorm([c, a, b]);
  [1, 2, 0].forEach((at, r) => assertClose(turned[at]!, ys[r]!, 1e-15));
});

test('all replicas together have mean 0 and variance v / (v + eps); one by itself does not', () => {
  const xs = rows([0, 1], [10, 11, 12]);
  const [y0, y1] = syncBatchNorm(xs, null, null, null, { eps: 4 });
  const all = [...y0!.data, ...y1!.data];
  const v = [0, 1, 10, 11, 12].reduce((total, x) => total + (x - 6.8) ** 2, 0) / 5;
  assert.ok(Math.abs(all.reduce((a, b) => a + b)) < 1e-14);
  assert.ok(Math.abs(all.reduce((a, b) => a + b * b, 0) / 5 - v / (v + 4)) < 1e-14);
  assert.ok(y0!.data.every((value) => value < -1) && y1!.data.every((value) => value > 0));
});

test('the gradient crosses replicas: one with no gradient of its own output still gets one, and all sum to 0', () => {
  const xs = rows([1, 2], [4, 8, 7]);
  const dys = [zeros([2, 1], float64), tensor([[1], [-2], [5]], float64)];
  const [dx0, dx1] = gradients(syncBatchNorm(xs), dys, xs);
  assert.ok(dx0!.data.every((value) => Math.abs(value) > 0.05));
  assert.ok(Math.abs([...dx0!.data, ...dx1!.data].reduce((a, b) => a + b)) < 1e-14);
});

test('shift and scale of all replicas at once do nothing, of one of them they do', () => {
  const both = (shift: readonly [number, number]): number[] => {
    const xs = rows([1 + shift[0], 2 + shift[0]], [4 + shift[1], 8 + shift[1]]);
    return syncBatchNorm(xs, null, null, null, { eps: 0 }).flatMap((y) => [...y.data]);
  };
  assertClose(tensor(both([64, 64]), float64), both([0, 0]), 1e-14);
  assert.ok(Math.abs(both([64, 0])[0]! - both([0, 0])[0]!) > 0.5);
  const scaled = syncBatchNorm(rows([4, 8], [16, 32]), null, null, null, { eps: 0 });
  assert.equal(scaled.flatMap((y) => [...y.data]), both([0, 0]));
});

test('channels that are constant in each replica have the variance between the replicas', () => {
  const [y0, y1] = syncBatchNorm(rows([3, 3, 3], [7]), null, null, null, { eps: 0 });
  // mean 4, variance 3
  assertClose(y0!, [[-1 / Math.sqrt(3)], [-1 / Math.sqrt(3)], [-1 / Math.sqrt(3)]], 1e-15);
  assertClose(y1!, [[Math.sqrt(3)]], 1e-15);
});

test('a channel that is one constant in all replicas gives exactly 0', () => {
  for (const y of syncBatchNorm(rows([0.1, 0.1, 0.1], [0.1], [0.1, 0.1]))) for (const value of y.data) assert.is(value, 0);
});

test('a large mean costs no digits of the variance', () => {
  const state = batchNormState(1, float64);
  syncBatchNorm(rows([1e8 + 1, 1e8 + 2], [1e8 + 3], [1e8 + 4, 1e8 + 5]), null, null, state, { momentum: 1 });
  assert.equal([state.runningMean.data[0], state.runningVar.data[0]], [1e8 + 3, 2.5]);
});

test('replicas may have other spatial extents, and a single value', () => {
  const random = new Random(5);
  const shapes = [[2, 2, 3, 4], [1, 2, 5, 5], [1, 2, 1, 1]];
  const xs = shapes.map((shape) => normal(random, shape, 1, 2, float64));
  const ys = syncBatchNorm(xs);
  const flat = [0, 1].map((c) => xs.flatMap((x) => [...x.data].filter((_, i) => Math.floor(i / (x.shape[2]! * x.shape[3]!)) % 2 === c)));
  const want = flat.map((values) => batchNorm(fromArray(Float64Array.from(values), [values.length, 1])).data);
  ys.forEach((y, r) => {
    assert.equal(y.shape, shapes[r]);
    const inner = y.shape[2]! * y.shape[3]!;
    const before = xs.slice(0, r).reduce((total, x) => total + x.data.length / 2, 0);
    y.data.forEach((value, i) => {
      const at = before + Math.floor(i / (2 * inner)) * inner + (i % inner);
      assert.ok(Math.abs(value - want[Math.floor(i / inner) % 2]![at]!) < 1e-14);
    });
  });
});

test('a shared parameter gets the sum of the gradients that copies get one by one', () => {
  const xs = rows([1, 2], [4, 8, 7]);
  const dys = [tensor([[1], [2]], float64), tensor([[1], [-2], [5]], float64)];
  const leaf = (value: number): Tensor => tensor([value], { ...float64, requiresGrad: true });
  const [w, w0, w1, b, b0, b1] = [leaf(3), leaf(3), leaf(3), leaf(1), leaf(1), leaf(1)];
  const [dw, db, ...dx] = gradients(syncBatchNorm(xs, w, b), dys, [w, b, ...xs]);
  const [dw0, dw1, db0, db1, ...dxCopies] = gradients(syncBatchNorm(xs, [w0, w1], [b0, b1]), dys, [w0, w1, b0, b1, ...xs]);
  assertClose(dw!, [dw0!.data[0]! + dw1!.data[0]!], 1e-15);
  assert.equal([db0!.data[0], db1!.data[0], db!.data[0]], [3, 4, 7]);
  assert.is.not(dw0!.data[0], dw1!.data[0]);
  assert.equal(dxCopies.map((x) => x.data), dx.map((x) => x.data));
});

test('copies that have drifted apart have the right gradients too', () => {
  const dys = [tensor([[1], [2]], float64), tensor([[1], [-2], [5]], float64)];
  const given = (): [Tensor[], Tensor[]] => [rows([1, 2], [4, 8, 7]), [2, -3].map((value) => tensor([value], { ...float64, requiresGrad: true }))];
  const [got, want] = [syncBatchNorm, syncBatchNormDefinition].map((norm) => {
    const [list, weights] = given();
    return gradients(norm(list, weights), dys, [...list, ...weights]);
  });
  got!.forEach((gradient, i) => assertClose(gradient, want![i]!, 1e-14));
});

test('the state is updated once a call, with the count of all replicas', () => {
  const state = batchNormState(1, float64);
  syncBatchNorm(rows([0], [2], [4]), null, null, state, { momentum: 0.5 });
  assert.equal([toArray(state.runningMean), toArray(state.runningVar), toArray(state.numBatchesTracked)], [[1], [2.5], 1]);
});

test('evaluation with running statistics takes each replica by itself and exchanges nothing', () => {
  const state = { ...batchNormState(1, float64), runningMean: tensor([1], float64), runningVar: tensor([4], float64) };
  const communicator: Communicator = { rank: 0, size: 2, allReduce: () => assert.unreachable('an exchange') };
  const xs = rows([5], [1, -3]);
  const options = { training: false, eps: 0, communicator };
  const weight = tensor([3], { ...float64, requiresGrad: true });
  const ys = syncBatchNorm(xs, weight, null, state, options);
  assert.equal(ys.map((y) => toArray(y)), [[[6]], [[0], [-6]]]);
  const dys = [tensor([[Infinity]], float64), tensor([[1], [2]], float64)];
  assert.equal(gradients(ys, dys, xs).map((dx) => toArray(dx)), [[[Infinity]], [[1.5], [3]]]);
});

test('evaluation without running statistics uses those of the replicas', () => {
  const norm = new SyncBatchNorm(1, { trackRunningStats: false, affine: false, dtype: 'float64' }).eval();
  assert.equal(Object.keys(norm.stateDict()), []);
  const [y0, y1] = norm.forward(rows([0], [2]));
  assertClose(y0!, [[-1]], 1e-5);
  assertClose(y1!, [[1]], 1e-5);
});

test('a value that is not finite spoils its channel on all replicas, and no other', () => {
  const [y0, y1] = syncBatchNorm([tensor([[NaN, 1], [2, 3]]), tensor([[1, 2]])]);
  assert.equal([...y0!.data, ...y1!.data].map(Number.isNaN), [true, false, true, false, true, false]);
});

test('higher derivatives are those of the definition, and leave the state alone', () => {
  const state = batchNormState(1, float64);
  for (const training of [true, false]) {
    const xs = rows([1, 4], [5]);
    const weights = [2, 3].map((value) => tensor([value], { ...float64, requiresGrad: true }));
    const ys = syncBatchNorm(xs, weights, null, state, { training });
    const before = [...state.runningVar.data, ...state.numBatchesTracked.data];
    const loss = add(sum(mul(ys[0]!, tensor([[1], [-3]], float64))), sum(ys[1]!));
    const plain = grad([loss], [...xs, ...weights], { retainGraph: true });
    const graph = grad([loss], [...xs, ...weights], { createGraph: true });
    graph.forEach((gradient, i) => assertClose(gradient, plain[i]!, 1e-14));
    assert.equal([...state.runningVar.data, ...state.numBatchesTracked.data], before);
  }
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const momenta = [0.1, null] as const;
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const count = x.shape[0]!;
    const batches = state.numBatchesTracked![0]! + 1;
    const f = momenta[variant] ?? 1 / batches;
    const values = Array.from(x.data);
    const mean = values.reduce((a, b) => a + b, 0) / count;
    const unbiased = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (count - 1);
    return {
      runningMean: [(1 - f) * state.runningMean![0]! + f * mean],
      runningVar: [(1 - f) * state.runningVar![0]! + f * unbiased],
      numBatchesTracked: [batches],
    };
  };
  /** As a layer: takes the first sample for one replica and the rest for another. */
  class Split extends SyncBatchNorm {
    override forward(x: Tensor): Tensor;
    override forward(xs: readonly Tensor[]): Tensor[];
    override forward(x: Tensor | readonly Tensor[]): Tensor & Tensor[] {
      return concat(super.forward(parts(x as Tensor, 1))) as Tensor & Tensor[];
    }
  }
  checkStateful({
    make: (variant) => new Split(1, { momentum: momenta[variant]!, ...float64 }),
    variants: momenta.length,
    initial: { runningMean: [0], runningVar: [1], numBatchesTracked: [0] },
    step,
    shapes: [[2, 1], [5, 1]],
  });
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [syncBatchNorm, syncBatchNormDefinition]) {
    const state = batchNormState(3);
    const x = zeros([2, 3]);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal(toArray(state.numBatchesTracked), 0);
      assert.equal(toArray(state.runningVar), [1, 1, 1]);
    };
    attempt(() => norm([], null, null, state), 'RangeError', /at least one replica, got an empty list/);
    attempt(() => norm([x, [x]] as unknown as Tensor[], null, null, state), 'TypeError', /must all be tensors, got a list for replica 1/);
    attempt(() => norm([x, 3] as unknown as Tensor[], null, null, state), 'TypeError', /must all be tensors, got number for replica 1/);
    attempt(() => norm([zeros([3])], null, null, state), 'ShapeError', /rank 2 to 5, got shape \[3\]/);
    attempt(() => norm([x, zeros([1, 3, 1, 1, 1, 2])], null, null, state), 'ShapeError', /rank 2 to 5/);
    attempt(() => norm([x, zeros([2, 4])], null, null, state), 'ShapeError', /one rank and number of channels, got \[2, 3\] .* \[2, 4\] for replica 1/);
    attempt(() => norm([x, zeros([2, 3, 1])], null, null, state), 'ShapeError', /one rank and number of channels/);
    attempt(() => norm([x, zeros([2, 3], float64)], null, null, state), 'TypeError', /one dtype, got float32 .* float64 for replica 1/);
    attempt(() => norm([x, zeros([0, 3])], null, null, state), 'ShapeError', /every replica must have values, got an empty one \(shapes \[2, 3\], \[0, 3\]\)/);
    attempt(() => norm([x, zeros([0, 3])], null, null, state, { training: false }), 'ShapeError', /every replica must have values/);
    attempt(() => norm([zeros([1, 3])], null, null, state), 'ShapeError', /more than one value per channel over all replicas, got shapes \[1, 3\]/);
    attempt(() => norm(zeros([1, 3]), null, null, null, { training: false }), 'ShapeError', /more than one value/);
    attempt(() => norm([x], ones([2]), null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt(() => norm([x, x], [ones([3]), ones([2])], null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt(() => norm([x, x], null, [ones([3])], state), 'RangeError', /bias must be one for all replicas or a list of 2, got 1/);
    attempt(() => norm(x, [ones([3])] as unknown as Tensor, null, state), 'TypeError', /weight must be one tensor for one replica, got a list/);
    attempt(() => norm([zeros([2, 4])], null, null, state), 'ShapeError', /runningMean must have shape \[4\]/);
    attempt(() => norm([x], null, null, { ...state, runningVar: tensor([1, -1, 1]) }), 'RangeError', /runningVar must not be negative/);
    attempt(() => norm([x], null, null, { ...state, numBatchesTracked: zeros([1]) }), 'ShapeError', /numBatchesTracked must have shape \[\]/);
    for (const momentum of [-0.1, 1.1, NaN]) attempt(() => norm([x], null, null, state, { momentum }), 'RangeError', /momentum must be in \[0, 1\]/);
    for (const eps of [-1e-5, NaN, Infinity]) attempt(() => norm([x], null, null, state, { eps }), 'RangeError', /eps must be finite/);
  }
  assertThrows(() => new SyncBatchNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new SyncBatchNorm(3, { momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => new SyncBatchNorm(3, { eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new SyncBatchNorm(3).forward([zeros([2, 3]), zeros([2, 4])]), 'ShapeError', /one rank and number of channels/);
  assertThrows(() => new SyncBatchNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1/);
});

test('the class holds what its options ask for, and takes a tensor or a list', () => {
  const norm = new SyncBatchNorm(2);
  assert.equal(Object.keys(norm.stateDict()), ['weight', 'bias', 'runningMean', 'runningVar', 'numBatchesTracked']);
  assert.equal(norm.communicator.size, localCommunicator().size);
  assert.equal(norm.forward(fromArray([1, 2, 3, 5], [2, 2])).shape, [2, 2]);
  const [y0, y1] = norm.forward([fromArray([1, 2, 3, 5], [2, 2]), fromArray([1, 2], [1, 2])]);
  backward(add(sum(y0!), sum(y1!)));
  assert.equal(toArray(norm.bias!.grad!), [3, 3]);
  assert.equal(toArray(norm.state!.numBatchesTracked), 2);
});

test.run();
