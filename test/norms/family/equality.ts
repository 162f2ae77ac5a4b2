/**
 * One norm, with certain arguments, is another one: what the tests check and docs/family-tree.md shows. Both sides are
 * functions of one tensor, and must have the same value and the same gradient.
 */
import { normal, Random } from '../../../src/tensor/random.ts';
import type { Shape } from '../../../src/tensor/shape.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

export interface Equality {
  /** Slug of the norm. */
  readonly norm: string;
  /** What makes it the other one, as Markdown that goes on from the norm's name. */
  readonly given: string;
  /** Slug of the norm that it then is; null for something that is no norm, which `as` names. */
  readonly is: string | null;
  /** How the other norm is called, as Markdown that goes on from its name; or what it is, for no norm. */
  readonly as?: string;
  /** Shapes of the tensor, float64. */
  readonly shapes: readonly Shape[];
  readonly left: (x: Tensor) => Tensor;
  readonly right: (x: Tensor) => Tensor;
  /** Largest deviation of an element of value or gradient, of the larger of 1 and the element; 0: the same bits. */
  readonly within: number;
}

/** Equal but for rounding. */
export const rounding = 1e-13;

/** Shapes of activations `[N, C, ...spatial]` whose 4 channels divide into 2 groups. */
export const images: readonly Shape[] = [[3, 4, 5], [2, 4, 3, 2], [5, 4, 2, 1, 3]];

/** One sample of them. */
export const single: readonly Shape[] = [[1, 4, 5], [1, 4, 3, 2]];

/** Matrices. */
export const matrices: readonly Shape[] = [[4, 6], [5, 3]];

/** Weights of linear layers and convolutions. */
export const filters: readonly Shape[] = [[4, 6], [3, 2, 3, 3], [2, 5, 4]];

/** Numbers without a pattern, the same each time. */
export function numbers(seed: number, ...shape: number[]): Tensor {
  return normal(new Random(seed), shape, 0.25, 1, { dtype: 'float64' });
}
