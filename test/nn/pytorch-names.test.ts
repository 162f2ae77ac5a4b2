import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { Linear } from '../../src/nn/linear.ts';
import { Module, type StateDict } from '../../src/nn/module.ts';
import { parametrize } from '../../src/nn/parametrize.ts';
import { fromPyTorch, toPyTorch } from '../../src/nn/pytorch-names.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { BatchNorm } from '../../src/norms/batch.ts';
import { GroupNorm } from '../../src/norms/group.ts';
import { InstanceNorm } from '../../src/norms/instance.ts';
import { LayerNorm } from '../../src/norms/layer.ts';
import { RMSNorm } from '../../src/norms/rms.ts';
import { SpectralNorm } from '../../src/norms/spectral.ts';
import { SyncBatchNorm } from '../../src/norms/sync-batch.ts';
import { WeightNorm } from '../../src/norms/weight.ts';
import { fromArray, tensor } from '../../src/tensor/create.ts';
import { Random } from '../../src/tensor/random.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('names of PyTorch');

/** Tensors of these shapes, no number twice. */
function dictOf(shapes: Readonly<Record<string, Shape>>): StateDict {
  let next = 0;
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, fromArray(Array.from({ length: sizeOf(shape) }, () => ++next / 8), shape)]),
  );
}

class Block extends Module {
  readonly layers = new Sequential(
    new Conv2d(2, 4, { kernelSize: 3, random: new Random(1) }),
    new BatchNorm(4),
    new GroupNorm(2, 4),
    new InstanceNorm(4, { affine: true, trackRunningStats: true }),
    new SyncBatchNorm(4),
    parametrize(new Conv2d(4, 3, { kernelSize: 1, random: new Random(2) }), new WeightNorm()),
  );
  readonly heads = [
    new LayerNorm([3]),
    new RMSNorm([3]),
    parametrize(new Linear(3, 2, { random: new Random(3) }), new SpectralNorm()),
  ] as const;
  readonly running_mean_head = new InstanceNorm(2);
  forward(x: Tensor): Tensor {
    return x;
  }
}

const batch = (path: string): Record<string, Shape> => ({
  [`${path}weight`]: [4],
  [`${path}bias`]: [4],
  [`${path}running_mean`]: [4],
  [`${path}running_var`]: [4],
  [`${path}num_batches_tracked`]: [],
});

const shapes: Readonly<Record<string, Shape>> = {
  'layers.0.weight': [4, 2, 3, 3],
  'layers.0.bias': [4],
  ...batch('layers.1.'),
  'layers.2.weight': [4],
  'layers.2.bias': [4],
  ...batch('layers.3.'),
  ...batch('layers.4.'),
  'layers.5.bias': [3],
  'layers.5.parametrizations.weight.original0': [3, 1, 1, 1],
  'layers.5.parametrizations.weight.original1': [3, 4, 1, 1],
  'heads.0.weight': [3],
  'heads.0.bias': [3],
  'heads.1.weight': [3],
  'heads.2.bias': [2],
  'heads.2.parametrizations.weight.original': [2, 3],
  'heads.2.parametrizations.weight.0._u': [2],
  'heads.2.parametrizations.weight.0._v': [3],
};

function assertHolds(got: Readonly<StateDict>, name: string, want: Tensor): void {
  assert.ok(got[name], `there is ${name}`);
  assert.equal(got[name]!.data, want.data, name);
}

test('a network with all norms that PyTorch has is loaded, and gives the same dict again', () => {
  const dict = dictOf(shapes);
  const network = new Block();
  assert.equal(network.loadStateDict(fromPyTorch(dict, network)), { missing: [], unexpected: [] });
  const held = network.stateDict();
  assertHolds(held, 'layers.1.runningMean', dict['layers.1.running_mean']!);
  assertHolds(held, 'layers.3.runningVar', dict['layers.3.running_var']!);
  assertHolds(held, 'layers.4.numBatchesTracked', dict['layers.4.num_batches_tracked']!);
  assertHolds(held, 'layers.5.parametrizations.weight.0.weightG', dict['layers.5.parametrizations.weight.original0']!);
  assertHolds(held, 'layers.5.parametrizations.weight.original', dict['layers.5.parametrizations.weight.original1']!);
  assertHolds(held, 'heads.2.parametrizations.weight.0.u', dict['heads.2.parametrizations.weight.0._u']!);
  assertHolds(held, 'heads.2.parametrizations.weight.0.v', dict['heads.2.parametrizations.weight.0._v']!);
  const back = toPyTorch(held);
  assert.equal(Object.keys(back).sort(), Object.keys(shapes).filter((name) => name !== 'layers.3.num_batches_tracked').sort());
  for (const name of Object.keys(back)) assertHolds(back, name, dict[name]!);
});

test('norms at the root, whose names have no path, are loaded too', () => {
  for (const norm of [new BatchNorm(4), new SyncBatchNorm(4), new InstanceNorm(4, { affine: true, trackRunningStats: true })]) {
    const dict = dictOf(batch(''));
    norm.loadStateDict(fromPyTorch(dict, norm));
    assertHolds(norm.stateDict(), 'runningVar', dict.running_var!);
  }
});

test('without the module a count stays, and with it only counts beside running statistics go', () => {
  const dict = dictOf(batch(''));
  assert.ok('numBatchesTracked' in fromPyTorch(dict));
  assert.ok('numBatchesTracked' in fromPyTorch(dict, new BatchNorm(4)));
  assert.ok('numBatchesTracked' in fromPyTorch(dict, new InstanceNorm(4)), 'a norm without running statistics does not fit');
  assert.not('numBatchesTracked' in fromPyTorch(dict, new InstanceNorm(4, { trackRunningStats: true })));
});

test('the names that hooks give, for weight norm and for spectral norm', () => {
  const weight = dictOf({ '0.weight_g': [2, 1], '0.weight_v': [2, 3], '0.bias': [2] });
  const first = new Sequential(parametrize(new Linear(3, 2, { random: new Random(1) }), new WeightNorm()));
  first.loadStateDict(fromPyTorch(weight));
  assertHolds(first.stateDict(), '0.parametrizations.weight.0.weightG', weight['0.weight_g']!);
  assertHolds(first.stateDict(), '0.parametrizations.weight.original', weight['0.weight_v']!);
  const spectral = dictOf({ weight_orig: [2, 3], weight_u: [2], weight_v: [3], bias: [2] });
  const second = parametrize(new Linear(3, 2, { random: new Random(1) }), new SpectralNorm());
  second.loadStateDict(fromPyTorch(spectral));
  assertHolds(second.stateDict(), 'parametrizations.weight.original', spectral.weight_orig!);
  assertHolds(second.stateDict(), 'parametrizations.weight.0.v', spectral.weight_v!);
});

test('a bias may be parametrized, and transforms may lie on top of each other', () => {
  const theirs = ['a.parametrizations.bias.original0', 'a.parametrizations.bias.original1', 'a.parametrizations.bias.1._u'];
  const ours = ['a.parametrizations.bias.0.weightG', 'a.parametrizations.bias.original', 'a.parametrizations.bias.1.u'];
  const x = tensor(1);
  const dict = (names: readonly string[]): StateDict => Object.fromEntries(names.map((name) => [name, x]));
  assert.equal(Object.keys(fromPyTorch(dict(theirs))), ours);
  assert.equal(Object.keys(toPyTorch(dict(ours))), theirs);
  assertThrows(
    () => toPyTorch(dict(['a.parametrizations.weight.1.weightG'])),
    'RangeError',
    /toPyTorch: weight norm must be the first transform .*got a\.parametrizations\.weight\.1\.weightG; put it into/,
  );
});

test('other names stay: paths, and what only looks like a name of PyTorch', () => {
  for (const name of ['running_mean.weight', 'not_running_mean', 'half_g', 'half_v', 'weight_orig', 'weight_u', 'original0', 'u', 'a.0._u', '__proto__']) {
    const dict = Object.fromEntries([[name, tensor(1)], ['weight_mask', tensor(1)]]);
    assert.equal(Object.keys(fromPyTorch(dict)), [name, 'weight_mask']);
    assert.equal(Object.keys(toPyTorch(dict)), [name, 'weight_mask']);
  }
});

test('two names that become one, and values that are no tensors, are refused', () => {
  const both = { running_mean: tensor(1), runningMean: tensor(2) };
  assertThrows(() => fromPyTorch(both), 'RangeError', /fromPyTorch: .*got running_mean and runningMean, both for runningMean; take/);
  assertThrows(() => toPyTorch(both), 'RangeError', /toPyTorch: .*both for running_mean/);
  assertThrows(() => fromPyTorch({ x: [1] as unknown as Tensor }), 'TypeError', /fromPyTorch: every value must be a tensor, got object for x/);
});

test.run();
