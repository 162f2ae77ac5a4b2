/**
 * Filter Response Normalization with the Thresholded Linear Unit.
 * S. Singh, S. Krishnan, Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
 * Neural Networks, CVPR 2020, arXiv 1911.09737.
 *
 *     nu2  = mean(x^2)                      over the spatial axes, of each sample and channel by itself, about zero
 *     e    = eps + |epsLearned|             without epsLearned: eps
 *     xHat = x / sqrt(nu2 + e)
 *     y    = xHat * weight + bias
 *     z    = max(y, tau)                    the TLU; without tau: y
 *
 * weight, bias and tau are per channel, epsLearned is one number. The TLU takes the place of a rectifier behind the
 * norm: z = relu(y - tau) + tau. At a tie, y = tau, the whole gradient goes to y, as in the paper's framework. Train and
 * eval are the same, and no sample knows of another.
 *
 * eps is as the paper's text has it, a constant that the learned part is added to, so that the sum is never 0; the
 * snippet in the paper, and the implementations after it, take the absolute value of one number alone. Where a channel
 * has a single position (fully connected layers, 1x1 maps) xHat is nearly the sign of x unless eps is learned.
 *
 * Without tau, weight and bias it is RMS norm over the spatial axes.
 */
import { abs } from '../autograd/abs.ts';
import { add } from '../autograd/add.ts';
import { equal } from '../autograd/compare.ts';
import { maximum } from '../autograd/maximum.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { where } from '../autograd/where.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { full, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkRank, spatialSize } from './_check.ts';

/** Options of `filterResponseNorm`. */
export interface FilterResponseNormOptions {
  /** The constant added to the mean square, under the root; finite, at least 0. Default 1e-6. */
  eps?: number;
}

/** `filterResponseNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function filterResponseNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  tau: Tensor | null = null,
  epsLearned: Tensor | null = null,
  options: FilterResponseNormOptions = {},
): Tensor {
  const { eps, axis } = check('filterResponseNormDefinition', x, weight, bias, tau, epsLearned, options);
  const rank = x.shape.length;
  const nu2 = mean(square(x), { axis, keepDims: true });
  const e = epsLearned ? add(abs(epsLearned), eps) : eps;
  const xHat = mul(x, rsqrt(add(nu2, e)));
  const y = scaleAndShift(xHat, perChannel(weight, rank), perChannel(bias, rank));
  const threshold = perChannel(tau, rank);
  // maximum divides the gradient at a tie; here it all goes to y
  return threshold ? where(equal(y, threshold), y, maximum(y, threshold)) : y;
}

/**
 * `z = max(x / sqrt(mean(x^2) + eps + |epsLearned|) * weight + bias, tau)`, with the mean square over the positions of
 * each sample and channel.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `weight`, `bias`, `tau`: `[C]` or null; `epsLearned`: `[1]` or null. Without
 * `tau` there is no threshold. Throws a ShapeError when shapes do not fit and a RangeError for a bad eps. Source:
 * arXiv 1911.09737.
 * @example
 * ```ts
 * const x = tensor([[[3, -3, 3], [1, 0, -7]]]);
 * toArray(filterResponseNorm(x, null, null, tensor([-0.5, 0]), null, { eps: 0 }));
 * // [[[1, -0.5, 1], [0.2449490, 0, 0]]]
 * ```
 */
export function filterResponseNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  tau: Tensor | null = null,
  epsLearned: Tensor | null = null,
  options: FilterResponseNormOptions = {},
): Tensor {
  const { eps, channels, length } = check('filterResponseNorm', x, weight, bias, tau, epsLearned, options);
  const e = epsLearned ? eps + Math.abs(epsLearned.data[0]!) : eps;
  const z = like(x);
  const rstd = new Float64Array(x.shape[0]! * channels);
  for (let s = 0, start = 0; s < rstd.length; s++, start += length) {
    const c = s % channels;
    const end = start + length;
    let q = 0;
    for (let i = start; i < end; i++) q += x.data[i]! * x.data[i]!;
    const r = 1 / Math.sqrt(q / length + e);
    const w = weight ? weight.data[c]! : 1;
    const b = bias ? bias.data[c]! : 0;
    const t = tau ? tau.data[c]! : -Infinity;
    rstd[s] = r;
    for (let i = start; i < end; i++) {
      const y = x.data[i]! * r * w + b;
      z.data[i] = passes(y, t) ? y : t;
    }
  }
  const inputs = [x, weight, bias, tau, epsLearned] as const;
  return record(filterResponseNormOp, inputs, { inputs, rstd, length, options }, z);
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null, Tensor | null, Tensor | null];
  readonly rstd: Float64Array;
  readonly length: number;
  readonly options: FilterResponseNormOptions;
}

const filterResponseNormOp: Op<Saved> = {
  name: 'filterResponseNorm',
  // g = dy where y >= tau, else 0;  dTau = sum of dy elsewhere;  dBias = sum g;  dWeight = sum g xHat
  // dx = r (gh - xHat p), gh = g weight, p = mean(gh xHat);  dEpsLearned = -sign(epsLearned) sum of m r^2 p / 2, m positions
  pullback(dy, { inputs: [x, weight, bias, tau, epsLearned], rstd, length }, needs) {
    const channels = x.shape[1]!;
    const dx = like(x);
    const dWeight = new Float64Array(channels);
    const dBias = new Float64Array(channels);
    const dTau = new Float64Array(channels);
    const dEps = new Float64Array(1);
    for (let s = 0, start = 0; s < rstd.length; s++, start += length) {
      const c = s % channels;
      const end = start + length;
      const r = rstd[s]!;
      const w = weight ? weight.data[c]! : 1;
      const b = bias ? bias.data[c]! : 0;
      const t = tau ? tau.data[c]! : -Infinity;
      let passed = 0;
      let projected = 0;
      let held = 0;
      // y is computed as in the forward, bit by bit: that is cheaper than keeping which side of tau it was on
      for (let i = start; i < end; i++) {
        const xHat = x.data[i]! * r;
        if (passes(xHat * w + b, t)) {
          passed += dy.data[i]!;
          projected += dy.data[i]! * xHat;
        } else held += dy.data[i]!;
      }
      dBias[c]! += passed;
      dWeight[c]! += projected;
      dTau[c]! += held;
      dEps[0]! -= (r * r * w * projected) / 2;
      const p = (w * projected) / length;
      for (let i = start; i < end; i++) {
        const xHat = x.data[i]! * r;
        const gh = passes(xHat * w + b, t) ? dy.data[i]! * w : 0;
        dx.data[i] = r * (gh - xHat * p);
      }
    }
    if (epsLearned) dEps[0]! *= Math.sign(epsLearned.data[0]!);
    const rest = [weight, bias, tau, epsLearned];
    const sums = [dWeight, dBias, dTau, dEps];
    return [dx, ...rest.map((v, i) => (needs[i + 1] ? new Tensor(rounded(sums[i]!, x.dtype), v!.shape) : null))];
  },
  definition: ([x, weight, bias, tau, epsLearned], { options }) =>
    filterResponseNormDefinition(x!, weight, bias, tau, epsLearned, options),
};

/**
 * Filter response norm with its parameters: `weight` (ones), `bias` (zeros) and `tau` (zeros), of shape
 * `[numFeatures]`, and on request `epsLearned`, of shape `[1]`.
 * @example
 * ```ts
 * const norm = new FilterResponseNorm(3, { learnableEps: true });
 * norm.forward(zeros([2, 3, 4, 4])).shape; // [2, 3, 4, 4]
 * Object.keys(norm.stateDict()); // ['weight', 'bias', 'tau', 'epsLearned']
 * ```
 */
export class FilterResponseNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly tau: Parameter | null;
  readonly epsLearned: Parameter | null;

  /** `learnableEps` (default false) makes epsLearned, which begins at 1e-4; `tlu` (default true) applies tau. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-6,
      learnableEps = false,
      tlu = true,
      dtype = 'float32',
    }: { eps?: number; learnableEps?: boolean; tlu?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkCount('FilterResponseNorm', 'numFeatures', numFeatures);
    checkEps('FilterResponseNorm', eps);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.weight = new Parameter(ones([numFeatures], { dtype }));
    this.bias = new Parameter(zeros([numFeatures], { dtype }));
    this.tau = tlu ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.epsLearned = learnableEps ? new Parameter(full([1], 1e-4, { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    checkChannels('FilterResponseNorm', x, this.numFeatures);
    return filterResponseNorm(x, this.weight, this.bias, this.tau, this.epsLearned, { eps: this.eps });
  }
}

/** Whether max(y, tau) is y: also at a tie, and where y is NaN. */
function passes(y: number, tau: number): boolean {
  return y >= tau || y !== y;
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  tau: Tensor | null,
  epsLearned: Tensor | null,
  { eps = 1e-6 }: FilterResponseNormOptions,
): { eps: number; axis: number[]; channels: number; length: number } {
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  checkEps(caller, eps);
  const channels = x.shape[1]!;
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  checkLike(caller, 'tau', tau, [channels], x);
  checkLike(caller, 'epsLearned', epsLearned, [1], x);
  return { eps, axis: x.shape.slice(2).map((_, i) => i + 2), channels, length: spatialSize(x) };
}
