/**
 * Every differentiable primitive, with inputs to check its derivatives at: float64, and away from the points where it
 * has none. A name may be followed by a colon and the variant.
 */
import { abs } from '../../src/autograd/abs.ts';
import { add } from '../../src/autograd/add.ts';
import { amax } from '../../src/autograd/amax.ts';
import { amin } from '../../src/autograd/amin.ts';
import { type Box, crop, place } from '../../src/autograd/box.ts';
import { broadcastTo } from '../../src/autograd/broadcast-to.ts';
import { clamp } from '../../src/autograd/clamp.ts';
import { clone } from '../../src/autograd/clone.ts';
import { concat } from '../../src/autograd/concat.ts';
import { conv, convInput, convWeight } from '../../src/autograd/conv.ts';
import { conv1d, conv2d, conv3d } from '../../src/autograd/conv-nd.ts';
import { convTranspose } from '../../src/autograd/conv-transpose.ts';
import { cumsum } from '../../src/autograd/cumsum.ts';
import { div } from '../../src/autograd/div.ts';
import { dot } from '../../src/autograd/dot.ts';
import { elu } from '../../src/autograd/elu.ts';
import { exp } from '../../src/autograd/exp.ts';
import { expandDims } from '../../src/autograd/expand-dims.ts';
import { flip } from '../../src/autograd/flip.ts';
import { gate } from '../../src/autograd/gate.ts';
import { gelu } from '../../src/autograd/gelu.ts';
import { hardSigmoid } from '../../src/autograd/hard-sigmoid.ts';
import { inverseSqrt } from '../../src/autograd/inverse-sqrt.ts';
import { leakyRelu } from '../../src/autograd/leaky-relu.ts';
import { log } from '../../src/autograd/log.ts';
import { log1p } from '../../src/autograd/log1p.ts';
import { logSoftmax } from '../../src/autograd/log-softmax.ts';
import { lowRank } from '../../src/autograd/low-rank.ts';
import { lyapunov } from '../../src/autograd/lyapunov.ts';
import { matmul } from '../../src/autograd/matmul.ts';
import { matrixSign } from '../../src/autograd/matrix-sign.ts';
import { maximum } from '../../src/autograd/maximum.ts';
import { maxSingularValue } from '../../src/autograd/max-singular-value.ts';
import { mean } from '../../src/autograd/mean.ts';
import { minimum } from '../../src/autograd/minimum.ts';
import { mul } from '../../src/autograd/mul.ts';
import { neg } from '../../src/autograd/neg.ts';
import { norm } from '../../src/autograd/norm.ts';
import { normalCdf, normalDensity } from '../../src/autograd/normal-cdf.ts';
import { outer } from '../../src/autograd/outer.ts';
import { pad } from '../../src/autograd/pad.ts';
import { permute } from '../../src/autograd/permute.ts';
import { avgPool2d, globalAveragePool, maxPool2d } from '../../src/autograd/pool.ts';
import { pow } from '../../src/autograd/pow.ts';
import { relu } from '../../src/autograd/relu.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { rsqrt } from '../../src/autograd/rsqrt.ts';
import { scatterAdd } from '../../src/autograd/scatter-add.ts';
import { sigmoid, sigmoidSlope } from '../../src/autograd/sigmoid.ts';
import { silu } from '../../src/autograd/silu.ts';
import { slice } from '../../src/autograd/slice.ts';
import { softmax, softmaxBackward } from '../../src/autograd/softmax.ts';
import { softplus } from '../../src/autograd/softplus.ts';
import { sparsemax, sparsemaxDefinition } from '../../src/autograd/sparsemax.ts';
import { sparsestmax, sparsestmaxDefinition } from '../../src/autograd/sparsestmax.ts';
import { split } from '../../src/autograd/split.ts';
import { sqrt } from '../../src/autograd/sqrt.ts';
import { square } from '../../src/autograd/square.ts';
import { squeeze } from '../../src/autograd/squeeze.ts';
import { stack } from '../../src/autograd/stack.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum, sumTo } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { tanh } from '../../src/autograd/tanh.ts';
import { transpose } from '../../src/autograd/transpose.ts';
import { variance } from '../../src/autograd/variance.ts';
import { where } from '../../src/autograd/where.ts';
import { orthogonal } from '../../src/nn/init/orthogonal.ts';
import { tensor } from '../../src/tensor/create.ts';
import { normal, type Random, uniform } from '../../src/tensor/random.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

/** One primitive, as a function of tensors, and its inputs. */
export interface Primitive {
  readonly name: string;
  readonly f: (...inputs: Tensor[]) => Tensor;
  readonly inputs: (random: Random) => Tensor[];
}

const float64 = { dtype: 'float64' } as const;
const box: Box = { whole: [4, 7], start: [3, 1], step: [-1, 2], shape: [3, 3] };
const image = { stride: [2, 1], padding: [1, 0], dilation: [1, 2] };

/** Independent normal deviates. */
function spread(...shapes: Shape[]): (random: Random) => Tensor[] {
  return (random) => shapes.map((shape) => normal(random, shape, 0, 1, float64));
}

/** Uniform in [0.5, 2.5). */
function positive(...shapes: Shape[]): (random: Random) => Tensor[] {
  return (random) => shapes.map((shape) => uniform(random, shape, 0.5, 2.5, float64));
}

/** All elements differ by at least 0.4, in random order. */
function distinct(...shapes: Shape[]): (random: Random) => Tensor[] {
  return (random) =>
    shapes.map((shape) => {
      const order = random.permutation(sizeOf(shape));
      return new Tensor(Float64Array.from(order, (rank) => rank / 2 - 2 + 0.1 * random.uniform()), shape);
    });
}

/** All elements are at least 0.3 from each of the points, on random sides of them. */
function awayFrom(points: readonly number[], shape: Shape): (random: Random) => Tensor[] {
  return (random) => {
    const data = Float64Array.from({ length: sizeOf(shape) }, () => {
      const side = random.integer(2) === 0 ? -1 : 1;
      return points[random.integer(points.length)]! + side * (0.3 + 0.5 * random.uniform());
    });
    return [new Tensor(data, shape)];
  };
}

/** Rows of logits within 0.02 of these: between the points where a sparse ratio has a kink. */
function logits(rows: readonly (readonly number[])[]): (random: Random) => Tensor[] {
  return (random) => {
    const around = tensor(rows, float64);
    return [add(around, uniform(random, around.shape, -0.02, 0.02, float64))];
  };
}

/** Two tensors whose elements differ by at least 0.3, either way; the second one is stretched to the first. */
function apart(shape: Shape, smaller: Shape): (random: Random) => Tensor[] {
  return (random) => [mul(awayFrom([0], shape)(random)[0]!, 2), uniform(random, smaller, -0.2, 0.2, float64)];
}

/** A stack of symmetric matrices, one for each list of eigenvalues, in random directions. */
function withEigenvalues(...lists: (readonly number[])[]): (random: Random) => Tensor[] {
  return (random) => {
    const n = lists[0]!.length;
    const matrices = lists.map((list) => {
      const q = orthogonal(random, [n, n], float64);
      return matmul(mul(transpose(q), tensor([...list], float64)), q);
    });
    return [lists.length === 1 ? matrices[0]! : stack(matrices)];
  };
}

/** A matrix with these singular values, in random directions. */
function withSingularValues(h: number, w: number, values: readonly number[]): (random: Random) => Tensor[] {
  return (random) => {
    const u = orthogonal(random, [values.length, h], float64);
    const v = orthogonal(random, [values.length, w], float64);
    return [matmul(mul(transpose(u), tensor([...values], float64)), v)];
  };
}

export const primitives: readonly Primitive[] = [
  { name: 'abs', f: abs, inputs: awayFrom([0], [3, 4]) },
  { name: 'add', f: add, inputs: spread([3, 4], [4]) },
  { name: 'amax', f: (x) => amax(x, { axis: [0, -1] }), inputs: distinct([3, 2, 4]) },
  { name: 'amax: all', f: (x) => amax(x, { keepDims: true }), inputs: distinct([3, 4]) },
  { name: 'amin', f: (x) => amin(x, { axis: 1, keepDims: true }), inputs: distinct([3, 4, 2]) },
  { name: 'avgPool2d', f: (x) => avgPool2d(x, { kernelSize: 2, stride: 1, padding: 1, countIncludePad: false }), inputs: spread([1, 2, 4, 3]) },
  { name: 'broadcastTo', f: (x) => broadcastTo(x, [2, 3, 4]), inputs: spread([3, 1]) },
  { name: 'clamp', f: (x) => clamp(x, { min: -1, max: 2 }), inputs: awayFrom([-1, 2], [3, 4]) },
  { name: 'clone', f: clone, inputs: spread([3, 4]) },
  { name: 'concat', f: (x, y, z) => concat([x!, y!, x!, z!], 1), inputs: spread([2, 3, 2], [2, 1, 2], [2, 2, 2]) },
  { name: 'conv', f: (x, w, b) => conv(x, w, b!, { ...image, groups: 2 }), inputs: spread([2, 4, 5, 6], [6, 2, 3, 2], [6]) },
  { name: 'conv1d', f: (x, w, b) => conv1d(x, w!, b!, { padding: 1 }), inputs: spread([2, 2, 5], [3, 2, 3], [3]) },
  { name: 'conv2d', f: (x, w, b) => conv2d(x, w!, b!, { stride: 2 }), inputs: spread([1, 2, 5, 4], [3, 2, 3, 2], [3]) },
  { name: 'conv3d', f: (x, w) => conv3d(x, w!), inputs: spread([1, 2, 3, 2, 3], [2, 2, 2, 2, 2]) },
  { name: 'convInput', f: (dy, w) => convInput(dy, w, [2, 2, 5, 6], image), inputs: spread([2, 3, 3, 4], [3, 2, 3, 2]) },
  { name: 'convTranspose', f: (x, w, b) => convTranspose(x, w, b!, { stride: 2, padding: 1, outputPadding: 1 }), inputs: spread([2, 3, 4], [3, 2, 3], [2]) },
  { name: 'convWeight', f: (x, dy) => convWeight(x, dy, [3, 2, 3, 2], image), inputs: spread([2, 2, 5, 6], [2, 3, 3, 4]) },
  { name: 'crop', f: (x) => crop(x, box), inputs: spread([4, 7]) },
  { name: 'cumsum', f: (x) => cumsum(x, 1), inputs: spread([2, 5, 3]) },
  { name: 'cumsum: reverse', f: (x) => cumsum(x, -1, { reverse: true }), inputs: spread([3, 5]) },
  { name: 'div', f: div, inputs: (random) => [...spread([3, 4])(random), ...positive([3, 1])(random)] },
  { name: 'dot', f: dot, inputs: spread([5], [5]) },
  { name: 'elu', f: (x) => elu(x, 0.7), inputs: awayFrom([0], [3, 4]) },
  { name: 'exp', f: exp, inputs: spread([3, 4]) },
  { name: 'expandDims', f: (x) => expandDims(x, 1), inputs: spread([3, 4]) },
  { name: 'flip', f: (x) => flip(x, -2), inputs: spread([2, 3, 4]) },
  { name: 'gate', f: (x) => gate(x, Float32Array.of(0, 1, -1, 0.5, 0, 1)), inputs: spread([2, 3]) },
  { name: 'gelu', f: (x) => gelu(x), inputs: spread([3, 4]) },
  { name: 'gelu: tanh', f: (x) => gelu(x, { approximate: 'tanh' }), inputs: spread([3, 4]) },
  { name: 'globalAveragePool', f: globalAveragePool, inputs: spread([2, 3, 4, 5]) },
  { name: 'hardSigmoid', f: hardSigmoid, inputs: awayFrom([-3, 3], [3, 4]) },
  { name: 'inverseSqrt', f: (a) => inverseSqrt(a, 0.5), inputs: withEigenvalues([0.5, 2, 3, 3]) },
  { name: 'inverseSqrt: equal eigenvalues', f: (a) => inverseSqrt(a), inputs: withEigenvalues([2, 2, 2], [1, 4, 1]) },
  { name: 'leakyRelu', f: (x) => leakyRelu(x, 0.2), inputs: awayFrom([0], [3, 4]) },
  { name: 'log', f: log, inputs: positive([3, 4]) },
  { name: 'log1p', f: log1p, inputs: positive([3, 4]) },
  { name: 'logSoftmax', f: (x) => logSoftmax(x), inputs: spread([3, 4]) },
  { name: 'lowRank', f: (m) => lowRank(m, 2), inputs: withSingularValues(3, 5, [3, 2, 1]) },
  { name: 'lowRank: equal singular values', f: (m) => lowRank(m, 2), inputs: withSingularValues(5, 4, [3, 3, 1, 1]) },
  { name: 'lowRank: all', f: (m) => lowRank(m, 2), inputs: spread([2, 3]) },
  { name: 'lyapunov', f: lyapunov, inputs: (random) => [...withEigenvalues([1, 2, 2])(random), ...spread([3, 3])(random)] },
  { name: 'matmul', f: matmul, inputs: spread([2, 1, 3, 4], [5, 4, 2]) },
  { name: 'matmul: vector', f: matmul, inputs: spread([3, 4], [4]) },
  { name: 'matrixSign', f: matrixSign, inputs: withEigenvalues([3, 1, -2], [2, 2, -2], [-1, -1, -2]) },
  { name: 'maxPool2d', f: (x) => maxPool2d(x, { kernelSize: 2, stride: 1, padding: 1 }), inputs: distinct([1, 2, 3, 4]) },
  { name: 'maxSingularValue', f: maxSingularValue, inputs: withSingularValues(4, 3, [3, 2, 2]) },
  { name: 'maximum', f: maximum, inputs: apart([3, 4], [4]) },
  { name: 'mean', f: (x) => mean(x, { axis: [0, 2] }), inputs: spread([2, 3, 4]) },
  { name: 'minimum', f: (x, y) => minimum(y!, x), inputs: apart([3, 4], [3, 1]) },
  { name: 'mul', f: mul, inputs: spread([3, 4], [3, 1]) },
  { name: 'neg', f: neg, inputs: spread([3, 4]) },
  { name: 'norm', f: (x) => norm(x, { axis: -1 }), inputs: spread([3, 4]) },
  { name: 'norm: 1', f: (x) => norm(x, { ord: 1, axis: 0, keepDims: true }), inputs: awayFrom([0], [3, 4]) },
  { name: 'norm: Infinity', f: (x) => norm(x, { ord: Infinity }), inputs: (random) => [add(distinct([3, 4])(random)[0]!, 3)] },
  { name: 'normalCdf', f: normalCdf, inputs: spread([3, 4]) },
  { name: 'normalDensity', f: normalDensity, inputs: spread([3, 4]) },
  { name: 'outer', f: outer, inputs: spread([3], [4]) },
  { name: 'pad', f: (x) => pad(x, [[1, 0], [0, 2]], 3), inputs: spread([3, 4]) },
  { name: 'permute', f: (x) => permute(x, [2, 0, -2]), inputs: spread([2, 3, 4]) },
  { name: 'place', f: (x) => place(x, box, 2), inputs: spread([3, 3]) },
  { name: 'pow', f: pow, inputs: (random) => [...positive([3, 4])(random), ...spread([4])(random)] },
  { name: 'pow: number', f: (x) => pow(x, 3), inputs: spread([3, 4]) },
  { name: 'pow: root', f: (x) => pow(x, -1.5), inputs: positive([3, 4]) },
  { name: 'relu', f: relu, inputs: awayFrom([0], [3, 4]) },
  { name: 'reshape', f: (x) => reshape(x, [-1, 6]), inputs: spread([3, 4]) },
  { name: 'rsqrt', f: rsqrt, inputs: positive([3, 4]) },
  { name: 'scatterAdd', f: (x) => scatterAdd(x, [4, 0, 4], 5, 1), inputs: spread([2, 3, 2]) },
  { name: 'sigmoid', f: sigmoid, inputs: spread([3, 4]) },
  { name: 'sigmoidSlope', f: sigmoidSlope, inputs: spread([3, 4]) },
  { name: 'silu', f: silu, inputs: spread([3, 4]) },
  { name: 'slice', f: (x) => slice(x, 1, -6, -1, 2), inputs: spread([2, 7, 2]) },
  { name: 'softmax', f: (x) => softmax(x, 1), inputs: spread([2, 4, 3]) },
  { name: 'softmaxBackward', f: (dy, x) => softmaxBackward(dy, softmax(x, 1), 1), inputs: spread([2, 4, 3], [2, 4, 3]) },
  { name: 'softplus', f: softplus, inputs: spread([3, 4]) },
  { name: 'sparsemax', f: (x) => sparsemax(x, 0), inputs: logits([[0, 2, 0.5], [0.2, 0, -1], [-0.3, -1, 0.2]]) },
  { name: 'sparsemaxDefinition', f: (x) => sparsemaxDefinition(x, 0), inputs: logits([[0, 2, 0.5], [0.2, 0, -1], [-0.3, -1, 0.2]]) },
  { name: 'sparsestmax', f: (x) => sparsestmax(x, 0.3), inputs: logits([[0, 0.1, -0.2], [0.9, 0, 0.2]]) },
  { name: 'sparsestmax: axis', f: (x) => sparsestmax(x, 0.4, 0), inputs: logits([[0, 1], [0.2, 0], [-0.3, 0.3], [-0.2, -2]]) },
  { name: 'sparsestmaxDefinition', f: (x) => sparsestmaxDefinition(x, 0.3), inputs: logits([[0, 0.1, -0.2], [0.9, 0, 0.2]]) },
  { name: 'split', f: (x) => concat(split(x, 2, 1).map(square).reverse(), 1), inputs: spread([3, 5]) },
  { name: 'sqrt', f: sqrt, inputs: positive([3, 4]) },
  { name: 'square', f: square, inputs: spread([3, 4]) },
  { name: 'squeeze', f: (x) => squeeze(x, -1), inputs: spread([1, 3, 1]) },
  { name: 'stack', f: (x, y) => stack([x, y!, x], -1), inputs: spread([2, 3], [2, 3]) },
  { name: 'sub', f: sub, inputs: spread([4], [3, 4]) },
  { name: 'sum', f: (x) => sum(x, { axis: 1 }), inputs: spread([2, 3, 4]) },
  { name: 'sumTo', f: (x) => sumTo(x, [3, 1]), inputs: spread([2, 3, 4]) },
  { name: 'take', f: (x) => take(x, tensor([[0, 2], [-1, 2]]), 1), inputs: spread([2, 4, 3]) },
  { name: 'tanh', f: tanh, inputs: spread([3, 4]) },
  { name: 'transpose', f: (x) => transpose(x, 0, -1), inputs: spread([2, 3, 4]) },
  { name: 'variance', f: (x) => variance(x, { axis: 0, unbiased: true }), inputs: spread([4, 3]) },
  { name: 'where', f: (x, y) => where(tensor([[1], [0], [1]]), x, y!), inputs: spread([3, 4], [4]) },
];
