/**
 * The tensor: a shape over a Float32Array or Float64Array, contiguous and row-major, with the place where reverse
 * mode leaves a gradient. It has no arithmetic methods: operations are functions (`add(x, y)`), so that a bundler
 * keeps only those that are used.
 */
import { type DType, dtypeOf, type FloatArray } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { checkShape, type Shape, showShape, sizeOf } from './shape.ts';

/** Where a tensor came from in the recorded graph. The autograd engine gives it its content. */
export interface Source {
  readonly node: object;
  readonly index: number;
}

/**
 * `data` laid out as `shape`.
 *
 * `requiresGrad` marks a leaf whose gradient is wanted, and is also true for every result that depends on one.
 * `grad` is written by `backward` and never by anything else; clear it by setting it to null.
 *
 * The array is used as it is, not copied. Writing into `data` by hand is the caller's own risk: use `assign`, which
 * lets `backward` notice that a value it needs is gone.
 */
export class Tensor {
  readonly shape: Shape;
  readonly data: FloatArray;
  requiresGrad: boolean;
  grad: Tensor | null = null;
  /** @internal shared by all tensors over one array; counts the writes into it */
  readonly storage: { version: number };
  /** @internal */
  source: Source | null = null;

  constructor(data: FloatArray, shape: Shape, requiresGrad = false, storage: { version: number } = { version: 0 }) {
    checkShape('Tensor', shape);
    if (sizeOf(shape) !== data.length) {
      throw new ShapeError(
        `Tensor: shape ${showShape(shape)} holds ${sizeOf(shape)} elements, got data of length ${data.length}`,
      );
    }
    this.data = data;
    this.shape = shape;
    this.requiresGrad = requiresGrad;
    this.storage = storage;
  }

  get dtype(): DType {
    return dtypeOf(this.data);
  }
}
