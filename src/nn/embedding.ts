import { take } from '../autograd/take.ts';
import type { DType } from '../tensor/dtype.ts';
import { normal, type Random } from '../tensor/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkPositive, checkRandom } from './_check.ts';
import { Module } from './module.ts';
import { type Parameter, parameter } from './parameter.ts';

/** Options of `Embedding`. */
export interface EmbeddingOptions {
  /** Where the initial weights come from. */
  random: Random;
  /** Element type. Default `'float32'`. */
  dtype?: DType;
}

/**
 * A table of vectors: `y[...] = weight[indices[...]]`, with a `weight` `[numEmbeddings, embeddingDim]` that is N(0, 1)
 * at the start, as in PyTorch. Throws a RangeError for sizes that are no positive integers.
 * @example
 * ```ts
 * const layer = new Embedding(10, 4, { random: new Random(1) });
 * layer.forward([3, 1, 3]).shape; // [3, 4]
 * layer.forward(tensor([[0, 1], [2, 3]])).shape; // [2, 2, 4]
 * ```
 */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, { random, dtype = 'float32' }: EmbeddingOptions) {
    super();
    checkPositive('Embedding', 'numEmbeddings', numEmbeddings);
    checkPositive('Embedding', 'embeddingDim', embeddingDim);
    checkRandom('Embedding', random);
    this.weight = parameter(normal(random, [numEmbeddings, embeddingDim], 0, 1, { dtype }));
  }

  /** `indices`: integers in [0, numEmbeddings), a list or a tensor of any shape; a RangeError is thrown for others. */
  forward(indices: Tensor | readonly number[]): Tensor {
    const count = this.weight.shape[0]!;
    const values = indices instanceof Tensor ? indices.data : indices;
    for (let i = 0; i < values.length; i++) {
      const index = values[i]!;
      if (!Number.isInteger(index) || index < 0 || index >= count) {
        throw new RangeError(`Embedding: indices must be integers in [0, ${count}), got ${index} at ${i}`);
      }
    }
    return take(this.weight, indices);
  }
}
