import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grad } from '../../src/autograd/backward.ts';
import { elu } from '../../src/autograd/elu.ts';
import { gelu, type GeluOptions } from '../../src/autograd/gelu.ts';
import { hardSigmoid } from '../../src/autograd/hard-sigmoid.ts';
import { leakyRelu } from '../../src/autograd/leaky-relu.ts';
import { normalCdf } from '../../src/autograd/normal-cdf.ts';
import { relu } from '../../src/autograd/relu.ts';
import { sigmoid } from '../../src/autograd/sigmoid.ts';
import { silu } from '../../src/autograd/silu.ts';
import { softplus } from '../../src/autograd/softplus.ts';
import { sum } from '../../src/autograd/sum.ts';
import { tanh } from '../../src/autograd/tanh.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('activations');

const double = (values: number[]): Tensor => tensor(values, { dtype: 'float64', requiresGrad: true });

/** The slopes of an activation at these points. */
function slopes(f: (x: Tensor) => Tensor, at: number[], dtype: 'float32' | 'float64' = 'float64'): Tensor {
  const x = tensor(at, { dtype, requiresGrad: true });
  return grad([sum(f(x))], [x])[0]!;
}

/** Asserts relative errors: assertClose is absolute below 1. */
function assertRelative(got: Tensor, want: number[], tolerance: number): void {
  want.forEach((value, i) => {
    const error = Math.abs(got.data[i]! - value);
    assert.ok(error <= tolerance * Math.abs(value), `element ${i}: got ${got.data[i]}, want ${value}`);
  });
}

test('relu has slope 0 at 0, and gives no negative zero', () => {
  assert.equal(toArray(relu(tensor([-1, 0, 2]))), [0, 0, 2]);
  assert.ok(Object.is(relu(tensor([-0])).data[0], 0));
  assert.equal(toArray(slopes(relu, [-1, 0, 2])), [0, 0, 1]);
});

test('leakyRelu has its slope below 0 and at 0', () => {
  const f = (x: Tensor): Tensor => leakyRelu(x, 0.25);
  assert.equal(toArray(f(double([-4, 0, 2]))), [-1, 0, 2]);
  assert.equal(toArray(slopes(f, [-4, 0, 2])), [0.25, 0.25, 1]);
  assert.equal(toArray(leakyRelu(double([-100]))), [-1]);
});

test('leakyRelu takes slopes of 0 and below', () => {
  assert.equal(toArray(slopes((x) => leakyRelu(x, 0), [-4, 2])), [0, 1]);
  assert.equal(toArray(slopes((x) => leakyRelu(x, -1), [-4, 2])), [-1, 1]);
});

test('elu goes to -alpha, with slope alpha at 0', () => {
  const f = (x: Tensor): Tensor => elu(x, 0.5);
  assertRelative(f(double([-1, 2])), [0.5 * -0.632120558828557678, 2], 1e-15);
  assertRelative(slopes(f, [-1, 0, 2]), [0.5 / Math.E, 0.5, 1], 1e-15);
  assert.equal(toArray(f(tensor([-1000, 0, 1000]))), [-0.5, 0, 1000]);
  assert.equal(toArray(slopes(f, [-1000, 1000])), [0, 1]);
  assertRelative(elu(double([-1e-12])), [-1e-12 + 5e-25], 1e-15);
});

test('sigmoid keeps its digits in both tails, and so does its slope', () => {
  assertRelative(sigmoid(double([0, 1, -700])), [0.5, 0.731058578630004879, 9.85967654375977086e-305], 3e-15);
  assertRelative(slopes(sigmoid, [0, 40, -40]), [0.25, 4.24835425529158896e-18, 4.24835425529158896e-18], 3e-15);
  assert.equal(toArray(sigmoid(tensor([-1000, 1000, -Infinity, Infinity]))), [0, 1, 0, 1]);
  assertRelative(slopes(sigmoid, [12], 'float32'), [6.14413685e-6], 3e-7);
});

test('hardSigmoid has slope 1/6 between -3 and 3, and 0 at these points', () => {
  assert.equal(toArray(hardSigmoid(tensor([-4, -3, 0, 1.5, 3, 4]))), [0, 0, 0.5, 0.75, 1, 1]);
  assert.equal(toArray(slopes(hardSigmoid, [-4, -3, 0, 3, 4])), [0, 0, 1 / 6, 0, 0]);
});

test('tanh keeps the digits of its slope in both tails', () => {
  assertRelative(tanh(double([0.5, -0.5])), [0.462117157260009759, -0.462117157260009759], 1e-15);
  assertRelative(slopes(tanh, [0, 20, -20]), [1, 1.69934170211663558e-17, 1.69934170211663558e-17], 3e-15);
  assert.equal(toArray(tanh(tensor([-1000, 1000]))), [-1, 1]);
});

test('softplus neither overflows nor loses its lower tail', () => {
  assertRelative(softplus(double([0, 1, -50, 1000])), [Math.LN2, 1.31326168751822283, 1.92874984796391778e-22, 1000], 3e-15);
  assertRelative(slopes(softplus, [0, 1, -1000, 1000]), [0.5, 0.731058578630004879, 0, 1], 1e-15);
  assert.equal(toArray(softplus(tensor([-Infinity, Infinity]))), [0, Infinity]);
});

test('silu is x times its sigmoid', () => {
  assertRelative(silu(double([1, -1, 1000])), [0.731058578630004879, -0.268941421369995121, 1000], 1e-15);
  assert.equal(toArray(slopes(silu, [0, 1000, -1000])), [0.5, 1, 0]);
});

test('gelu is x times the normal distribution function, also in the lower tail', () => {
  assertRelative(
    gelu(double([1, -1, -3, -10])),
    [0.841344746068542949, -0.158655253931457051, -0.00404969409489028358, -7.61985302416052607e-23],
    1e-13,
  );
  assertRelative(slopes((x) => gelu(x), [1, -3]), [1.0833154705876863, -0.011945647204183927], 1e-13);
  assert.equal(toArray(gelu(tensor([0, 100, -100]))), [0, 100, 0]);
  assert.equal(toArray(normalCdf(tensor([-Infinity, 0, Infinity]))), [0, 0.5, 1]);
});

test("gelu with approximate: 'tanh' is the approximation", () => {
  const f = (x: Tensor): Tensor => gelu(x, { approximate: 'tanh' });
  assertRelative(f(double([1, -1, -3])), [0.841191990608276705, -0.158808009391723295, -0.00363739208177301884], 3e-15);
  assertClose(f(double([0, 100])), [0, 100], 0);
});

test('gelu refuses another approximation', () => {
  const options = { approximate: 'erf' } as unknown as GeluOptions;
  assertThrows(() => gelu(zeros([1]), options), 'RangeError', /^gelu: approximate must be 'none' or 'tanh', got erf/);
});

test('slopes that are not finite are refused', () => {
  assertThrows(() => leakyRelu(zeros([1]), NaN), 'RangeError', /^leakyRelu: slope must be finite, got NaN/);
  assertThrows(() => elu(zeros([1]), Infinity), 'RangeError', /^elu: alpha must be finite, got Infinity/);
});

const all: Record<string, (x: Tensor) => Tensor> = {
  relu, leakyRelu, elu, sigmoid, hardSigmoid, tanh, softplus, silu, gelu, normalCdf,
  'gelu tanh': (x) => gelu(x, { approximate: 'tanh' }),
};
for (const [name, f] of Object.entries(all)) {
  test(`${name} lets NaN through, keeps dtype and shape, and takes empty tensors`, () => {
    assert.equal(toArray(f(tensor([NaN, 1]))).toString().split(',')[0], 'NaN');
    assert.is(f(tensor([1])).dtype, 'float32');
    assert.is(slopes((x) => f(x), [1], 'float32').dtype, 'float32');
    assert.is(f(double([1])).dtype, 'float64');
    assert.equal(f(zeros([2, 0])).shape, [2, 0]);
    assert.equal(f(zeros([])).shape, []);
  });

  test(`${name} has finite slopes far out on both sides`, () => {
    assert.ok(slopes((x) => f(x), [-1e4, 1e4, -50, 50]).data.every(Number.isFinite));
  });
}

test('relu passes no infinite gradient through its flat side', () => {
  const x = double([-1, 1]);
  const [dx] = grad([relu(x)], [x], { gradOutputs: [double([Infinity, 2])] });
  assert.equal(toArray(dx!), [0, 2]);
});

test.run();
