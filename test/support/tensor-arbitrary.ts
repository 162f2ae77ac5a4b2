/**
 * Generated tensors. One arbitrary makes shape and data together, so that a smaller shape keeps the data it had: an
 * arbitrary built with `.chain` would draw new data for each smaller shape, and lose the bug.
 *
 * A case shrinks in this order: halve or drop along an axis, drop axes of extent 1, offset to 0, exponent to 0, blocks
 * of elements to 0, single elements to 0, 1, half.
 */
import * as fc from 'fast-check';
import { generateData, type Regime, regimes } from '../../src/oracle/generate/data.ts';
import { smallerCases } from '../../src/oracle/generate/smaller-tensors.ts';
import { TensorCase } from '../../src/oracle/generate/tensor-case.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import { chooserOf } from './chooser.ts';

/** The regimes whose slices have a spread: for properties that do not hold at variance 0. */
export const spreadRegimes: readonly Regime[] = ['benign', 'offset', 'scale', 'outlier'];

/** What to generate. */
export interface TensorOptions {
  /** Fewest axes. Default 1. */
  readonly minRank?: number;
  /** Most axes. Default 4. */
  readonly maxRank?: number;
  /** Smallest extent of an axis. Default 1. */
  readonly minExtent?: number;
  /** Largest extent of an axis. Default 7. */
  readonly maxExtent?: number;
  /** Most elements. Default 240. */
  readonly maxSize?: number;
  /** Fixed extents by axis; undefined where an extent is free. Default: all free. */
  readonly extents?: readonly (number | undefined)[];
  /** Further condition on shapes, kept while shrinking. */
  readonly fits?: (shape: Shape) => boolean;
  /** Kinds of data to choose from. Default: all. */
  readonly among?: readonly Regime[];
}

/** Tensors of generated shape and data. */
export function tensors(options: TensorOptions = {}): fc.Arbitrary<TensorCase> {
  return new TensorArbitrary(options);
}

/** A tensor on the 1/16 grid in [-4, 4], with zeros and negative numbers: weights, biases, gradients of one shape. */
export function gridTensor(shape: Shape): fc.Arbitrary<TensorCase> {
  const rank = shape.length;
  return new TensorArbitrary({ minRank: rank, maxRank: rank, maxSize: Infinity, extents: shape, among: ['benign'] });
}

const EPS = [1, 2 ** -3, 2 ** -10, 1e-5] as const;
const MOMENTUM = [0, 0.1, 0.5, 1, null] as const;

/** Values for `eps`, from large, where it matters, to the usual. */
export function epsilons(): fc.Arbitrary<number> {
  return fc.constantFrom(...EPS);
}

/** Values for `momentum`; null asks for the plain average. */
export function momenta(): fc.Arbitrary<number | null> {
  return fc.constantFrom(...MOMENTUM);
}

export class TensorArbitrary extends fc.Arbitrary<TensorCase> {
  readonly #minRank: number;
  readonly #maxRank: number;
  readonly #minExtent: number;
  readonly #maxExtent: number;
  readonly #maxSize: number;
  readonly #extents: readonly (number | undefined)[];
  readonly #fits: (shape: Shape) => boolean;
  readonly #among: readonly Regime[];

  constructor({
    minRank = 1,
    maxRank = Math.max(4, minRank),
    minExtent = 1,
    maxExtent = 7,
    maxSize = 240,
    extents = [],
    fits = () => true,
    among = regimes,
  }: TensorOptions = {}) {
    super();
    this.#minRank = minRank;
    this.#maxRank = maxRank;
    this.#minExtent = minExtent;
    this.#maxExtent = maxExtent;
    this.#maxSize = maxSize;
    this.#extents = extents;
    this.#fits = fits;
    this.#among = among;
  }

  generate(random: fc.Random, biasFactor: number | undefined): fc.Value<TensorCase> {
    const small = biasFactor !== undefined && random.nextInt(1, biasFactor) === 1;
    const shape = this.#shape(random, small);
    const regime = this.#among[random.nextInt(0, this.#among.length - 1)]!;
    return new fc.Value(generateData(chooserOf(random), shape, regime), undefined);
  }

  canShrinkWithoutContext(value: unknown): value is TensorCase {
    return value instanceof TensorCase && this.#allows(value.shape);
  }

  shrink(value: TensorCase): fc.Stream<fc.Value<TensorCase>> {
    return new fc.Stream(this.#smaller(value));
  }

  *#smaller(value: TensorCase): IterableIterator<fc.Value<TensorCase>> {
    for (const candidate of smallerCases(value)) {
      if (candidate.shape === value.shape || this.#allows(candidate.shape)) yield new fc.Value(candidate, undefined);
    }
  }

  #allows(shape: Shape): boolean {
    return (
      shape.length >= this.#minRank &&
      shape.length <= this.#maxRank &&
      sizeOf(shape) <= this.#maxSize &&
      shape.every((extent, axis) => {
        const fixed = this.#extents[axis];
        return fixed === undefined ? extent >= this.#minExtent && extent <= this.#maxExtent : extent === fixed;
      }) &&
      this.#fits(shape)
    );
  }

  /** Mostly pairwise different extents: equal ones hide exchanged axes. */
  #shape(random: fc.Random, small: boolean): number[] {
    for (let attempt = 0; attempt < 1000; attempt++) {
      const rank = random.nextInt(this.#minRank, small ? Math.max(this.#minRank, Math.min(2, this.#maxRank)) : this.#maxRank);
      const top = small ? Math.max(this.#minExtent, Math.min(3, this.#maxExtent)) : this.#maxExtent;
      const shape: number[] = [];
      for (let axis = 0; axis < rank; axis++) {
        let extent = random.nextInt(this.#minExtent, top);
        for (let again = 0; again < 3 && shape.includes(extent); again++) extent = random.nextInt(this.#minExtent, top);
        shape.push(this.#extents[axis] ?? extent);
      }
      if (this.#allows(shape)) return shape;
    }
    throw new Error('TensorArbitrary: no shape in 1000 fits the options; they may contradict each other');
  }
}
