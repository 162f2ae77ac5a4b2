import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { cast } from '../../src/autograd/cast.ts';
import { clone } from '../../src/autograd/clone.ts';
import { concat } from '../../src/autograd/concat.ts';
import { exp } from '../../src/autograd/exp.ts';
import { mul } from '../../src/autograd/mul.ts';
import { neg } from '../../src/autograd/neg.ts';
import { pow } from '../../src/autograd/pow.ts';
import { detach, isRecording, noGrad } from '../../src/autograd/record.ts';
import { relu } from '../../src/autograd/relu.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { softmax } from '../../src/autograd/softmax.ts';
import { square } from '../../src/autograd/square.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { assign } from '../../src/tensor/assign.ts';
import { fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('backward');

const leaf = (values: number[] | number): Tensor => tensor(values, { requiresGrad: true });

test('backward leaves the gradient in every leaf that wants one', () => {
  const x = leaf([1, 2]);
  const y = leaf([3, 4]);
  const constant = tensor([5, 6]);
  backward(sum(mul(mul(x, y), constant)));
  assert.equal(toArray(x.grad!), [15, 24]);
  assert.equal(toArray(y.grad!), [5, 12]);
  assert.is(constant.grad, null);
});

test('a leaf is its own derivative', () => {
  const x = leaf([2, 3]);
  const dy = tensor([4, 5]);
  backward(x, dy);
  assert.equal(toArray(x.grad!), [4, 5]);
  assert.is.not(x.grad!.data, dy.data);
});

test('f(x, x) accumulates both uses', () => {
  const x = leaf([3]);
  backward(mul(x, x));
  assert.equal(toArray(x.grad!), [6]);
  const y = leaf([3]);
  backward(sum(add(mul(y, y), sub(y, y))));
  assert.equal(toArray(y.grad!), [6]);
});

test('a second backward adds to the gradient that is there', () => {
  const x = leaf([3]);
  backward(square(x));
  const first = x.grad!;
  backward(square(x));
  assert.equal(toArray(x.grad!), [12]);
  assert.equal(toArray(first), [6]);
  x.grad = null;
  backward(square(x));
  assert.equal(toArray(x.grad!), [6]);
});

test('a value that branches and joins again is visited once, with both parts', () => {
  const x = leaf([2]);
  const h = square(x);
  backward(add(mul(h, h), exp(sub(h, 4))));
  assert.equal(toArray(x.grad!), [(2 * 4 + 1) * 4]);
});

test('a chain of 100,000 operations goes forward and backward', () => {
  const x = leaf([1]);
  let y = x;
  for (let i = 0; i < 100_000; i++) y = i % 2 === 0 ? mul(y, 2) : mul(y, 0.5);
  backward(y);
  assert.equal([item(y), item(x.grad!)], [1, 1]);
});

test('2^200 paths through 200 diamonds are summed in 200 steps', () => {
  const x = tensor([1], { dtype: 'float64', requiresGrad: true });
  let y: Tensor = x;
  for (let i = 0; i < 200; i++) y = add(y, y);
  assert.is(savedBytes(y), 0);
  backward(y);
  assert.is(item(x.grad!), 2 ** 200);
});

test('a second backward on a freed graph throws, naming the operation', () => {
  const x = leaf([3]);
  const y = square(x);
  backward(y);
  assertThrows(() => backward(y), 'Error', /^backward: the graph has been freed by an earlier backward \(at square\); pass \{ retainGraph: true \}/);
  assertThrows(() => grad([y], [x]), 'Error', /^grad: the graph has been freed/);
  assert.equal(toArray(x.grad!), [6]);
});

test('retainGraph keeps the graph for another pass', () => {
  const x = leaf([3]);
  const y = square(x);
  backward(y, undefined, { retainGraph: true });
  backward(y);
  assert.equal(toArray(x.grad!), [12]);
  assertThrows(() => backward(y), 'Error', /freed/);
});

test('grad frees what it went through and nothing else', () => {
  const x = leaf([3]);
  const h = square(x);
  const [dh] = grad([mul(h, 5)], [h]);
  assert.equal(toArray(dh!), [5]);
  backward(h, dh);
  assert.equal(toArray(x.grad!), [30]);
});

test('grad writes into no grad', () => {
  const x = leaf([3]);
  const y = leaf([4]);
  assert.equal(grad([mul(x, y)], [x]).map(toArray), [[4]]);
  assert.is(x.grad, null);
  assert.is(y.grad, null);
});

test('grad sums over several weighted outputs, which may depend on each other', () => {
  const x = leaf([3]);
  const h = square(x);
  const y = mul(h, x);
  const [dx, dh] = grad([h, y], [x, h], { gradOutputs: [tensor([10]), tensor([100])] });
  assert.equal(toArray(dx!), [10 * 6 + 100 * 27]);
  assert.equal(toArray(dh!), [10 + 100 * 3]);
});

test('grad of a tensor with respect to itself is its weight', () => {
  const x = leaf([3]);
  const h = square(x);
  assert.equal(grad([h, x], [h, x], { gradOutputs: [tensor([2]), tensor([7])] }).map(toArray), [[2], [19]]);
});

test('an input that no output depends on is an error, or zeros if allowed', () => {
  const x = leaf([1, 2]);
  const y = leaf([3]);
  assertThrows(() => grad([square(y)], [y, x]), 'Error', /^grad: no output depends on input 1; pass \{ allowUnused: true \}/);
  assert.equal(grad([square(y)], [y, x], { allowUnused: true }).map(toArray), [[6], [0, 0]]);
  assert.equal(grad([tensor(1)], [y], { allowUnused: true }).map(toArray), [[0]]);
});

test('grad refuses inputs without requiresGrad, and gradients that do not match', () => {
  const x = leaf([1, 2]);
  assertThrows(() => grad([sum(x)], [tensor([1])]), 'Error', /^grad: input 0 does not require a gradient/);
  assertThrows(() => grad([x], [x], { gradOutputs: [] }), 'RangeError', /^grad: gradOutputs must match the 1 outputs, got 0/);
  assertThrows(() => grad([square(x)], [x]), 'ShapeError', /^grad: an output of shape \[2\] needs its gradient; pass it, or sum first/);
  assertThrows(() => grad([x], [x], { gradOutputs: [zeros([3])] }), 'ShapeError', /^grad: .*float32 \[2\], got float32 \[3\]/);
});

test('backward refuses an output without history, a missing gradient, and one of another shape or dtype', () => {
  const x = leaf([1, 2]);
  assertThrows(() => backward(tensor(1)), 'Error', /^backward: the output depends on no tensor that requires a gradient/);
  assertThrows(() => backward(square(x)), 'ShapeError', /^backward: .*needs its gradient/);
  assertThrows(() => backward(square(x), tensor([[1, 1]])), 'ShapeError', /float32 \[2\], got float32 \[1, 2\]/);
  assertThrows(() => backward(square(x), zeros([2], { dtype: 'float64' })), 'ShapeError', /got float64 \[2\]/);
  assert.is(x.grad, null);
});

test('createGraph gives derivatives of any order', () => {
  const x = tensor([2], { dtype: 'float64', requiresGrad: true });
  const [first] = grad([pow(x, 4)], [x], { createGraph: true });
  const [second] = grad([first!], [x], { createGraph: true });
  const [third] = grad([second!], [x], { createGraph: true });
  const [fourth] = grad([third!], [x]);
  assert.equal([first, second, third, fourth].map((g) => item(g!)), [32, 48, 48, 24]);
});

test('backward with createGraph leaves gradients that can be differentiated', () => {
  const x = leaf([3]);
  backward(pow(x, 3), undefined, { createGraph: true });
  const penalty = square(x.grad!);
  x.grad = null;
  backward(penalty);
  assert.equal(toArray(x.grad!), [2 * 27 * 18]);
});

test('a plain gradient has no history', () => {
  const x = leaf([3]);
  backward(pow(x, 3));
  assert.is(x.grad!.requiresGrad, false);
  assert.is(grad([pow(x, 3)], [x])[0]!.requiresGrad, false);
});

test('a saved value that was overwritten is an error that names the operation, and no gradient changes', () => {
  const x = leaf([3]);
  const other = leaf([1]);
  backward(square(other));
  const y = add(square(x), square(other));
  assign(x, tensor([4]));
  assertThrows(() => backward(y), 'Error', /^backward: a value that square needs for its gradient has been overwritten since/);
  assertThrows(() => grad([y], [other, x]), 'Error', /^grad: a value that square needs/);
  assert.is(x.grad, null);
  assert.equal(toArray(other.grad!), [2]);
});

test('an overwritten result that its own derivative needs is noticed as well', () => {
  const x = leaf([3]);
  const y = exp(x);
  assign(y, tensor([0]));
  assertThrows(() => backward(y), 'Error', /a value that exp needs/);
});

test('a write is noticed through every tensor over the same memory', () => {
  const x = leaf([3, 4]);
  const y = square(x);
  assign(reshape(detach(x), [2, 1]), tensor([[1], [2]]));
  assertThrows(() => backward(sum(y)), 'Error', /overwritten/);
});

test('a write into a value that no derivative needs is fine', () => {
  const x = leaf([3]);
  const y = add(x, 1);
  assign(x, tensor([10]));
  backward(y);
  assert.equal(toArray(x.grad!), [1]);
});

test('a write elsewhere in the graph does not concern what is asked for', () => {
  const x = leaf([3]);
  const w = leaf([2]);
  const h = square(w);
  const y = mul(h, x);
  assign(w, tensor([9]));
  assert.equal(grad([y], [x]).map(toArray), [[4]]);
});

test('a refused call does not free the graph', () => {
  const x = leaf([3]);
  const y = square(x);
  assertThrows(() => backward(y, zeros([2])), 'ShapeError', /^backward: /);
  backward(y);
  assert.equal(toArray(x.grad!), [6]);
});

test('noGrad records nothing, and ends also when its body throws', () => {
  const x = leaf([1, 2]);
  const y = noGrad(() => mul(x, 2));
  assert.is(y.requiresGrad, false);
  assert.is(y.source, null);
  assert.throws(() => noGrad(() => { throw new Error('stop'); }), /stop/);
  assert.is(isRecording(), true);
  assert.is(mul(x, 2).requiresGrad, true);
  assert.is(noGrad(() => noGrad(() => 1) + Number(isRecording())), 1);
});

test('detach shares the data and cuts the history', () => {
  const x = leaf([3]);
  const h = square(x);
  const cut = detach(h);
  assert.is(cut.data, h.data);
  assert.is(cut.requiresGrad, false);
  backward(mul(h, cut));
  assert.equal(toArray(x.grad!), [54]);
});

test('nothing is recorded when no input needs a gradient', () => {
  const y = mul(tensor([1]), tensor([2]));
  assert.is(y.requiresGrad, false);
  assert.is(y.source, null);
});

test('no two gradients share memory, nor do they with the cotangent or a saved value', () => {
  const x = leaf([1, 2]);
  const y = leaf([3, 4]);
  const dy = tensor([5, 6]);
  backward(add(x, reshape(y, [2])), dy);
  const both = [x, y, dy].map((t) => (t.grad ?? t).data.buffer);
  assert.is(new Set(both).size, 3);
  const z = leaf([1, 2]);
  const again = grad([add(z, z)], [z, z], { gradOutputs: [dy] });
  assert.is(new Set([dy, z, ...again].map((t) => t.data.buffer)).size, 4);
  const saved = leaf([7, 8]);
  const factor = tensor([1, 1]);
  const passing = mul(clone(saved), factor);
  backward(passing, dy);
  assert.is.not(saved.grad!.data.buffer, factor.data.buffer);
});

test('the cotangent is not written to, also where gradients add up', () => {
  const x = leaf([1, 2]);
  const dy = tensor([5, 6]);
  const h = add(x, 0);
  backward(add(add(h, h), add(reshape(h, [2]), h)), dy);
  assert.equal(toArray(dy), [5, 6]);
  assert.equal(toArray(x.grad!), [20, 24]);
});

test('gradients that add up write into no gradient that was passed on', () => {
  const x = leaf([1]);
  const y = leaf([1]);
  const h = neg(y);
  backward(add(add(h, x), mul(h, 10)), tensor([2]));
  assert.equal([toArray(x.grad!), toArray(y.grad!)], [[2], [-22]]);
});

test('inputs are not written to', () => {
  const x = leaf([1, -2]);
  const before = x.data.slice();
  backward(sum(softmax(relu(concat([square(x), exp(x)])))));
  assert.equal(x.data, before);
  assert.is(x.storage.version, 0);
});

test('two runs give the same bits', () => {
  const run = (): number[] => {
    const random = new Random(4);
    const x = normal(random, [6, 7], 0, 1, { requiresGrad: true });
    const w = normal(random, [7], 0, 1, { requiresGrad: true });
    let y: Tensor = x;
    for (let i = 0; i < 5; i++) y = add(softmax(mul(y, w)), exp(mul(y, 0.1)));
    backward(sum(mul(y, normal(random, [6, 7]))));
    return [...x.grad!.data, ...w.grad!.data];
  };
  assert.equal(run(), run());
});

test('two graphs that share leaves go backward in either order', () => {
  const run = (order: readonly number[]): unknown => {
    const x = leaf([2]);
    const ys = [square(x), pow(x, 3)];
    for (const i of order) backward(ys[i]!);
    return toArray(x.grad!);
  };
  assert.equal(run([0, 1]), [16]);
  assert.equal(run([1, 0]), [16]);
});

test('gradients change dtype where the values did', () => {
  const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
  const w = leaf([3, 4]);
  backward(sum(mul(cast(x, 'float32'), w)));
  assert.is(x.grad!.dtype, 'float64');
  assert.is(w.grad!.dtype, 'float32');
  assert.equal([toArray(x.grad!), toArray(w.grad!)], [[3, 4], [1, 2]]);
});

test('empty tensors go backward', () => {
  const x = fromArray([], [0, 3], { requiresGrad: true });
  backward(sum(square(x)));
  assert.equal(x.grad!.shape, [0, 3]);
});

test.run();
