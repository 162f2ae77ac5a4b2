import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/**
 * `y = weight * x`, and 0 wherever the weight is 0, even if x is not finite there. The weights are constants, one for
 * each element, from {0, 1/2, 1} and their negatives: this is the derivative of whatever selects (relu, maximum,
 * where, …), and its own adjoint.
 */
export function gate(x: Tensor, weights: Float32Array): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = weights[i] === 0 ? 0 : weights[i]! * x.data[i]!;
  return record(gateOp, [x], { weights }, out);
}

const gateOp: Op<{ weights: Float32Array }> = {
  name: 'gate',
  exact: true,
  pullback: (dy, { weights }) => [gate(dy, weights)],
};
