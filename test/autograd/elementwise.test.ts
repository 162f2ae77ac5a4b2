import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { abs } from '../../src/autograd/abs.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { cast } from '../../src/autograd/cast.ts';
import { clamp } from '../../src/autograd/clamp.ts';
import { exp } from '../../src/autograd/exp.ts';
import { gate } from '../../src/autograd/gate.ts';
import { log } from '../../src/autograd/log.ts';
import { log1p } from '../../src/autograd/log1p.ts';
import { maximum } from '../../src/autograd/maximum.ts';
import { minimum } from '../../src/autograd/minimum.ts';
import { pow } from '../../src/autograd/pow.ts';
import { sqrt } from '../../src/autograd/sqrt.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { where } from '../../src/autograd/where.ts';
import { type Nested, tensor, zeros } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('elementwise');

const double = (values: Nested, requiresGrad = true): Tensor => tensor(values, { dtype: 'float64', requiresGrad });

/** The derivatives of orders 1 to `order` of an elementwise function, at each of the points. */
function derivatives(f: (x: Tensor) => Tensor, at: readonly number[], order: number): Nested[] {
  const x = double(at);
  const found: Nested[] = [];
  for (let y = f(x), k = 0; k < order; k++) {
    y = grad([sum(y)], [x], { createGraph: true })[0]!;
    found.push(toArray(y));
  }
  return found;
}

test('pow with a number has derivatives of every order, also at 0', () => {
  assert.equal(toArray(pow(tensor([-2, 0, 3]), 3)), [-8, 0, 27]);
  assert.equal(derivatives((x) => pow(x, 3), [-2, 0, 3], 3), [[12, 0, 27], [-12, 0, 18], [6, 6, 6]]);
  assert.equal(derivatives((x) => pow(x, 2), [0, 1], 2), [[0, 2], [2, 2]]);
  assert.equal(derivatives((x) => pow(x, 1), [0, -5], 1), [[1, 1]]);
});

test('the derivative of x^0 is 0, also at 0', () => {
  assert.equal(toArray(pow(tensor([0, 2]), 0)), [1, 1]);
  assert.equal(derivatives((x) => pow(x, 0), [0, 2], 1), [[0, 0]]);
  assert.equal(derivatives((x) => pow(x, double([0, 0], false)), [0, 2], 1), [[0, 0]]);
});

test('pow with a tensor has the derivatives of pow with a number', () => {
  const two = double([2, 2, 2], false);
  assert.equal(derivatives((x) => pow(x, two), [-3, 0, 3], 2), [[-6, 0, 6], [2, 2, 2]]);
  const x = double([[2], [3]]);
  const y = pow(x, double([2, 3], false));
  assert.equal(toArray(y), [[4, 8], [9, 27]]);
  backward(sum(y));
  assert.equal(toArray(x.grad!), [[4 + 12], [6 + 27]]);
});

test('the derivative for the exponent is y log(x), and 0 where x is not positive', () => {
  const e = double([3, 2, 0, 2]);
  const x = double([2, 0, 0, -1]);
  const [de] = grad([sum(pow(x, e))], [e]);
  assertClose(de!, [8 * Math.LN2, 0, 0, 0], 1e-15);
});

test('mixed second derivatives of pow are finite where they exist, also for an exponent of 0', () => {
  const x = double([2, 4]);
  const e = double([0, 1]);
  const [dx] = grad([sum(pow(x, e))], [x], { createGraph: true });
  const [dxde] = grad([sum(dx!)], [e]);
  assertClose(dxde!, [1 / 2, Math.log(4) + 1], 1e-15);
  const zero = double([0, 0]);
  const exponent = double([0, 2]);
  const second = grad([sum(grad([sum(pow(zero, exponent))], [zero], { createGraph: true })[0]!)], [zero, exponent]);
  for (const g of second) assert.ok(g.data.every(Number.isFinite), String(g.data));
});

test('pow follows Math.pow outside its domain, and NaN flows', () => {
  assert.equal(toArray(pow(tensor([-1, 0, NaN, Infinity]), 0.5)), [NaN, 0, NaN, Infinity]);
  assert.equal(toArray(pow(tensor([0, -0]), -1)), [Infinity, -Infinity]);
  assert.equal(toArray(pow(tensor([1, 2]), tensor([NaN, NaN]))), [NaN, NaN]);
  assert.equal(derivatives((x) => pow(x, 0.5), [0, -1], 1), [[Infinity, NaN]]);
});

test('exp is its own derivative', () => {
  assertClose(exp(double([0, 1, -1])), [1, Math.E, 1 / Math.E], 1e-15);
  assert.equal(derivatives(exp, [0, 1], 3), Array.from({ length: 3 }, () => [1, Math.exp(1)]));
  assert.equal(toArray(exp(tensor([NaN, 1000, -1000]))), [NaN, Infinity, 0]);
});

test('log1p keeps all digits of a small number, and has its slopes', () => {
  assert.equal(toArray(log1p(tensor([0, -1, -2, 1e-20], { dtype: 'float64' }))), [0, -Infinity, NaN, 1e-20]);
  assert.equal(derivatives(log1p, [1, -1], 1), [[0.5, Infinity]]);
  assert.equal(derivatives(log1p, [1], 3), [[0.5], [-0.25], [0.25]]);
});

test('log and sqrt have their slopes, infinite at 0, and NaN below', () => {
  assert.equal(toArray(log(tensor([1, 0, -1, NaN]))), [0, -Infinity, NaN, NaN]);
  assert.equal(derivatives(log, [2, 0], 1), [[0.5, Infinity]]);
  assert.equal(derivatives(log, [2], 3), [[0.5], [-0.25], [0.25]]);
  assert.equal(toArray(sqrt(tensor([4, 0, -1, NaN]))), [2, 0, NaN, NaN]);
  assert.equal(derivatives(sqrt, [4, 0], 1), [[0.25, Infinity]]);
  assert.equal(derivatives(sqrt, [4], 3), [[0.25], [-1 / 32], [3 / 256]]);
});

test('abs has slope 0 at 0', () => {
  assert.equal(toArray(abs(tensor([-2, 0, 3, -Infinity, NaN]))), [2, 0, 3, Infinity, NaN]);
  assert.equal(derivatives(abs, [-2, 0, 3], 1), [[-1, 0, 1]]);
});

test('maximum and minimum broadcast, and the gradient goes to the chosen side', () => {
  const x = double([[1, 5]]);
  const y = double([[2], [7]]);
  const larger = maximum(x, y);
  assert.equal(toArray(larger), [[2, 5], [7, 7]]);
  backward(larger, double([[1, 10], [100, 1000]], false));
  assert.equal([toArray(x.grad!), toArray(y.grad!)], [[[0, 10]], [[1], [1100]]]);
  assert.equal(toArray(minimum(x, y)), [[1, 2], [1, 5]]);
  assert.equal(grad([sum(minimum(x, y))], [x, y]).map(toArray), [[[2, 1]], [[1], [0]]]);
});

test('at a tie each side gets half', () => {
  for (const f of [maximum, minimum]) {
    const x = double([3]);
    const y = double([3]);
    backward(f(x, y), double([8], false));
    assert.equal([toArray(x.grad!), toArray(y.grad!)], [[4], [4]]);
    const zero = double([0]);
    assert.equal(grad([sum(f(zero, -0))], [zero]).map(toArray), [[0.5]]);
  }
});

test('the maximum of x with itself has slope 1', () => {
  const x = double([3]);
  backward(maximum(x, x));
  assert.equal(toArray(x.grad!), [1]);
});

test('NaN on either side is the maximum and the minimum, and takes the gradient', () => {
  for (const f of [maximum, minimum]) {
    assert.equal(toArray(f(tensor([NaN, 1, NaN]), tensor([1, NaN, NaN]))), [NaN, NaN, NaN]);
    const x = double([NaN, 1]);
    const y = double([1, NaN]);
    assert.equal(grad([sum(f(x, y))], [x, y]).map(toArray), [[1, 0], [0, 1]]);
  }
});

test('clamp has slope 1 between the bounds and at them, 0 outside', () => {
  const x = double([-2, -1, 0, 1, 2]);
  const y = clamp(x, { min: -1, max: 1 });
  assert.equal(toArray(y), [-1, -1, 0, 1, 1]);
  backward(sum(y));
  assert.equal(toArray(x.grad!), [0, 1, 1, 1, 0]);
});

test('a bound of clamp may be left out, and both may be the same', () => {
  const x = tensor([-2, 0, 2]);
  assert.equal(toArray(clamp(x, { min: 0 })), [0, 0, 2]);
  assert.equal(toArray(clamp(x, { max: 0 })), [-2, 0, 0]);
  assert.equal(toArray(clamp(x)), [-2, 0, 2]);
  assert.equal(toArray(clamp(x, { min: 1, max: 1 })), [1, 1, 1]);
});

test('a float32 element that holds 0.1 is at a bound of 0.1', () => {
  const x = tensor([0.1], { requiresGrad: true });
  backward(sum(clamp(x, { max: 0.1 })));
  assert.equal(toArray(x.grad!), [1]);
});

test('clamp lets NaN through and refuses it as a bound', () => {
  assert.equal(toArray(clamp(tensor([NaN, Infinity]), { min: 0, max: 1 })), [NaN, 1]);
  assertThrows(() => clamp(zeros([1]), { min: NaN }), 'RangeError', /^clamp: .*got min NaN and max Infinity/);
  assertThrows(() => clamp(zeros([1]), { min: 2, max: 1 }), 'RangeError', /^clamp: min must be at most max, got min 2 and max 1/);
});

test('where selects, and all three operands broadcast', () => {
  const condition = tensor([[1, 0]]);
  const x = double([[1], [2]]);
  const y = double(9);
  const z = where(condition, x, y);
  assert.equal(toArray(z), [[1, 9], [2, 9]]);
  backward(z, double([[1, 10], [100, 1000]], false));
  assert.equal([toArray(x.grad!), toArray(y.grad!)], [[[1], [100]], 1010]);
});

test('the condition of where gets no gradient, and may be larger than what it selects', () => {
  const condition = double([2, 0, -1]);
  assert.is(where(condition, 1, 0).requiresGrad, false);
  assert.equal(toArray(where(condition, 1, 0)), [1, 0, 1]);
  assert.is(where(condition, 1, 0).dtype, 'float64');
  assert.equal(where(zeros([4, 1]), zeros([3]), zeros([2, 1, 1])).shape, [2, 4, 3]);
});

test('what where does not select cannot leak a NaN', () => {
  const x = double([NaN, 1]);
  const y = double([2, Infinity]);
  const z = where(double([0, 1], false), x, y);
  assert.equal(toArray(z), [2, 1]);
  backward(z, double([Infinity, NaN], false));
  assert.equal([toArray(x.grad!), toArray(y.grad!)], [[0, NaN], [Infinity, 0]]);
  const safe = (v: Tensor): Tensor => {
    const positive = double([0, 1], false);
    return where(positive, sqrt(where(positive, v, 1)), 0);
  };
  assert.equal(derivatives(safe, [0, 4], 2), [[0, 0.25], [0, -1 / 32]]);
});

test('where refuses different dtypes and shapes', () => {
  assertThrows(() => where(zeros([1]), zeros([1]), double([1])), 'TypeError', /^where: /);
  assertThrows(() => where(zeros([2]), zeros([3]), 1), 'ShapeError', /^where: /);
});

test('gate weighs, and is 0 at a weight of 0 whatever x is', () => {
  const x = double([NaN, Infinity, 3, 3]);
  const y = gate(x, Float32Array.of(0, 0, -1, 0.5));
  assert.equal(toArray(y), [0, 0, -3, 1.5]);
  backward(y, double([NaN, 1, 2, 2], false));
  assert.equal(toArray(x.grad!), [0, 0, -2, 1]);
});

test('cast rounds to the dtype, passes the gradient back in the old one, and is nothing when nothing changes', () => {
  const x = double([0.1, 2]);
  const y = cast(x, 'float32');
  assert.is(y.dtype, 'float32');
  assert.is(y.data[0], Math.fround(0.1));
  backward(sum(square(y)));
  assert.is(x.grad!.dtype, 'float64');
  assert.equal(toArray(x.grad!), [2 * Math.fround(0.1), 4]);
  assert.is(cast(x, 'float64'), x);
});

test('cast has second derivatives, through both dtypes', () => {
  const x = double([0.5, 2]);
  const [dx] = grad([sum(pow(cast(x, 'float32'), 3))], [x], { createGraph: true });
  assert.equal(toArray(dx!), [0.75, 12]);
  assert.equal(grad([sum(dx!)], [x]).map(toArray), [[3, 12]]);
});

test('cast refuses a dtype there is not', () => {
  assertThrows(() => cast(zeros([1]), 'float16' as DType), 'TypeError', /^cast: dtype must be 'float32' or 'float64', got float16/);
});

test('float32 stays float32, forward and backward', () => {
  const x = tensor([0.5, 2], { requiresGrad: true });
  const f32 = tensor([0.3, 0.7]);
  for (const y of [pow(x, 2), pow(x, f32), exp(x), log(x), sqrt(x), abs(x), maximum(x, f32), minimum(x, 1), clamp(x), where(f32, x, 0)]) {
    assert.is(y.dtype, 'float32');
    assert.is(grad([sum(y)], [x])[0]!.dtype, 'float32');
  }
});

test('empty tensors go through', () => {
  const empty = zeros([0, 2]);
  for (const y of [pow(empty, 2), exp(empty), abs(empty), maximum(empty, 1), clamp(empty, { min: 0 }), where(empty, 1, empty)]) {
    assert.equal(y.shape, [0, 2]);
  }
});

test.run();
