/** Sync batch norm on real threads, against the same replicas in one process. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { batchNormState } from '../../src/norms/batch.ts';
import { SyncBatchNorm, syncBatchNorm, syncBatchNormDefinition } from '../../src/norms/sync-batch.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { affine, type NormResult, replicaData } from '../support/replica-tasks.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';

const test = suite('sync-batch on threads');

let replicas: Replicas;
test.before(async () => {
  replicas = await startReplicas();
});
test.after(() => replicas.remove());

/** Unequal in samples and in extents. */
const shapes = [[2, 3, 4], [1, 3, 2], [4, 3, 3]];
const numbers = ({ data }: Tensor): number[] => Array.from(data);

/** What the threads compute, for all replicas in this one. */
function together(call: typeof syncBatchNorm): NormResult[] {
  const data = shapes.map((shape, rank) => replicaData(rank, shape));
  const xs = data.map(({ x }) => x);
  const copies = shapes.map(() => affine(3));
  const state = batchNormState(3, { dtype: 'float64' });
  const ys = call(xs, copies.map(({ weight }) => weight), copies.map(({ bias }) => bias), state);
  const total = (values: readonly Tensor[]): Tensor => values.map((x, r) => sum(mul(x, data[r]!.dy))).reduce((a, b) => add(a, b));
  const first = grad([total(ys)], [...xs, ...copies.map(({ weight }) => weight), ...copies.map(({ bias }) => bias)], { createGraph: true });
  const second = grad([total(first.slice(0, 3))], xs);
  return shapes.map((_, r) => ({
    y: numbers(ys[r]!),
    dx: numbers(first[r]!),
    ddx: numbers(second[r]!),
    weight: numbers(first[3 + r]!),
    bias: numbers(first[6 + r]!),
    state: [state.runningMean, state.runningVar, state.numBatchesTracked].map(numbers),
  }));
}

function near(got: unknown, want: unknown, what: string): void {
  const [a, b] = [got, want].map((values) => (values as number[][]).flat());
  assert.is(a!.length, b!.length);
  a!.forEach((value, i) => assert.ok(Math.abs(value - b![i]!) <= 1e-13 * Math.max(1, Math.abs(b![i]!)), `${what} ${i}: ${value}, want ${b![i]}`));
}

test('threads compute what one process computes with a list: outputs, statistics, first gradients to the bit', async () => {
  const threads = (await replicas.run(3, { task: 'fused', shapes })) as NormResult[];
  const plain = (await replicas.run(3, { task: 'plain', shapes })) as NormResult[];
  const here = together(syncBatchNorm);
  const data = shapes.map((shape, rank) => replicaData(rank, shape));
  const xs = data.map(({ x }) => x);
  const copies = shapes.map(() => affine(3));
  const ys = syncBatchNorm(xs, copies.map(({ weight }) => weight), copies.map(({ bias }) => bias));
  const first = grad(ys, [...xs, ...copies.map(({ weight }) => weight)], { gradOutputs: data.map(({ dy }) => dy) });
  here.forEach((want, rank) => {
    const got = threads[rank]!;
    assert.equal(got.y, want.y);
    assert.equal(got.state, want.state);
    assert.equal(plain[rank]!.dx, numbers(first[rank]!));
    assert.equal(plain[rank]!.weight, numbers(first[3 + rank]!));
    for (const name of ['dx', 'ddx', 'weight', 'bias'] as const) near(got[name], want[name], `${name} of ${rank}`);
  });
});

test('the definition crosses threads too, with first and second derivatives', async () => {
  const threads = (await replicas.run(3, { task: 'definition', shapes })) as NormResult[];
  together(syncBatchNormDefinition).forEach((want, rank) => {
    for (const name of ['y', 'dx', 'ddx', 'weight', 'bias', 'state'] as const) near(threads[rank]![name], want[name], `${name} of ${rank}`);
  });
});

test('a run is the same again to the bit', async () => {
  const [once, again] = [await replicas.run(3, { task: 'fused', shapes }), await replicas.run(3, { task: 'fused', shapes })];
  assert.equal(again, once);
});

test('the gradients of the class, summed over the threads, are those of one process with all replicas', async () => {
  const threads = (await replicas.run(3, { task: 'module', shapes })) as number[][][];
  const data = shapes.map((shape, rank) => replicaData(rank, shape));
  const norm = new SyncBatchNorm(3, { dtype: 'float64' });
  const ys = norm.forward(data.map(({ x }) => x));
  const want = grad(ys, norm.parameters(), { gradOutputs: data.map(({ dy }) => dy) }).map(numbers);
  for (const got of threads) near(got, want, 'parameter');
  assert.equal(threads[1], threads[0]);
  assert.equal(threads[2], threads[0]);
});

test.run();
