/**
 * Spectral Normalization.
 * T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, Spectral Normalization for Generative Adversarial Networks, ICLR 2018,
 * arXiv 1802.05957.
 *
 *     M      = weight as a matrix, one row for each index of `dim`
 *     sigma  = largest singular value of M
 *     result = weight / sigma
 *
 * mode 'power', the published method, estimates sigma from two vectors that follow the singular ones from call to call:
 *
 *     train: v = M^T u / |M^T u|,  u = M v / |M v|        as often as nPowerIterations says
 *     sigma = u^T M v
 *
 * Evaluation uses the vectors as they are. They count as constants in the derivative, which is exact once they have
 * converged. mode 'svd' takes sigma from a decomposition: exact, without state, and slow for large weights.
 *
 * PyTorch's parametrization takes u before v; from one start the estimates differ until the vectors have converged. A
 * linear layer becomes 1-Lipschitz; a convolution does not, only up to the root of its kernel's size.
 */
import { div } from '../autograd/div.ts';
import { maxSingularValue } from '../autograd/max-singular-value.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { sum } from '../autograd/sum.ts';
import { Module } from '../nn/module.ts';
import { fromArray } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { bilinear } from '../tensor/power-iteration.ts';
import { Random } from '../tensor/random.ts';
import { item } from '../tensor/read.ts';
import { svd } from '../tensor/svd.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { matrixOf, weightOf } from './_matrix.ts';
import type { View } from './_moments.ts';
import {
  advance,
  checkPowerOptions,
  checkPowerState,
  checkWeight,
  doubleMatrix,
  newPowerState,
  type PowerOptions,
  type PowerState,
} from './_power.ts';
import { slicesAlong } from './_slices.ts';

/** Options of `spectralNorm`. */
export interface SpectralNormOptions extends PowerOptions {
  /** Move the vectors before they are used. Default true. */
  training?: boolean;
}

/** `spectralNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function spectralNormDefinition(weight: Tensor, state: PowerState | null = null, options: SpectralNormOptions = {}): Tensor {
  const { dim, eps, exact, m, h, w } = check('spectralNormDefinition', weight, state, options);
  const M = matrixOf('spectralNormDefinition', weight, dim);
  if (!exact && (options.training ?? true)) advance(state!, m, options.nPowerIterations ?? 1, eps);
  const E = exact ? null : outer(state!.u.data, state!.v.data, h, w, weight);
  const sigma = E ? sum(mul(M, E)) : maxSingularValue(M);
  return weightOf(div(M, Math.abs(item(sigma)) <= eps ? eps : sigma), weight.shape, dim);
}

/**
 * `weight / sigma`, sigma the largest singular value of the weight as a matrix, or its estimate `u^T M v`.
 *
 * `weight`: any rank from 1; `state`: `u` `[h]` and `v` `[w]` for mode 'power', moved by a training call; null for mode
 * 'svd'. A weight of zeros gives zeros and leaves the state alone. Throws a ShapeError when the state does not fit, a
 * TypeError when it is missing, and a RangeError for options out of range. Source: arXiv 1802.05957.
 * @example
 * ```ts
 * const weight = tensor([[3, 0], [0, 1]]);
 * toArray(spectralNorm(weight, null, { mode: 'svd' })); // [[1, 0], [0, 0.3333333]]
 * const state = { u: tensor([0.6, 0.8]), v: tensor([1, 0]) };
 * toArray(spectralNorm(weight, state)); // [[1.082503, 0], [0, 0.360834]]
 * ```
 */
export function spectralNorm(weight: Tensor, state: PowerState | null = null, options: SpectralNormOptions = {}): Tensor {
  const { dim, eps, exact, m, h, w } = check('spectralNorm', weight, state, options);
  let u: Float64Array;
  let v: Float64Array;
  let sigma: number;
  if (exact) {
    const found = svd(m, h, w);
    u = found.u.slice(0, h);
    v = found.v.slice(0, w);
    sigma = found.values[0]!;
  } else {
    if (options.training ?? true) advance(state!, m, options.nPowerIterations ?? 1, eps);
    // copies: another forward may move the vectors before this one goes backward
    u = Float64Array.from(state!.u.data);
    v = Float64Array.from(state!.v.data);
    sigma = bilinear(m, u, v);
  }
  const floored = Math.abs(sigma) <= eps;
  const divisor = floored ? eps : sigma;
  const result = like(weight);
  for (let i = 0; i < result.data.length; i++) result.data[i] = weight.data[i]! / divisor;
  const { view } = slicesAlong('spectralNorm', weight.shape, dim);
  const inputs = [weight] as const;
  return record(spectralNormOp, inputs, { inputs, u, v, divisor, floored, view, dim, eps, exact }, result);
}

interface Saved {
  readonly inputs: readonly [Tensor];
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly divisor: number;
  readonly floored: boolean;
  readonly view: View;
  readonly dim: number;
  readonly eps: number;
  readonly exact: boolean;
}

const spectralNormOp: Op<Saved> = {
  name: 'spectralNorm',
  // dWeight = (dy - <dy, result> u v^T) / sigma, u and v held;  dy / eps where the divisor is the constant eps
  pullback(dy, { inputs: [weight], u, v, divisor, floored, view }) {
    const dWeight = like(weight);
    let along = 0;
    if (!floored) for (let i = 0; i < dy.data.length; i++) along += dy.data[i]! * weight.data[i]!;
    along /= divisor;
    const { channel, inner } = view;
    for (let run = 0, i = 0; i < dy.data.length; run++) {
      const scale = floored ? 0 : along * u[run % channel]!;
      const column = Math.floor(run / channel) * inner;
      for (let j = 0; j < inner; j++, i++) dWeight.data[i] = (dy.data[i]! - scale * v[column + j]!) / divisor;
    }
    return [dWeight];
  },
  definition: ([weight], { u, v, dim, eps, exact }) => {
    const { dtype } = weight!;
    const held = exact ? null : { u: fromArray(u, [u.length], { dtype }), v: fromArray(v, [v.length], { dtype }) };
    return spectralNormDefinition(weight!, held, { dim, eps, mode: exact ? 'svd' : 'power', training: false });
  },
};

/** Options of the class. */
export interface SpectralNormModuleOptions extends PowerOptions {
  /** Steps of the power method when the module is put into a layer. Default 15. */
  warmupIterations?: number;
  /** Where the first vectors come from. Default: `new Random(0)`. */
  random?: Random;
}

/**
 * Spectral normalization of a layer's weight, to be put into the layer by `parametrize`. Each training forward of the
 * layer moves the vectors; evaluation leaves them.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(2, 2, { random: new Random(1) }), new SpectralNorm({ warmupIterations: 50 }));
 * const sigma = item(maxSingularValue(layer.eval().weight));
 * Math.abs(sigma - 1) < 1e-5; // true
 * ```
 */
export class SpectralNorm extends Module {
  readonly options: Readonly<SpectralNormModuleOptions>;
  /** null in mode 'svd', and until the module is put into a layer. */
  state: PowerState | null = null;

  constructor(options: SpectralNormModuleOptions = {}) {
    super();
    checkPowerOptions('SpectralNorm', options);
    const { warmupIterations = 15 } = options;
    if (!Number.isInteger(warmupIterations) || warmupIterations < 0) {
      throw new RangeError(`SpectralNorm: warmupIterations must be an integer of at least 0, got ${warmupIterations}`);
    }
    this.options = { ...options };
  }

  /** Makes the vectors for `weight`. */
  initialize(weight: Tensor): void {
    const { mode = 'power', dim = 0, eps = 1e-12, warmupIterations = 15, random = new Random(0) } = this.options;
    checkWeight('SpectralNorm', weight);
    this.state = mode === 'svd' ? null : newPowerState('SpectralNorm', weight, dim, random, warmupIterations, eps);
  }

  forward(weight: Tensor): Tensor {
    return spectralNorm(weight, this.state, { ...this.options, training: this.training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/** `u v^T` as a constant. */
function outer(u: ArrayLike<number>, v: ArrayLike<number>, h: number, w: number, like: Tensor): Tensor {
  const data = new Float64Array(h * w);
  for (let i = 0, at = 0; i < h; i++) for (let j = 0; j < w; j++) data[at++] = u[i]! * v[j]!;
  return fromArray(data, [h, w], { dtype: like.dtype });
}

function check(
  caller: string,
  weight: Tensor,
  state: PowerState | null,
  options: SpectralNormOptions,
): { dim: number; eps: number; exact: boolean; m: Float64Array; h: number; w: number } {
  const { dim = 0, eps = 1e-12, mode = 'power' } = options;
  checkPowerOptions(caller, options);
  checkWeight(caller, weight);
  const matrix = doubleMatrix(caller, weight, dim);
  if (mode === 'power') checkPowerState(caller, state, weight, matrix.h, matrix.w);
  return { dim, eps, exact: mode === 'svd', ...matrix };
}
