/**
 * Convolution and its two adjoints. `conv` is linear in x and in weight; `convInput` and `convWeight` are the maps
 * that turn the gradient of its output into those of x and of weight. Each is bilinear, and the derivative of each is
 * made of the other two, so derivatives of any order exist.
 */
import { type ConvOptions, type ConvShape, convShape } from '../tensor/conv-shape.ts';
import { convInputKernel, convKernel, convWeightKernel } from '../tensor/conv-kernel.ts';
import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { checkShape, sameShape, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';
import { checkSameDtype } from './same-dtype.ts';
import { sum } from './sum.ts';

/**
 * `y[n, o, p] = bias[o] + sum over c and k of weight[o, c, k] * x[n, c, p * stride + k * dilation - padding]`, where p
 * and k run over the spatial axes, and x counts as 0 outside its extents: cross-correlation, as PyTorch's conv1d,
 * conv2d and conv3d, for any number of spatial axes.
 *
 * x is `[N, C, ...spatial]`, weight `[O, C / groups, ...kernel]`, bias `[O]` or null. The spatial extents of the result
 * are `floor((spatial + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1`. Sums are taken in double.
 *
 * Throws a ShapeError when the shapes, groups or the kernel do not fit, a RangeError for options out of range, and a
 * TypeError for different dtypes.
 * @example
 * ```ts
 * const x = tensor([[[1, 2, 3, 4]]]);
 * const weight = tensor([[[1, -1]]]);
 * toArray(conv(x, weight)); // [[[-1, -1, -1]]]
 * toArray(conv(x, weight, tensor([10]), { stride: 2, padding: 1 })); // [[[9, 9, 14]]]
 * ```
 */
export function conv(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  const shape = convShape('conv', x.shape, weight.shape, options);
  if (bias && !sameShape(bias.shape, [shape.outChannels])) {
    throw new ShapeError(
      `conv: bias must have shape [${shape.outChannels}], one number per output channel, got ${showShape(bias.shape)}`,
    );
  }
  checkSameDtype('conv', [x, weight, bias]);
  const y = empty(outputOf(shape), x);
  convKernel(y.data, x.data, weight.data, bias && bias.data, shape);
  return record(convOp, [x, weight, bias], { x, weight, shape }, y);
}

const convOp: Op<{ x: Tensor; weight: Tensor; shape: ConvShape }> = {
  name: 'conv',
  pullback: (dy, { x, weight, shape }, needs) => [
    needs[0] ? convInput(dy, weight, x.shape, shape) : null,
    needs[1] ? convWeight(x, dy, weight.shape, shape) : null,
    needs[2] ? sum(dy, { axis: dy.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])) }) : null,
  ],
};

/**
 * The gradient of `conv(x, weight, bias, options)` with respect to an x of shape `xShape`, where `dy` is the gradient
 * of its result: `dx` such that `sum(conv(x, weight) * dy) = sum(x * dx)` for every x.
 *
 * Throws as `conv` does, and a ShapeError when `dy` does not have the shape of the result.
 * @example
 * ```ts
 * toArray(convInput(tensor([[[1, 10]]]), tensor([[[1, 2, 3]]]), [1, 1, 4])); // [[[1, 12, 23, 30]]]
 * ```
 */
export function convInput(dy: Tensor, weight: Tensor, xShape: Shape, options: ConvOptions = {}): Tensor {
  checkShape('convInput', xShape);
  const shape = convShape('convInput', xShape, weight.shape, options);
  checkGradient('convInput', dy, shape);
  checkSameDtype('convInput', [dy, weight]);
  const dx = empty(xShape, dy);
  convInputKernel(dx.data, dy.data, weight.data, shape);
  return record(convInputOp, [dy, weight], { dy, weight, shape }, dx);
}

const convInputOp: Op<{ dy: Tensor; weight: Tensor; shape: ConvShape }> = {
  name: 'convInput',
  pullback: (ddx, { dy, weight, shape }, needs) => [
    needs[0] ? conv(ddx, weight, null, shape) : null,
    needs[1] ? convWeight(ddx, dy, weight.shape, shape) : null,
  ],
};

/**
 * The gradient of `conv(x, weight, bias, options)` with respect to a weight of shape `weightShape`, where `dy` is the
 * gradient of its result: `dWeight` such that `sum(conv(x, weight) * dy) = sum(weight * dWeight)` for every weight.
 *
 * Throws as `conv` does, and a ShapeError when `dy` does not have the shape of the result.
 * @example
 * ```ts
 * toArray(convWeight(tensor([[[1, 2, 3, 4]]]), tensor([[[1, 10]]]), [1, 1, 3])); // [[[21, 32, 43]]]
 * ```
 */
export function convWeight(x: Tensor, dy: Tensor, weightShape: Shape, options: ConvOptions = {}): Tensor {
  checkShape('convWeight', weightShape);
  const shape = convShape('convWeight', x.shape, weightShape, options);
  checkGradient('convWeight', dy, shape);
  checkSameDtype('convWeight', [x, dy]);
  const dWeight = empty(weightShape, x);
  convWeightKernel(dWeight.data, x.data, dy.data, shape);
  return record(convWeightOp, [x, dy], { x, dy, shape }, dWeight);
}

const convWeightOp: Op<{ x: Tensor; dy: Tensor; shape: ConvShape }> = {
  name: 'convWeight',
  pullback: (ddWeight, { x, dy, shape }, needs) => [
    needs[0] ? convInput(dy, ddWeight, x.shape, shape) : null,
    needs[1] ? conv(x, ddWeight, null, shape) : null,
  ],
};

function outputOf({ batch, outChannels, output }: ConvShape): number[] {
  return [batch, outChannels, ...output];
}

function empty(shape: Shape, like: Tensor): Tensor {
  return new Tensor(allocate(like.dtype, sizeOf(shape)), shape.slice());
}

function checkGradient(caller: string, dy: Tensor, shape: ConvShape): void {
  const wanted = outputOf(shape);
  if (!sameShape(dy.shape, wanted)) {
    throw new ShapeError(
      `${caller}: dy must have the shape of the convolution's result, ${showShape(wanted)}, got ${showShape(dy.shape)}`,
    );
  }
}
