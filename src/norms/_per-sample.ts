/** Scaling and shifting each channel of each sample by numbers of its own: what conditioned norms do after standardizing. */
import { reshape } from '../autograd/reshape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { spatialSize } from './_check.ts';
import type { View } from './_moments.ts';

/** `[N, C]` as `[N, C, 1, …]`, to broadcast over `[N, C, ...spatial]` of the given rank. */
export function perSample(values: Tensor, rank: number): Tensor {
  return reshape(values, [...values.shape, ...new Array<number>(rank - 2).fill(1)]);
}

/** The view of `[N, C, ...spatial]` in which every channel of every sample is a channel of its own. */
export function sampleView(x: Tensor): View {
  return { outer: 1, channel: x.shape[0]! * x.shape[1]!, inner: spatialSize(x) };
}
