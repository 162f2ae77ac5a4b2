import { copy } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/** `y = x` in memory of its own. */
export function clone(x: Tensor): Tensor {
  return record(cloneOp, [x], {}, copy(x));
}

const cloneOp: Op<object> = { name: 'clone', exact: true, pullback: (dy) => [dy] };
