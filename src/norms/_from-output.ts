/**
 * The backward of a norm with activation that has kept its output, not its input. With `scale = |weight| + eps`,
 *
 *     y    = the activation of z undone         g = dz * slope(z)
 *     xHat = (y - bias) / scale
 *     dBias = sum g      dScale = sum g xHat      dWeight = dScale * sign(weight), +1 at 0
 *     dx   = scale / std (g - dBias / n - xHat dScale / n)         n values a channel
 *
 * and `dx = scale / std g` with given statistics. Everything is found anew from z for each element, twice: nothing of
 * the size of z is made but dx.
 */
import type { Edge } from '../autograd/record.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import type { Bend } from './_invertible.ts';

/** Where a tensor stands in the graph. A class, so that a leaf there is not taken for a value that is kept. */
export class Origin {
  readonly edge: Edge;

  constructor(edge: Edge) {
    this.edge = edge;
  }
}

/** What is alive between forward and backward. */
export interface OutputSaved {
  /** The output z, or y where z does not tell y any more. */
  readonly kept: Tensor;
  /** `sqrt(variance + eps)` of each channel. */
  readonly std: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly eps: number;
  readonly bend: Bend;
  /** Whether `kept` is y. */
  readonly saturated: boolean;
  /** Whether the statistics are those of x, and not given. */
  readonly own: boolean;
  /** Where x stands in the graph; its values are not kept. */
  readonly origin: Origin;
}

/** `|weight| + eps` of each channel; ones without a weight. */
export function scalesOf(weight: Tensor | null, eps: number, channels: number): Float64Array {
  return weight ? Float64Array.from(weight.data, (w) => Math.abs(w) + eps) : new Float64Array(channels).fill(1);
}

/**
 * The gradients of x, weight and bias, of the gradient of z. The activation is undone
 * in either loop, in place: with a function of the bend for y and one for the slope the whole took twice as long (24 ms
 * against 11 for `[16, 16, 32, 32]`).
 */
export function backwardFromOutput(
  dz: Tensor,
  { kept, std, weight, bias, eps, bend: { factor: below, exponential }, saturated, own }: OutputSaved,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const channels = std.data.length;
  const inner = spatialSize(kept);
  const values = kept.data;
  const gradient = dz.data;
  const scales = scalesOf(weight, eps, channels);
  const count = values.length / channels;
  const dBias = new Float64Array(channels);
  const dScale = new Float64Array(channels);
  for (let start = 0, s = 0; start < values.length; start += inner, s++) {
    const c = s % channels;
    const shift = bias ? bias.data[c]! : 0;
    let total = 0;
    let along = 0;
    for (let i = start; i < start + inner; i++) {
      let y = values[i]!;
      let g = gradient[i]!;
      if (y < 0) {
        if (!exponential) {
          g *= below;
          y /= below;
        } else if (saturated) {
          g *= below * Math.exp(y);
        } else {
          g *= below + y;
          y = Math.log1p(y / below);
        }
      }
      total += g;
      along += g * (y - shift);
    }
    dBias[c]! += total;
    dScale[c]! += along / scales[c]!;
  }
  const dWeight = weight && dScale.map((d, c) => (weight.data[c]! < 0 ? -d : d));
  const dx = needs[0] ? like(kept) : null;
  const factors = scales.map((scale, c) => scale / std.data[c]!);
  // given statistics do not move with x: their terms are 0, also where the sums are infinite
  const means = dBias.map((total) => (own ? total / count : 0));
  const parts = dScale.map((total, c) => (factors[c]! * total) / (scales[c]! * count));
  for (let start = 0, s = 0; dx && start < values.length; start += inner, s++) {
    const c = s % channels;
    const shift = bias ? bias.data[c]! : 0;
    const factor = factors[c]!;
    const mean = means[c]!;
    const part = parts[c]!;
    for (let i = start; i < start + inner; i++) {
      let y = values[i]!;
      let g = gradient[i]!;
      if (y < 0) {
        if (!exponential) {
          g *= below;
          y /= below;
        } else if (saturated) {
          g *= below * Math.exp(y);
        } else {
          g *= below + y;
          y = Math.log1p(y / below);
        }
      }
      const around = own ? (y - shift) * part : 0;
      dx.data[i] = factor * (g - mean) - around;
    }
  }
  return [dx, needs[1] ? vector(dWeight!, weight!) : null, needs[2] ? vector(dBias, bias!) : null];
}

function vector(values: Float64Array, parameter: Tensor): Tensor {
  return new Tensor(rounded(values, parameter.dtype), parameter.shape);
}
