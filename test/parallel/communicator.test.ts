import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { allGather } from '../../src/parallel/all-gather.ts';
import { allReduceGradients } from '../../src/parallel/all-reduce-gradients.ts';
import { allReduce } from '../../src/parallel/all-reduce.ts';
import { checkCommunicator } from '../../src/parallel/check-communicator.ts';
import { type Communicator, localCommunicator } from '../../src/parallel/communicator.ts';
import { tensor } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('communicator');

/** Replica `rank` among others that bring the given vectors, one for each call. */
function among(rank: number, size: number, others: readonly (readonly number[])[]): Communicator {
  let call = 0;
  return {
    rank,
    size,
    allReduce(values) {
      const theirs = others[call++]!;
      assert.is(values.length, theirs.length);
      for (let i = 0; i < values.length; i++) values[i]! += theirs[i]!;
    },
  };
}

test('a process that has all replicas exchanges nothing', () => {
  const communicator = localCommunicator();
  const values = Float64Array.of(1, -0, NaN);
  communicator.allReduce(values);
  assert.equal([communicator.rank, communicator.size, ...values], [0, 1, 1, -0, NaN]);
  checkCommunicator(communicator);
});

test('vectors are gathered in the order of ranks, each from its own place', () => {
  const gathered = allGather(among(1, 3, [[1, 2, 0, 0, 5, 6]]), Float64Array.of(3, 4));
  assert.equal(gathered.map((values) => [...values]), [[1, 2], [3, 4], [5, 6]]);
});

test('gathering does not write into the vector, and a negative zero arrives as zero', () => {
  const values = Float64Array.of(-0, 7);
  const [found] = allGather(localCommunicator(), values);
  assert.ok(Object.is(found![0], 0));
  assert.ok(Object.is(values[0], -0));
});

test('the sum over replicas passes the sum of their gradients back', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = allReduce(x, among(0, 2, [[10, 20], [3, 5]]));
  assert.equal(toArray(y), [11, 22]);
  assert.equal(toArray(x), [1, 2]);
  backward(sum(mul(y, tensor([1, -1]))));
  assert.equal(toArray(x.grad!), [4, 4]);
});

test('gradients are replaced by their sums, each parameter once', () => {
  const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor(3, { requiresGrad: true })];
  const frozen = tensor([9]);
  a.grad = tensor([1, 2]);
  b.grad = tensor(4);
  allReduceGradients([a, frozen, b, a], among(0, 2, [[1, 0, 1, 10, 20, 0, 30]]));
  assert.equal([toArray(a.grad), frozen.grad, toArray(b.grad)], [[11, 22], null, 34]);
});

test('a gradient that only some replicas have is refused, and none is changed', () => {
  const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
  a.grad = tensor([5]);
  const reduce = (): void => allReduceGradients([a, b], among(0, 3, [[2, 1, 1, 1]]));
  assertThrows(reduce, 'ReplicaError', /must have the same gradients, got that of parameter 1 from 1 of 3/);
  assert.equal(toArray(a.grad), [5]);
});

test('the contract test accepts a transport that adds in another order on every call but the same on all replicas', () => {
  checkCommunicator({ rank: 0, size: 1, allReduce: (values) => values.reverse().reverse() });
});

test('the contract test says which promise a communicator breaks', () => {
  const alone = (body: (values: Float64Array) => unknown): Communicator => ({ rank: 0, size: 1, allReduce: body });
  let calls = 0;
  const broken: [Communicator, RegExp][] = [
    [{ rank: 1, size: 1, allReduce() {} }, /rank must be an integer in \[0, size\), got rank 1 and size 1/],
    [{ rank: 0, size: 0, allReduce() {} }, /got rank 0 and size 0/],
    [{ rank: 0.5, size: 2, allReduce() {} }, /got rank 0.5 and size 2/],
    [{ rank: 0, size: 2, allReduce() {} }, /every rank must be taken once/],
    [{ rank: 0, size: 2, allReduce: (values) => values.forEach((v, i) => (values[i] = 2 * v)) }, /every rank must be taken once/],
    [alone((values) => values.length > 9999 && values.fill(0, 4096)), /the sums of 10007 numbers/],
    [alone((values) => values.length === 3 && (values[2] = 0)), /the sums of 3 numbers/],
    [alone((values) => values.byteOffset > 0 && (new Float64Array(values.buffer)[0] = 0)), /nothing beside it/],
    [alone((values) => values.length < 9 && values.set(Float32Array.from(values))), /a sum with zeros must be exact/],
    [alone((values) => values.forEach((v, i) => Math.abs(v) < 2 ** -1022 && (values[i] = 0))), /a sum with zeros must be exact/],
    [alone((values) => values.forEach((v, i) => Number.isNaN(v) && (values[i] = 0))), /NaN and infinity must be passed on/],
    [alone((values) => values.forEach((v, i) => v === Infinity && (values[i] = 1.7e308))), /NaN and infinity must be passed on/],
    [alone((values) => values.length === 200 && (values[7]! *= 1 + (calls++ % 2) * 2 ** -52)), /the same bits, in each run/],
  ];
  for (const [communicator, message] of broken) assertThrows(() => checkCommunicator(communicator), 'Error', message);
});

test('the contract test fails on every replica when it fails on one', () => {
  // the other replica reports a problem in the last exchange
  const good = (values: Float64Array): unknown => values.length === 1 && values[0] === 0 && (values[0] = 1);
  assertThrows(
    () => checkCommunicator({ rank: 0, size: 1, allReduce: good }),
    'Error',
    /the contract must hold on all replicas, and does not on another one \(replica 0 of 1\)/,
  );
});

test.run();
