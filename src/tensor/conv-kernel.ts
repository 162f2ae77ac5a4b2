/**
 * The three directions of a convolution, over any number of spatial axes, as products of matrices.
 *
 * A sample is copied into a padded array; element (tap, position) of the matrix of all windows then lies at
 * `taps[tap] + positions[position]`, where a tap is a place in the kernel and a position is a place in the output. The
 * matrix itself is never built: the product of matrices is given the two lists.
 */
import type { ConvShape } from './conv-shape.ts';
import type { FloatArray } from './dtype.ts';
import { addProduct, doubles } from './matmul-kernel.ts';
import { offsets } from './offsets.ts';
import { sizeOf, stridesOf } from './shape.ts';

/** Where things lie in one padded sample. */
interface Layout {
  readonly padded: Float64Array;
  /** distance between two groups of input channels */
  readonly groupSize: number;
  readonly taps: Int32Array;
  readonly positions: Int32Array;
  /** where each row of the last axis of a sample begins, over all its channels */
  readonly rows: Int32Array;
  readonly rowLength: number;
}

function layoutOf({ input, kernel, stride, padding, dilation, output, inChannels, groups }: ConvShape): Layout {
  const extents = input.map((extent, axis) => extent + 2 * padding[axis]!);
  const steps = stridesOf(extents);
  const plane = sizeOf(extents);
  const channels = inChannels / groups;
  const rows = offsets([inChannels, ...input.slice(0, -1)], [plane, ...steps.slice(0, -1)]);
  let corner = 0;
  for (let axis = 0; axis < steps.length; axis++) corner += padding[axis]! * steps[axis]!;
  for (let i = 0; i < rows.length; i++) rows[i]! += corner;
  return {
    padded: new Float64Array(inChannels * plane),
    groupSize: channels * plane,
    taps: offsets([channels, ...kernel], [plane, ...steps.map((step, axis) => step * dilation[axis]!)]),
    positions: offsets(
      output,
      steps.map((step, axis) => step * stride[axis]!),
    ),
    rows,
    rowLength: input[input.length - 1]!,
  };
}

/** Copies the sample of `x` that begins at `start` into the padded array, whose border stays zero. */
function readSample({ padded, rows, rowLength }: Layout, x: FloatArray, start: number): void {
  let at = start;
  for (let row = 0; row < rows.length; row++) {
    const to = rows[row]!;
    for (let i = 0; i < rowLength; i++) padded[to + i] = x[at++]!;
  }
}

/** Copies the padded array without its border to the sample of `x` that begins at `start`. */
function writeSample({ padded, rows, rowLength }: Layout, x: FloatArray, start: number): void {
  let to = start;
  for (let row = 0; row < rows.length; row++) {
    const at = rows[row]!;
    for (let i = 0; i < rowLength; i++) x[to++] = padded[at + i]!;
  }
}

/** `y[o, position] = bias[o] + sum over taps of weight[o, tap] * window[tap, position]` for each sample and group. */
export function convKernel(y: FloatArray, x: FloatArray, weight: FloatArray, bias: FloatArray | null, shape: ConvShape): void {
  const layout = layoutOf(shape);
  const { padded, groupSize, taps, positions } = layout;
  const { batch, groups } = shape;
  const channels = shape.outChannels / groups;
  const sampleSize = shape.inChannels * sizeOf(shape.input);
  const weights = doubles(weight);
  const filterSize = channels * taps.length;
  const product = new Float64Array(channels * positions.length);
  for (let n = 0; n < batch; n++) {
    readSample(layout, x, n * sampleSize);
    for (let g = 0; g < groups; g++) {
      if (bias) {
        for (let o = 0; o < channels; o++) {
          product.fill(bias[g * channels + o]!, o * positions.length, (o + 1) * positions.length);
        }
      } else product.fill(0);
      const filters = weights.subarray(g * filterSize, (g + 1) * filterSize);
      addProduct(product, filters, padded, taps, positions, g * groupSize);
      y.set(product, (n * groups + g) * product.length);
    }
  }
}

/** `dWeight[o, tap] = sum over samples and positions of dy[o, position] * window[tap, position]` for each group. */
export function convWeightKernel(dWeight: FloatArray, x: FloatArray, dy: FloatArray, shape: ConvShape): void {
  const layout = layoutOf(shape);
  const { padded, groupSize, taps, positions } = layout;
  const { batch, groups } = shape;
  const channels = shape.outChannels / groups;
  const sampleSize = shape.inChannels * sizeOf(shape.input);
  const gradients = doubles(dy);
  const size = channels * positions.length;
  const filterSize = channels * taps.length;
  const total = new Float64Array(dWeight.length);
  for (let n = 0; n < batch; n++) {
    readSample(layout, x, n * sampleSize);
    for (let g = 0; g < groups; g++) {
      const from = (n * groups + g) * size;
      const filters = total.subarray(g * filterSize, (g + 1) * filterSize);
      addProduct(filters, gradients.subarray(from, from + size), padded, positions, taps, g * groupSize);
    }
  }
  dWeight.set(total);
}

/**
 * `dWindow[tap, position] = sum over o of weight[o, tap] * dy[o, position]` for each sample and group, where the
 * elements of dWindow that are one element of the input are summed into dx.
 */
export function convInputKernel(dx: FloatArray, dy: FloatArray, weight: FloatArray, shape: ConvShape): void {
  const layout = layoutOf(shape);
  const { padded, groupSize, taps, positions } = layout;
  const { batch, groups } = shape;
  const channels = shape.outChannels / groups;
  const sampleSize = shape.inChannels * sizeOf(shape.input);
  const gradients = doubles(dy);
  const size = channels * positions.length;
  const filters = transposed(weight, groups, channels, taps.length);
  const filterSize = channels * taps.length;
  const channelRows = offsets([channels], [positions.length]);
  const columns = offsets([positions.length], [1]);
  const windows = new Float64Array(taps.length * positions.length);
  for (let n = 0; n < batch; n++) {
    padded.fill(0);
    for (let g = 0; g < groups; g++) {
      windows.fill(0);
      const filter = filters.subarray(g * filterSize, (g + 1) * filterSize);
      addProduct(windows, filter, gradients, channelRows, columns, (n * groups + g) * size);
      addWindows(padded, windows, taps, positions, g * groupSize);
    }
    writeSample(layout, dx, n * sampleSize);
  }
}

function addWindows(
  padded: Float64Array,
  windows: Float64Array,
  taps: Int32Array,
  positions: Int32Array,
  start: number,
): void {
  let at = 0;
  for (let tap = 0; tap < taps.length; tap++) {
    const corner = start + taps[tap]!;
    for (let i = 0; i < positions.length; i++) padded[corner + positions[i]!]! += windows[at++]!;
  }
}

/** Each group's matrix of `height` rows, transposed. */
function transposed(data: FloatArray, groups: number, height: number, width: number): Float64Array {
  const out = new Float64Array(data.length);
  for (let g = 0; g < groups; g++) {
    const start = g * height * width;
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) out[start + j * height + i] = data[start + i * width + j]!;
    }
  }
  return out;
}
