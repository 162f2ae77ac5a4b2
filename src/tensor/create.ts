/** Making tensors from numbers. */
import { allocate, type DType, type FloatArray } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { checkShape, type Shape, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';

/** Numbers nested as deep as the rank; a bare number is a scalar. */
export type Nested = number | readonly Nested[];

/** What every creating function takes. */
export interface TensorOptions {
  /** Element type. Default `'float32'`. */
  dtype?: DType;
  /** Whether `backward` leaves a gradient in this tensor. Default false. */
  requiresGrad?: boolean;
}

/**
 * A tensor from nested arrays. Throws a ShapeError for ragged arrays and a TypeError for anything but numbers.
 * @example
 * ```ts
 * tensor([[1, 2, 3], [4, 5, 6]]).shape; // [2, 3]
 * ```
 */
export function tensor(values: Nested, options: TensorOptions = {}): Tensor {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0] as Nested) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const data = allocate(options.dtype ?? 'float32', sizeOf(shape));
  let at = 0;
  const fill = (level: Nested, axis: number): void => {
    if (axis === shape.length) {
      if (typeof level !== 'number') {
        throw Array.isArray(level)
          ? new ShapeError(`tensor: rows must all have one length and depth, got a deeper row at element ${at}`)
          : new TypeError(`tensor: elements must be numbers, got ${typeof level}; convert with Number(...)`);
      }
      data[at++] = level;
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[axis]) {
      const came = Array.isArray(level) ? `length ${level.length}` : typeof level;
      throw new ShapeError(`tensor: rows at depth ${axis} must all have length ${shape[axis]}, got ${came}; pad the rows`);
    }
    for (const row of level as readonly Nested[]) fill(row, axis + 1);
  };
  fill(values, 0);
  return new Tensor(data, shape, options.requiresGrad);
}

/**
 * A tensor over numbers in row-major order. A Float32Array or Float64Array of the wanted dtype is used as it is, not
 * copied; without `dtype` a Float64Array gives float64 and all else float32.
 */
export function fromArray(values: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? (values instanceof Float64Array ? 'float64' : 'float32');
  const fits = dtype === 'float64' ? values instanceof Float64Array : values instanceof Float32Array;
  let data: FloatArray;
  if (fits) data = values as FloatArray;
  else {
    data = allocate(dtype, values.length);
    data.set(values);
  }
  return new Tensor(data, shape.slice(), options.requiresGrad);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  checkShape('zeros', shape);
  return new Tensor(allocate(options.dtype ?? 'float32', sizeOf(shape)), shape.slice(), options.requiresGrad);
}

/** A tensor with every element equal to `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const out = zeros(shape, options);
  out.data.fill(value);
  return out;
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/**
 * The numbers `start, start + step, …` below `stop` (above it for a negative step), as a vector.
 * @example
 * ```ts
 * toArray(arange(0, 5, 2)); // [0, 2, 4]
 * ```
 */
export function arange(start: number, stop: number, step = 1, options: TensorOptions = {}): Tensor {
  const count = Math.ceil((stop - start) / step);
  if (!Number.isFinite(count)) {
    throw new RangeError(`arange: start, stop and step must be finite and step not 0, got ${start}, ${stop}, ${step}`);
  }
  const out = zeros([Math.max(0, count)], options);
  for (let i = 0; i < out.data.length; i++) out.data[i] = start + i * step;
  return out;
}

/** A copy of `x` in its own memory, in another dtype if asked; not connected to the graph of `x`. */
export function copy(x: Tensor, options: TensorOptions = {}): Tensor {
  const out = zeros(x.shape, { dtype: x.dtype, ...options });
  out.data.set(x.data);
  return out;
}
