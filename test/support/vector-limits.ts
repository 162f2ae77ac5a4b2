/** How near a golden vector must be met: the tolerances that the references were made for. */
import type { DType } from '../../src/tensor/dtype.ts';
import type { VectorCall, VectorCase } from './vectors.ts';

/** The largest allowed deviation of a tensor whose largest element is `size`. */
type Limit = (dtype: DType, found: VectorCase, call: VectorCall, size: number) => number;

/** Cases in which float32 loses more digits than elsewhere, whoever computes. */
const hard = /mean 1e3|constant|two|single|one value/;

const standard: Limit = (dtype, found, _, size) =>
  (dtype === 'float64' ? 1e-9 : hard.test(found.name) ? 1e-3 : 1e-4) * Math.max(1e-3, size);

/** Norms whose references say something else. */
const particular: Readonly<Record<string, Limit>> = {};

/** The limit of a norm. */
export function limitOf(slug: string): Limit {
  return particular[slug] ?? standard;
}
