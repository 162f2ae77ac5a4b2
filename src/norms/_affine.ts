/** Steps that the definitions of norms share. */
import { add } from '../autograd/add.ts';
import { mul } from '../autograd/mul.ts';
import { reshape } from '../autograd/reshape.ts';
import { sub } from '../autograd/sub.ts';
import { fromArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** `xHat * weight + bias`, broadcasting; an absent weight or bias is left out. */
export function scaleAndShift(xHat: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight ? mul(xHat, weight) : xHat;
  return bias ? add(scaled, bias) : scaled;
}

/** A vector `[C]` as `[C, 1, …]`, to broadcast over `[N, C, ...spatial]` of the given rank. */
export function perChannel(vector: Tensor, rank: number): Tensor;
export function perChannel(vector: Tensor | null, rank: number): Tensor | null;
export function perChannel(vector: Tensor | null, rank: number): Tensor | null {
  return vector && reshape(vector, [-1, ...new Array<number>(rank - 2).fill(1)]);
}

/** `(x - mean) * rstd * weight + bias` per channel of `[N, C, ...spatial]`, with given numbers for mean and rstd. */
export function standardizeGiven(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  { mean, rstd }: { readonly mean: Float64Array; readonly rstd: Float64Array },
): Tensor {
  const rank = x.shape.length;
  const constant = (values: Float64Array): Tensor => perChannel(fromArray(values, [values.length], { dtype: x.dtype }), rank);
  const xHat = mul(sub(x, constant(mean)), constant(rstd));
  return scaleAndShift(xHat, perChannel(weight, rank), perChannel(bias, rank));
}
