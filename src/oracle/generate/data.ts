/** What generated data look like: kinds of data that norms find easy or hard. */
import type { Chooser } from '../../norms/catalog/entry.ts';
import { type Shape, sizeOf } from '../../tensor/shape.ts';
import { TensorCase } from './tensor-case.ts';

export const regimes = ['benign', 'offset', 'scale', 'constant', 'constant slice', 'outlier', 'ties'] as const;
export type Regime = (typeof regimes)[number];

/** Data of a regime in a given shape. */
export function generateData(choose: Chooser, shape: Shape, regime: Regime): TensorCase {
  const size = sizeOf(shape);
  const draw = (limit: number): number[] => Array.from({ length: size }, () => choose.integer(-limit, limit));
  const sign = (): number => (choose.integer(0, 1) === 0 ? -1 : 1);
  switch (regime) {
    case 'benign':
      return new TensorCase(shape, draw(64), -4);
    case 'offset':
      return new TensorCase(shape, draw(64), -4, sign() * 10 ** choose.integer(1, 4));
    case 'scale':
      // 64 * 2^exponent runs from 1e-6 to 1e3
      return new TensorCase(shape, draw(64), choose.integer(-26, 4));
    case 'constant':
      return new TensorCase(shape, new Array<number>(size).fill(choose.integer(-64, 64)), -4, choose.integer(0, 1) * 1000);
    case 'constant slice': {
      const integers = draw(64);
      if (shape.length > 0 && size > 0) fillSlice(choose, shape, integers);
      return new TensorCase(shape, integers, -4);
    }
    case 'outlier': {
      const integers = draw(64);
      if (size > 0) integers[choose.integer(0, size - 1)] = sign() * choose.integer(16_384, 65_536);
      return new TensorCase(shape, integers, -4);
    }
    case 'ties':
      return new TensorCase(shape, draw(2));
  }
}

/** Makes constant what lies at one index of one axis. */
function fillSlice(choose: Chooser, shape: Shape, integers: number[]): void {
  const axis = choose.integer(0, shape.length - 1);
  const chosen = choose.integer(0, shape[axis]! - 1);
  const value = choose.integer(-64, 64);
  const inner = sizeOf(shape.slice(axis + 1));
  for (let i = 0; i < integers.length; i++) {
    if (Math.floor(i / inner) % shape[axis]! === chosen) integers[i] = value;
  }
}
