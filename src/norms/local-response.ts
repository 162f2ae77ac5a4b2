/**
 * Local Response Normalization.
 * A. Krizhevsky, I. Sutskever, G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012,
 * section 3.3; the window within a channel comes from cuda-convnet and Caffe.
 *
 *     a = alpha / size^d          d: the number of axes of the window; without divideBySize: a = alpha
 *     s = k + a * sum(x^2)        over the window of the position
 *     y = x * s^(-beta)
 *
 * The window of a position p runs from p - floor(size / 2) to p + floor((size - 1) / 2): along the channels, at one pixel
 * (`acrossChannels`, d = 1), or along every spatial axis at once, in one channel (`withinChannel`). It is cut at the
 * borders, where the sum is still divided by the full size. For an even size the odd one out stands in front, as in
 * PyTorch; ONNX has it behind.
 *
 * There are no parameters and no state; train and eval are the same. The paper does not divide by the size and has
 * k = 2: AlexNet is `{ size: 5, alpha: 1e-4, beta: 0.75, k: 2, divideBySize: false }`. Caffe always has k = 1 within a
 * channel. On activations of unit scale the default alpha leaves x almost as it is.
 *
 * With a window that takes in all, beta 1/2, no division and alpha one over the count, it is RMS norm over the channels,
 * or filter response norm without its affine step, with k as eps.
 */
import { add } from '../autograd/add.ts';
import { mul } from '../autograd/mul.ts';
import { pad } from '../autograd/pad.ts';
import { pow } from '../autograd/pow.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { slice } from '../autograd/slice.ts';
import { square } from '../autograd/square.ts';
import { Module } from '../nn/module.ts';
import { like } from '../tensor/like.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount, checkRank, spatialSize } from './_check.ts';
import { windowSums } from './_window-sum.ts';

/** Options of `localResponseNorm` and `LocalResponseNorm`. */
export interface LocalResponseNormOptions {
  /** Extent of the window, a positive integer; may exceed that of the axis. Default 5. */
  size?: number;
  /** Weight of the sum of squares; finite, at least 0. Default 1e-4. */
  alpha?: number;
  /** The exponent; finite, at least 0. Default 0.75. */
  beta?: number;
  /** Added to the weighted sum; finite, above 0. Default 1. */
  k?: number;
  /** Which way the window goes: along the channels, or along all spatial axes. Default `'acrossChannels'`. */
  normRegion?: 'acrossChannels' | 'withinChannel';
  /** Divide alpha by the number of positions of a full window, size or size^d. Default true; false is the paper's form. */
  divideBySize?: boolean;
}

/** `localResponseNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function localResponseNormDefinition(x: Tensor, options: LocalResponseNormOptions = {}): Tensor {
  const { window, a, beta, k } = check('localResponseNormDefinition', x, options);
  const s = add(mul(windowSum(square(x), window), a), k);
  return mul(x, pow(s, -beta));
}

/**
 * `y = x * (k + a * sum(x^2))^(-beta)`, with the sum over the window of each position and
 * `a = alpha / positions of a full window`, or alpha when `divideBySize` is false.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; within channels from `[N, C, L]` on. Throws a ShapeError for another rank and a
 * RangeError for options out of range. Source: NIPS 2012, section 3.3.
 * @example
 * ```ts
 * const x = tensor([[1, 2, 0, 3]]);
 * toArray(localResponseNorm(x, { size: 3, alpha: 3, beta: 0.5, k: 4 })); // [[0.3333333, 0.6666667, 0, 0.8320503]]
 * toArray(localResponseNorm(x, { size: 2, alpha: 1, beta: 1, divideBySize: false })); // [[0.5, 0.3333333, 0, 0.3]]
 * ```
 */
export function localResponseNorm(x: Tensor, options: LocalResponseNormOptions = {}): Tensor {
  const { window, a, beta, k } = check('localResponseNorm', x, options);
  const y = like(x);
  const s = new Float64Array(x.data.length);
  for (let i = 0; i < s.length; i++) s[i] = x.data[i]! * x.data[i]!;
  windowSums(s, window.grid, window.axes, window.before, window.after);
  for (let i = 0; i < s.length; i++) {
    s[i] = k + a * s[i]!;
    y.data[i] = x.data[i]! * inversePower(s[i]!, beta);
  }
  const inputs = [x] as const;
  return record(localResponseNormOp, inputs, { inputs, s, window, a, beta, options }, y);
}

interface Saved {
  readonly inputs: readonly [Tensor];
  /** In double: x^2 may be beyond the range of float32 where y is not. */
  readonly s: Float64Array;
  readonly window: Window;
  readonly a: number;
  readonly beta: number;
  readonly options: LocalResponseNormOptions;
}

const localResponseNormOp: Op<Saved> = {
  name: 'localResponseNorm',
  // dx[p] = dy[p] f[p] - 2 a beta x[p] sum of dy[q] x[q] f[q] / s[q] over the q whose window has p in it, f = s^(-beta)
  pullback(dy, { inputs: [x], s, window, a, beta }) {
    const dx = like(x);
    const shares = new Float64Array(s.length);
    for (let i = 0; i < s.length; i++) shares[i] = (dy.data[i]! * x.data[i]! * inversePower(s[i]!, beta)) / s[i]!;
    // p is in the window of q when q is in the window of p seen from the other side
    windowSums(shares, window.grid, window.axes, window.after, window.before);
    const scale = 2 * a * beta;
    for (let i = 0; i < s.length; i++) {
      dx.data[i] = dy.data[i]! * inversePower(s[i]!, beta) - scale * x.data[i]! * shares[i]!;
    }
    return [dx];
  },
  definition: ([x], { options }) => localResponseNormDefinition(x!, options),
};

/**
 * Local response norm as a module; it has neither parameters nor state.
 * @example
 * ```ts
 * const norm = new LocalResponseNorm({ size: 5, k: 2, divideBySize: false });
 * norm.forward(zeros([1, 8, 4, 4])).shape; // [1, 8, 4, 4]
 * ```
 */
export class LocalResponseNorm extends Module {
  readonly options: LocalResponseNormOptions;

  constructor(options: LocalResponseNormOptions = {}) {
    super();
    this.options = { ...options };
    checkOptions('LocalResponseNorm', this.options);
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.options);
  }
}

/** Where the window of an element lies: x read as `grid`, and along `axes` of it from `before` to `after` neighbours. */
interface Window {
  readonly grid: Shape;
  readonly axes: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** The sum over each window from primitives: along one axis after the other, `x` moved by each step and added up. */
function windowSum(x: Tensor, { grid, axes, before, after }: Window): Tensor {
  let total = reshape(x, grid);
  for (const axis of axes) {
    const count = grid[axis]!;
    const lead = Math.max(0, Math.min(before, count - 1));
    const trail = Math.max(0, Math.min(after, count - 1));
    const padded = pad(total, grid.map((_, at) => (at === axis ? [lead, trail] : [0, 0])));
    total = slice(padded, axis, 0, count);
    for (let step = 1; step <= lead + trail; step++) total = add(total, slice(padded, axis, step, step + count));
  }
  return reshape(total, x.shape);
}

/** `s^(-beta)`. Roots for the usual exponents: 18 ns against 100 by `Math.pow`, and the same bits in every engine. */
function inversePower(s: number, beta: number): number {
  if (beta === 0.75) {
    const root = Math.sqrt(s);
    return 1 / (root * Math.sqrt(root));
  }
  return beta === 0.5 ? 1 / Math.sqrt(s) : Math.pow(s, -beta);
}

function checkOptions(caller: string, options: LocalResponseNormOptions): Required<LocalResponseNormOptions> {
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 1, normRegion = 'acrossChannels', divideBySize = true } = options;
  checkCount(caller, 'size', size);
  for (const [name, value] of [['alpha', alpha], ['beta', beta]] as const) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new RangeError(`${caller}: ${name} must be finite and at least 0, got ${value}`);
    }
  }
  if (!(Number.isFinite(k) && k > 0)) {
    throw new RangeError(`${caller}: k must be finite and above 0, got ${k}; with 0 a window of zeros would give NaN`);
  }
  if (normRegion !== 'acrossChannels' && normRegion !== 'withinChannel') {
    throw new RangeError(`${caller}: normRegion must be 'acrossChannels' or 'withinChannel', got ${String(normRegion)}`);
  }
  return { size, alpha, beta, k, normRegion, divideBySize };
}

function check(
  caller: string,
  x: Tensor,
  options: LocalResponseNormOptions,
): { window: Window; a: number; beta: number; k: number } {
  const { size, alpha, beta, k, normRegion, divideBySize } = checkOptions(caller, options);
  const across = normRegion === 'acrossChannels';
  checkRank(caller, x, across ? 2 : 3, 5, across ? '[N, C, ...spatial]' : '[N, C, ...spatial] with a spatial axis');
  const [samples, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const grid = across ? [samples, channels, spatialSize(x)] : [samples * channels, ...spatial];
  const axes = across ? [1] : spatial.map((_, axis) => axis + 1);
  const a = divideBySize ? alpha / size ** axes.length : alpha;
  return { window: { grid, axes, before: Math.floor(size / 2), after: Math.floor((size - 1) / 2) }, a, beta, k };
}
