import { like } from '../tensor/like.ts';
import { zeros } from '../tensor/create.ts';
import { Tensor } from '../tensor/tensor.ts';
import { add } from './add.ts';
import { gate } from './gate.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';
import { sub } from './sub.ts';

/**
 * `y = x^exponent`, broadcasting. The values are those of `Math.pow`: NaN for a negative x and a broken exponent, and,
 * unlike in C, for 1 to the power of an infinity or NaN.
 *
 * The derivatives are `exponent * x^(exponent - 1)`, which is 0 for an exponent of 0, also at x = 0, and
 * `y * log(x)` for the exponent, taken as 0 where x is not positive.
 * @example
 * ```ts
 * toArray(pow(tensor([1, 2, 3]), 2)); // [1, 4, 9]
 * ```
 */
export function pow(x: Tensor, exponent: Operand): Tensor {
  if (typeof exponent === 'number') {
    const out = like(x);
    for (let i = 0; i < out.data.length; i++) out.data[i] = Math.pow(x.data[i]!, exponent);
    return record(powNumberOp, [x], { x, exponent }, out);
  }
  const [a, b] = operands('pow', x, exponent);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.pow(a.data[i]!, b.data[i]!);
  return record(powOp, [a, b], { x: a, exponent: b }, out);
}

const powNumberOp: Op<{ x: Tensor; exponent: number }> = {
  name: 'pow',
  pullback(dy, { x, exponent }) {
    if (exponent === 0) return [zeros(x.shape, { dtype: x.dtype })];
    return [mul(dy, mul(pow(x, exponent - 1), exponent))];
  },
};

const powOp: Op<{ x: Tensor; exponent: Tensor }> = {
  name: 'pow',
  pullback(dy, { x, exponent }, needs) {
    return [
      needs[0] ? mul(dy, mul(exponent, pow(x, sub(exponent, lowered(x, exponent))))) : null,
      needs[1] ? logarithmic(dy, x, exponent) : null,
    ];
  },
};

/** What the exponent falls by: 1, but 0 at 0^0, where 0^(-1) would be infinite. */
function lowered(x: Tensor, exponent: Tensor): Tensor {
  const step = like(x);
  for (let i = 0; i < step.data.length; i++) step.data[i] = x.data[i] === 0 && exponent.data[i] === 0 ? 0 : 1;
  return step;
}

/** `dy * x^exponent * log(x)` where x is positive and 0 elsewhere, without taking the logarithm there. */
function logarithmic(dy: Tensor, x: Tensor, exponent: Tensor): Tensor {
  const positive = new Float32Array(x.data.length);
  const instead = like(x);
  for (let i = 0; i < positive.length; i++) {
    positive[i] = x.data[i]! <= 0 ? 0 : 1;
    instead.data[i] = 1 - positive[i]!;
  }
  const base = add(gate(x, positive), instead);
  return mul(gate(dy, positive), mul(pow(base, exponent), log(base)));
}
