/** Statistics of a tensor's elements, for tests of random initializers. */
import type { Tensor } from '../../../src/tensor/tensor.ts';

export function statistics({ data }: Tensor): { mean: number; std: number; largest: number; kurtosis: number } {
  let mean = 0;
  for (const value of data) mean += value / data.length;
  let variance = 0;
  let fourth = 0;
  let largest = 0;
  for (const value of data) {
    variance += (value - mean) ** 2 / data.length;
    fourth += (value - mean) ** 4 / data.length;
    largest = Math.max(largest, Math.abs(value));
  }
  return { mean, std: Math.sqrt(variance), largest, kurtosis: fourth / variance ** 2 };
}

/** Whether the elements look uniform in `[-bound, bound)`: within five standard errors. */
export function looksUniform(x: Tensor, bound: number): boolean {
  const { mean, std, largest, kurtosis } = statistics(x);
  const error = 5 / Math.sqrt(x.data.length);
  const wanted = bound / Math.sqrt(3);
  return (
    largest <= bound && largest > bound * (1 - error) && Math.abs(mean) < error * wanted &&
    Math.abs(std / wanted - 1) < error && Math.abs(kurtosis - 1.8) < 2 * error
  );
}

/** Whether the elements look normal with mean 0 and this standard deviation: within five standard errors. */
export function looksNormal(x: Tensor, wanted: number): boolean {
  const { mean, std, kurtosis } = statistics(x);
  const error = 5 / Math.sqrt(x.data.length);
  return Math.abs(mean) < error * wanted && Math.abs(std / wanted - 1) < error && Math.abs(kurtosis - 3) < error * Math.sqrt(24);
}
