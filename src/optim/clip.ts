/** Limiting gradients between `backward` and `step`. Parameters without a gradient are passed over. */
import { touch } from '../tensor/assign.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Scales all gradients by one factor, `min(1, maxNorm / (norm + 1e-6))` as in PyTorch, so that their joint norm
 * `sqrt(sum of all squares)` is at most `maxNorm`. Gives the norm from before; it is NaN or infinite when a gradient
 * is, and the gradients then become NaN or 0 as arithmetic has it.
 *
 * Throws a RangeError unless `maxNorm` is above 0; Infinity only measures.
 * @example
 * ```ts
 * const weight = parameter(tensor([0, 0], { dtype: 'float64' }));
 * weight.grad = tensor([3, 4], { dtype: 'float64' });
 * clipGradNorm([weight], 10); // 5
 * ```
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): number {
  if (!(maxNorm > 0)) throw new RangeError(`clipGradNorm: maxNorm must be above 0, got ${maxNorm}`);
  const gradients = gradientsOf(parameters);
  const norm = jointNorm(gradients);
  const factor = maxNorm / (norm + 1e-6);
  // written so that a NaN factor is applied and factors above 1 are not
  if (factor >= 1 || maxNorm === Infinity) return norm;
  for (const gradient of gradients) {
    const { data } = gradient;
    for (let i = 0; i < data.length; i++) data[i] = data[i]! * factor;
    touch(gradient);
  }
  return norm;
}

/**
 * Limits every element of every gradient to `[-limit, limit]`; NaN stays NaN. Throws a RangeError unless `limit` is
 * above 0.
 * @example
 * ```ts
 * const weight = parameter(tensor([0, 0]));
 * weight.grad = tensor([3, -0.5]);
 * clipGradValue([weight], 1);
 * toArray(weight.grad); // [1, -0.5]
 * ```
 */
export function clipGradValue(parameters: Iterable<Tensor>, limit: number): void {
  if (!(limit > 0)) throw new RangeError(`clipGradValue: limit must be above 0, got ${limit}`);
  for (const gradient of gradientsOf(parameters)) {
    const { data } = gradient;
    for (let i = 0; i < data.length; i++) data[i] = Math.max(-limit, Math.min(limit, data[i]!));
    touch(gradient);
  }
}

/** The gradients that are there, each once. */
function gradientsOf(parameters: Iterable<Tensor>): Tensor[] {
  const found = new Set<Tensor>();
  for (const { grad } of parameters) if (grad) found.add(grad);
  return [...found];
}

/** The root of the sum of all squares, taken of the elements over the largest, whose squares do not overflow. */
function jointNorm(gradients: readonly Tensor[]): number {
  let largest = 0;
  for (const { data } of gradients) {
    for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]!));
  }
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let squares = 0;
  for (const { data } of gradients) {
    for (let i = 0; i < data.length; i++) {
      const scaled = data[i]! / largest;
      squares += scaled * scaled;
    }
  }
  return largest * Math.sqrt(squares);
}
