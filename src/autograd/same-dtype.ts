import type { Tensor } from '../tensor/tensor.ts';

/** Throws a TypeError unless all tensors (null ones left out) have the dtype of the first. */
export function checkSameDtype(caller: string, tensors: readonly (Tensor | null)[]): void {
  const dtypes = tensors.flatMap((x) => (x ? [x.dtype] : []));
  if (dtypes.some((dtype) => dtype !== dtypes[0])) {
    throw new TypeError(`${caller}: all tensors must have one dtype, got ${dtypes.join(' and ')}; use cast(x, dtype)`);
  }
}
