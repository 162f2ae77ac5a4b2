import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { like } from '../tensor/like.ts';
import type { Random } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkRandom } from './_check.ts';
import { Module } from './module.ts';

/**
 * `y = x * mask / (1 - rate)`, where each element of the mask is 0 with probability `rate`, else 1; a new mask for each
 * element. Takes one uniform number per element from `random`. Throws a RangeError unless `rate` is in [0, 1].
 *
 * Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, 2014; scaled in
 * training, so that evaluation is the identity.
 * @example
 * ```ts
 * toArray(dropout(ones([6]), 0.5, new Random(2))); // [0, 2, 0, 0, 2, 2]
 * ```
 */
export function dropout(x: Tensor, rate: number, random: Random): Tensor {
  checkRate('dropout', rate);
  const mask = like(x);
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.data.length; i++) if (random.uniform() >= rate) mask.data[i] = kept;
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! * mask.data[i]!;
  return record(dropoutOp, [x], { mask }, out);
}

const dropoutOp: Op<{ mask: Tensor }> = { name: 'dropout', pullback: (dy, { mask }) => [mul(dy, mask)] };

/** Options of `Dropout`. */
export interface DropoutOptions {
  /** Where the masks come from. */
  random: Random;
}

/**
 * `dropout` in training, the identity after `eval()`.
 * @example
 * ```ts
 * const layer = new Dropout(0.5, { random: new Random(1) }).eval();
 * toArray(layer.forward(tensor([1, 2]))); // [1, 2]
 * ```
 */
export class Dropout extends Module {
  readonly rate: number;
  readonly random: Random;

  /** `rate`, the probability of an element to be dropped, is in [0, 1]. */
  constructor(rate: number, { random }: DropoutOptions) {
    super();
    checkRate('Dropout', rate);
    checkRandom('Dropout', random);
    this.rate = rate;
    this.random = random;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.rate > 0 ? dropout(x, this.rate, this.random) : x;
  }
}

function checkRate(caller: string, rate: number): void {
  if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${caller}: rate must be in [0, 1], got ${rate}`);
}
