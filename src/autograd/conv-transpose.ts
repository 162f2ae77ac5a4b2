import { type ConvOptions, convShape } from '../tensor/conv-shape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type PerAxis, perAxis } from '../tensor/window.ts';
import { add } from './add.ts';
import { convInput } from './conv.ts';
import { reshape } from './reshape.ts';
import { checkSameDtype } from './same-dtype.ts';

/** Options of a transposed convolution: those of the convolution that it is the adjoint of, and one more. */
export interface ConvTransposeOptions extends ConvOptions {
  /**
   * Elements added at the end of each spatial axis of the result, in [0, stride): several extents are taken to one by
   * a stride, and this says which of them to go back to. Default 0.
   */
  outputPadding?: PerAxis;
}

/**
 * The transposed convolution, as PyTorch's convTranspose1d, 2d and 3d: every element of x adds its multiple of weight
 * to the result, in steps of `stride`.
 * `y[n, o, i * stride + k * dilation - padding] += weight[c, o, k] * x[n, c, i]`, and bias[o] everywhere.
 *
 * x is `[N, C, ...spatial]`, weight `[C, O / groups, ...kernel]`, bias `[O]` or null. The spatial extents of the result
 * are `(spatial - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1`.
 *
 * Throws a ShapeError when the shapes, groups or the kernel do not fit, a RangeError for options out of range, and a
 * TypeError for different dtypes.
 * @example
 * ```ts
 * toArray(convTranspose(tensor([[[1, 10]]]), tensor([[[1, 2, 3]]]))); // [[[1, 12, 23, 30]]]
 * ```
 */
export function convTranspose(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTransposeOptions = {},
): Tensor {
  const { outputPadding = 0, groups = 1, ...window } = options;
  if (x.shape.length < 3 || weight.shape.length !== x.shape.length || weight.shape[0] !== x.shape[1]) {
    throw new ShapeError(
      'convTranspose: x must be [N, C, ...spatial] and weight [C, O / groups, ...kernel], with as many axes, got ' +
        `${showShape(x.shape)} and ${showShape(weight.shape)}; reshape or transpose one of them`,
    );
  }
  const rank = x.shape.length - 2;
  const stride = perAxis('convTranspose', 'stride', window.stride ?? 1, rank, 1);
  const padding = perAxis('convTranspose', 'padding', window.padding ?? 0, rank, 0);
  const dilation = perAxis('convTranspose', 'dilation', window.dilation ?? 1, rank, 1);
  const extra = perAxis('convTranspose', 'outputPadding', outputPadding, rank, 0);
  if (extra.some((count, axis) => count >= stride[axis]!)) {
    throw new RangeError(
      `convTranspose: outputPadding must be less than stride, got ${showShape(extra)} for stride ${showShape(stride)}`,
    );
  }
  const spatial = extra.map((count, axis) => {
    const reach = dilation[axis]! * (weight.shape[axis + 2]! - 1);
    return (x.shape[axis + 2]! - 1) * stride[axis]! - 2 * padding[axis]! + reach + count + 1;
  });
  if (spatial.some((extent) => extent < 1)) {
    throw new ShapeError(
      `convTranspose: the result must not be empty, got spatial extents ${showShape(spatial)}; use less padding`,
    );
  }
  const channels = weight.shape[1]! * groups;
  const shape = [x.shape[0]!, channels, ...spatial];
  const adjoint = convShape('convTranspose', shape, weight.shape, { stride, padding, dilation, groups });
  if (bias && !sameShape(bias.shape, [channels])) {
    throw new ShapeError(
      `convTranspose: bias must have shape [${channels}], one number per output channel, got ${showShape(bias.shape)}`,
    );
  }
  checkSameDtype('convTranspose', [x, weight, bias]);
  const y = convInput(x, weight, shape, adjoint);
  return bias ? add(y, reshape(bias, [channels, ...spatial.map(() => 1)])) : y;
}
