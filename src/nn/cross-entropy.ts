import { add } from '../autograd/add.ts';
import { logSoftmax } from '../autograd/log-softmax.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { neg } from '../autograd/neg.ts';
import { reshape } from '../autograd/reshape.ts';
import { take } from '../autograd/take.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkReduction, reduced, type Reduction } from './_reduction.ts';

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** The mean over the samples, their sum, or each. Default `'mean'`. */
  reduction?: Reduction;
  /** Part of the target that is spread evenly over all classes, in [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/**
 * Cross entropy between classes and the softmax of logits:
 * `loss = -((1 - labelSmoothing) * logp[label] + labelSmoothing * mean of logp)`, `logp = logSoftmax(logits)`.
 *
 * `logits`: `[N, C]`; `labels`: N integers in [0, C). Gives a scalar, or `[N]` for the reduction `'none'`.
 *
 * Throws a ShapeError when the shapes do not fit and a RangeError for a label or an option out of range.
 * @example
 * ```ts
 * const logits = tensor([[0, 0], [0, Math.log(3)]], { dtype: 'float64' });
 * const loss = crossEntropy(logits, [0, 0], { reduction: 'sum' });
 * item(loss).toFixed(12) === Math.log(2 * 4).toFixed(12); // true
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  labels: readonly number[] | Tensor,
  { reduction = 'mean', labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  checkReduction('crossEntropy', reduction);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`crossEntropy: labelSmoothing must be in [0, 1], got ${labelSmoothing}`);
  }
  const indices = flatIndices(logits, labels);
  const logp = logSoftmax(logits, 1);
  const picked = take(reshape(logp, [logp.data.length]), indices);
  if (labelSmoothing === 0) return reduced(neg(picked), reduction);
  const spread = mul(mean(logp, { axis: 1 }), labelSmoothing);
  return reduced(neg(add(mul(picked, 1 - labelSmoothing), spread)), reduction);
}

/** Where the logit of each sample's class lies. */
function flatIndices(logits: Tensor, labels: readonly number[] | Tensor): number[] {
  const { shape } = logits;
  const [samples, classes] = shape as readonly [number, number];
  const values = labels instanceof Tensor ? labels.data : labels;
  const came = labels instanceof Tensor ? labels.shape : [labels.length];
  if (shape.length !== 2 || came.length !== 1 || came[0] !== samples) {
    throw new ShapeError(
      `crossEntropy: logits must be [N, C] and labels [N], got ${showShape(shape)} and ${showShape(came)}; ` +
        'move the classes to axis 1 and flatten the rest',
    );
  }
  const indices = new Array<number>(samples);
  for (let i = 0; i < samples; i++) {
    const label = values[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(`crossEntropy: labels must be integers in [0, ${classes}), got ${label} at ${i}`);
    }
    indices[i] = i * classes + label;
  }
  return indices;
}
