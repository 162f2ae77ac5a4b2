import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, grad } from '../../src/autograd/backward.ts';
import { conv, convInput, convWeight } from '../../src/autograd/conv.ts';
import { convTranspose } from '../../src/autograd/conv-transpose.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { sum } from '../../src/autograd/sum.ts';
import type { ConvOptions } from '../../src/tensor/conv-shape.ts';
import { full, tensor, zeros } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { grid } from '../support/grid.ts';
import { message } from '../support/message.ts';
import { check } from '../support/property.ts';
import { vjp } from '../support/vjp.ts';

/** One axis of a case; the extent is what makes `outputs` windows fit, plus a rest that no window reaches. */
interface Axis {
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
  outputs: number;
  rest: number;
}

interface Case {
  dtype: DType;
  seed: number;
  batch: number;
  groups: number;
  inPerGroup: number;
  outPerGroup: number;
  axes: Axis[];
}

const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: 0, max: 2 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  outputs: fc.integer({ min: 1, max: 4 }),
  rest: fc.integer({ min: 0, max: 2 }),
});

const cases = fc.record({
  dtype: fc.constantFrom<DType>('float32', 'float64'),
  seed: fc.nat(),
  batch: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 3 }),
  inPerGroup: fc.integer({ min: 1, max: 3 }),
  outPerGroup: fc.integer({ min: 1, max: 5 }),
  axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
});

function draw(c: Case) {
  const random = new Random(c.seed);
  const list = (of: (a: Axis) => number): number[] => c.axes.map(of);
  const stride = list((a) => a.stride);
  const spatial = c.axes.map((a) => {
    const reach = a.dilation * (a.kernel - 1) + 1;
    const extent = reach + (a.outputs - 1) * a.stride + Math.min(a.rest, a.stride - 1) - 2 * a.padding;
    return Math.max(1, extent);
  });
  const x = grid(random, [c.batch, c.groups * c.inPerGroup, ...spatial], c.dtype);
  const weight = grid(random, [c.groups * c.outPerGroup, c.inPerGroup, ...list((a) => a.kernel)], c.dtype);
  const bias = grid(random, [c.groups * c.outPerGroup], c.dtype);
  const options = { stride, padding: list((a) => a.padding), dilation: list((a) => a.dilation), groups: c.groups };
  return { random, x, weight, bias, options };
}

interface Listed {
  stride: number[];
  padding: number[];
  dilation: number[];
  groups: number;
}

/** The definition: loops over up to three spatial axes, missing ones in front having extent 1. */
function naive(x: Tensor, weight: Tensor, bias: Tensor | null, { stride, padding, dilation, groups }: Listed) {
  const missing = 5 - x.shape.length;
  const fill = (list: readonly number[], value: number): number[] => [...new Array<number>(missing).fill(value), ...list];
  const [batch, channels] = x.shape as [number, number];
  const [filters, perGroup] = weight.shape as [number, number];
  const [D, H, W] = fill(x.shape.slice(2), 1) as [number, number, number];
  const [kD, kH, kW] = fill(weight.shape.slice(2), 1) as [number, number, number];
  const [sD, sH, sW] = fill(stride, 1) as [number, number, number];
  const [pD, pH, pW] = fill(padding, 0) as [number, number, number];
  const [dD, dH, dW] = fill(dilation, 1) as [number, number, number];
  const count = (extent: number, pad: number, step: number, taps: number, stretch: number): number =>
    Math.floor((extent + 2 * pad - stretch * (taps - 1) - 1) / step) + 1;
  const oD = count(D, pD, sD, kD, dD);
  const oH = count(H, pH, sH, kH, dH);
  const oW = count(W, pW, sW, kW, dW);
  const out: number[] = [];
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < filters; o++)
      for (let d = 0; d < oD; d++)
        for (let h = 0; h < oH; h++)
          for (let w = 0; w < oW; w++) {
            let total = bias ? bias.data[o]! : 0;
            for (let c = 0; c < perGroup; c++)
              for (let e = 0; e < kD; e++)
                for (let i = 0; i < kH; i++)
                  for (let j = 0; j < kW; j++) {
                    const z = d * sD + e * dD - pD;
                    const y = h * sH + i * dH - pH;
                    const q = w * sW + j * dW - pW;
                    if (z < 0 || z >= D || y < 0 || y >= H || q < 0 || q >= W) continue;
                    const channel = Math.floor(o / (filters / groups)) * perGroup + c;
                    total +=
                      weight.data[(((o * perGroup + c) * kD + e) * kH + i) * kW + j]! *
                      x.data[(((n * channels + channel) * D + z) * H + y) * W + q]!;
                  }
            out.push(total);
          }
  return { data: out, shape: [batch, filters, ...[oD, oH, oW].slice(missing)] };
}

function dot(x: Tensor, y: Tensor): number {
  assert.equal(x.shape, y.shape);
  let total = 0;
  for (let i = 0; i < x.data.length; i++) total += x.data[i]! * y.data[i]!;
  return total;
}

const test = suite('conv');

test('conv is its definition, bit for bit, in one, two and three spatial axes', () => {
  check(
    fc.property(cases, (c) => {
      const { x, weight, bias, options } = draw(c);
      for (const b of [bias, null]) {
        const y = conv(x, weight, b, options);
        const wanted = naive(x, weight, b, options);
        assert.equal(y.shape, wanted.shape);
        assert.equal(y.dtype, c.dtype);
        assert.equal(Array.from(y.data), wanted.data);
      }
    }),
    { runs: 200 },
  );
});

test('convInput and convWeight are the adjoints of conv: three inner products are one number', () => {
  check(
    fc.property(cases, (c) => {
      const { random, x, weight, options } = draw(c);
      const y = conv(x, weight, null, options);
      const dy = grid(random, y.shape, c.dtype);
      const wanted = dot(y, dy);
      assert.is(dot(x, convInput(dy, weight, x.shape, options)), wanted);
      assert.is(dot(weight, convWeight(x, dy, weight.shape, options)), wanted);
    }),
    { runs: 200 },
  );
});

test('backward gives x, weight and bias the adjoints and the sum over all but the channels', () => {
  check(
    fc.property(cases, (c) => {
      const { random, x, weight, bias, options } = draw(c);
      for (const t of [x, weight, bias]) t.requiresGrad = true;
      const y = conv(x, weight, bias, options);
      const dy = grid(random, y.shape, c.dtype);
      backward(y, dy);
      assert.equal(x.grad!.data, convInput(dy, weight, x.shape, options).data);
      assert.equal(weight.grad!.data, convWeight(x, dy, weight.shape, options).data);
      const size = sizeOf(y.shape.slice(2));
      const wanted = new Array<number>(bias.data.length).fill(0);
      dy.data.forEach((v: number, i: number) => (wanted[Math.floor(i / size) % wanted.length]! += v));
      assert.equal(Array.from(bias.grad!.data), wanted);
    }),
    { runs: 50 },
  );
});

test('convTranspose is the adjoint of conv, and adds its bias to every element of a channel', () => {
  check(
    fc.property(cases, (c) => {
      const { random, x, weight, options } = draw(c);
      const y = conv(x, weight, null, options);
      const dy = grid(random, y.shape, c.dtype);
      const bias = grid(random, [x.shape[1]!], c.dtype);
      // What the strides left over of x is what outputPadding has to give back.
      const outputPadding = options.stride.map((stride, a) => {
        const reach = options.dilation[a]! * (weight.shape[a + 2]! - 1) + 1;
        return (x.shape[a + 2]! + 2 * options.padding[a]! - reach) % stride;
      });
      const plain = convTranspose(dy, weight, null, { ...options, outputPadding });
      assert.is(dot(x, plain), dot(y, dy));
      const shifted = convTranspose(dy, weight, bias, { ...options, outputPadding });
      const size = sizeOf(x.shape.slice(2));
      const wanted = plain.data.map((v: number, i: number) => v + bias.data[Math.floor(i / size) % bias.data.length]!);
      assert.equal(shifted.data, wanted);
    }),
    { runs: 100 },
  );
});

test('extents longer than a panel of the kernel change nothing', () => {
  const random = new Random(7);
  const x = grid(random, [1, 61, 25, 27], 'float32');
  const weight = grid(random, [3, 61, 3, 3], 'float32');
  const options = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
  const y = conv(x, weight, null, options);
  assert.equal(Array.from(y.data), naive(x, weight, null, options).data);
  const dy = grid(random, y.shape, 'float32');
  assert.is(dot(weight, convWeight(x, dy, weight.shape, options)), dot(y, dy));
  assert.is(dot(x, convInput(dy, weight, x.shape, options)), dot(y, dy));
});

test('sums are taken in double and rounded once', () => {
  const x = tensor([[[1e8, 1, -1e8]]]);
  const ones = tensor([[[1, 1, 1]]]);
  assert.equal(toArray(conv(x, ones)), [[[1]]]);
  assert.equal(toArray(conv(x, ones, tensor([0.5]))), [[[1.5]]]);
  assert.equal(toArray(convWeight(x, ones, [1, 1, 1])), [[[1]]]);
  assert.equal(toArray(convInput(tensor([[[1e8], [1], [-1e8]]]), full([3, 1, 1], 1), [1, 1, 1])), [[[1]]]);
});

test('one number for an option stands for every axis, and the defaults are 1, 0, 1 and 1', () => {
  const random = new Random(3);
  const x = grid(random, [2, 4, 7, 8], 'float64');
  const weight = grid(random, [6, 2, 3, 2], 'float64');
  const listed = conv(x, weight, null, { stride: [2, 2], padding: [1, 1], dilation: [2, 2], groups: 2 });
  assert.equal(conv(x, weight, null, { stride: 2, padding: 1, dilation: 2, groups: 2 }), listed);
  const dense = grid(random, [6, 4, 3, 2], 'float64');
  assert.equal(conv(x, dense).data, conv(x, dense, null, { stride: 1, padding: 0, dilation: 1, groups: 1 }).data);
});

test('a batch without samples gives a result without samples, and a zero gradient of weight', () => {
  const x = zeros([0, 2, 5]);
  const weight = full([3, 2, 2], 1);
  assert.equal(conv(x, weight).shape, [0, 3, 4]);
  assert.equal(convInput(zeros([0, 3, 4]), weight, [0, 2, 5]).shape, [0, 2, 5]);
  assert.equal(convWeight(x, zeros([0, 3, 4]), [3, 2, 2]), zeros([3, 2, 2]));
});

test('non-finite numbers reach the windows they lie in, and no others', () => {
  const weight = full([1, 1, 2], 1);
  assert.equal(toArray(conv(tensor([[[1, NaN, 2, 3, 4]]]), weight)), [[[NaN, NaN, 5, 7]]]);
  assert.equal(toArray(conv(tensor([[[1, 1, Infinity, 3]]]), weight)), [[[2, Infinity, Infinity]]]);
});

test('inputs and gradients are left as they were', () => {
  const { random, x, weight, bias, options } = draw({
    dtype: 'float64',
    seed: 5,
    batch: 2,
    groups: 2,
    inPerGroup: 2,
    outPerGroup: 3,
    axes: [{ kernel: 2, stride: 2, padding: 1, dilation: 1, outputs: 3, rest: 0 }],
  });
  const tensors = [x, weight, bias];
  for (const t of tensors) t.requiresGrad = true;
  const y = conv(x, weight, bias, options);
  const dy = grid(random, y.shape, 'float64');
  const before = [...tensors, dy].map((t) => Array.from(t.data));
  const first = grad([y], tensors, { gradOutputs: [dy], retainGraph: true });
  const second = grad([y], tensors, { gradOutputs: [dy] });
  assert.equal([...tensors, dy].map((t) => Array.from(t.data)), before);
  first.forEach((t, i) => assert.equal(t.data, second[i]!.data));
});

/** Small cases of every kind for the derivative checks. */
const settings: { x: number[]; weight: number[]; options: ConvOptions }[] = [
  { x: [2, 3, 7], weight: [4, 3, 2], options: { stride: 2, padding: 1 } },
  { x: [2, 4, 4, 5], weight: [6, 2, 3, 2], options: { stride: [1, 2], padding: [1, 0], dilation: [1, 2], groups: 2 } },
  { x: [1, 2, 3, 4, 2], weight: [3, 2, 2, 3, 1], options: { padding: [1, 0, 0] } },
];

test('first and second derivatives of conv, convInput, convWeight and convTranspose are right', () => {
  const random = new Random(11);
  const deviates = (shape: readonly number[]): Tensor =>
    normal(random, shape, 0, 1, { dtype: 'float64', requiresGrad: true });
  for (const { x: xShape, weight: weightShape, options } of settings) {
    const x = deviates(xShape);
    const weight = deviates(weightShape);
    const dy = deviates(conv(x, weight, null, options).shape);
    const directions: [(...inputs: Tensor[]) => Tensor, Tensor[]][] = [
      [(a, b, c) => conv(a!, b!, c!, options), [x, weight, deviates([weightShape[0]!])]],
      [(a, b) => convInput(a!, b!, xShape, options), [dy, weight]],
      [(a, b) => convWeight(a!, b!, weightShape, options), [x, dy]],
      [(a, b, c) => convTranspose(a!, b!, c!, options), [dy, weight, deviates([xShape[1]!])]],
    ];
    for (const [f, inputs] of directions) {
      for (const result of [gradcheck(f, inputs), gradcheck(vjp(f), [...inputs, deviates(f(...inputs).shape)])]) {
        assert.ok(result.passed, result.message);
        assert.not(result.inconclusive);
      }
    }
  }
});

test('an input used twice receives the sum of both gradients', () => {
  const x = tensor([[[1, 2, 3]]], { requiresGrad: true });
  backward(sum(conv(x, x)));
  assert.equal(toArray(x.grad!), [[[2, 4, 6]]]);
});

test('shapes, groups and options that do not fit are refused, and the message says what came', () => {
  const x = zeros([2, 4, 5, 6]);
  const weight = zeros([6, 4, 3, 3]);
  const said = (options: ConvOptions, w: Tensor = weight, b: Tensor | null = null): string => message(() => conv(x, w, b, options));
  assert.match(said({}, zeros([6, 3, 3, 3])), /ShapeError: conv: axis 1 of weight must have extent 4 .*got weight \[6, 3, 3, 3\]/);
  assert.match(said({}, zeros([6, 4, 3])), /with as many axes, got \[2, 4, 5, 6\] and \[6, 4, 3\]/);
  assert.match(said({ groups: 3 }), /groups must divide the channels .*3 groups for 4 and 6/);
  assert.match(said({ groups: 4 }, zeros([6, 1, 3, 3])), /groups must divide the channels .*4 groups for 4 and 6/);
  assert.match(said({ groups: 0 }), /RangeError: conv: groups must be an integer of at least 1, got 0/);
  assert.match(said({ groups: 1.5 }), /groups must be an integer of at least 1, got 1.5/);
  assert.match(said({ stride: 0 }), /RangeError: conv: stride must be made of integers of at least 1, got 0/);
  assert.match(said({ stride: [1, 0.5] }), /stride must be made of integers of at least 1, got \[1, 0.5\]/);
  assert.match(said({ stride: [1, 1, 1] }), /stride must be one number or 2, .*got \[1, 1, 1\]/);
  assert.match(said({ padding: -1 }), /padding must be made of integers of at least 0, got -1/);
  assert.match(said({ padding: NaN }), /padding must be made of integers of at least 0, got NaN/);
  assert.match(said({ dilation: 0 }), /dilation must be made of integers of at least 1, got 0/);
  assert.match(said({ dilation: 3 }), /must fit into the padded input, got a window of \[7, 7\] over \[5, 6\]/);
  assert.is(said({ dilation: 3, padding: 1 }), 'no error');
  assert.match(said({}, weight, zeros([4])), /bias must have shape \[6\], .*got \[4\]/);
  assert.match(said({}, zeros([6, 4, 3, 3], { dtype: 'float64' })), /TypeError: conv: .*one dtype, got float32 and float64/);
  assert.match(said({}, zeros([6, 4, 0, 3])), /kernelSize must be made of integers of at least 1/);
  assert.match(message(() => conv(zeros([4, 5]), zeros([6, 4]))), /x must be \[N, C, \.\.\.spatial\]/);
});

test('gradients and results of the wrong shape are refused by the adjoints', () => {
  const x = zeros([2, 4, 5]);
  const weight = zeros([6, 4, 3]);
  const dy = zeros([2, 6, 4]);
  assert.match(message(() => convInput(dy, weight, [2, 4, 5])), /convInput: dy must have .*\[2, 6, 3\], got \[2, 6, 4\]/);
  assert.match(message(() => convInput(dy, weight, [2, 4, 5.5])), /convInput: a shape is made of non-negative integers/);
  assert.match(message(() => convWeight(x, dy, [6, 4, 3])), /convWeight: dy must have .*\[2, 6, 3\], got \[2, 6, 4\]/);
  assert.match(
    message(() => convTranspose(dy, weight, null, { stride: 2, outputPadding: 2 })),
    /convTranspose: outputPadding must be less than stride, got \[2\] for stride \[2\]/,
  );
  assert.match(message(() => convTranspose(x, weight)), /convTranspose: x must be .*\[2, 4, 5\] and \[6, 4, 3\]/);
  assert.match(message(() => convTranspose(dy, weight, null, { padding: 4 })), /result must not be empty, got .*\[-2\]/);
  assert.match(message(() => convTranspose(dy, weight, zeros([6]))), /bias must have shape \[4\], .*got \[6\]/);
  assert.match(message(() => convTranspose(dy, weight, null, { groups: 4 })), /convTranspose: groups must divide/);
});

test.run();
