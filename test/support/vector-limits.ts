/** How near a golden vector must be met: the tolerances that the references were made for. */
import { tensorFromJson } from '../../src/formats/json-tensor.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { VectorCall, VectorCase } from './vectors.ts';

/** The largest allowed deviation of a tensor, as `grads.x`, whose largest element is `size`. */
type Limit = (dtype: DType, found: VectorCase, call: VectorCall, size: number, place: string) => number;

/** Cases in which float32 loses more digits than elsewhere, whoever computes. */
const hard = /mean 1e3|constant|two|single|one value/;

const standard: Limit = (dtype, found, _, size) =>
  (dtype === 'float64' ? 1e-9 : hard.test(found.name) ? 1e-3 : 1e-4) * Math.max(1e-3, size);

/** Twenty times what float32 was measured to lose in the reference's own formulas, and relative to `1 + size`. */
function measured(float64: number): Limit {
  return (dtype, { float32Error }, _call, size, place) =>
    (dtype === 'float64' ? float64 : Math.max(1e-4, 20 * (float32Error?.[place] ?? 0))) * (1 + size);
}

/** Norms whose references say something else. */
const particular: Readonly<Record<string, Limit>> = {
  activation: (dtype, _found, { stateAfter }, size) =>
    // s x and the bias, which float32 rounds, cancel where the mean is large against the spread
    dtype === 'float64' ? 1e-9 * Math.max(1e-3, size) : 1e-5 * Math.max(1e-3, size) + 5e-7 * largest(stateAfter.bias),
  // with as many groups as channels the gradient of bnBias is 0, the sum of terms that are not; with two values in a
  // group that of x nearly is
  'batch-channel': measured(1e-9),
  'filter-response': (dtype, _found, _call, size) => (dtype === 'float64' ? 1e-9 : 1e-4) * Math.max(1e-3, size),
  'local-contrast': (dtype, found, _, size) =>
    dtype === 'float64'
      ? Math.max(1e-9 * Math.max(1e-3, size), /constant/.test(found.name) ? 1e-9 : 0)
      : (/mean 1e3|constant/.test(found.name) ? 1e-3 : 1e-5) * Math.max(1e-3, size),
  'local-response': (dtype, _found, _call, size) => (dtype === 'float64' ? 1e-10 : 1e-6) * Math.max(1e-3, size),
  // gradients of the gates may be 0 by their structure, and multiply rounding by pooled values that may be large
  mode: measured(2e-9),
};

/** The largest magnitude in a tensor. */
function largest(values: unknown): number {
  return Math.max(...Array.from(tensorFromJson(values, 'float64').data, Math.abs));
}

/** The limit of a norm. */
export function limitOf(slug: string): Limit {
  return particular[slug] ?? standard;
}
