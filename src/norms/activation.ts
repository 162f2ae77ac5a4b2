/**
 * Activation Normalization (ActNorm).
 * D. P. Kingma, P. Dhariwal, Glow: Generative Flow with Invertible 1x1 Convolutions, NeurIPS 2018, arXiv 1807.03039.
 *
 *     y      = s * x + bias                  order 'scaleFirst', the paper's
 *     y      = (x + bias) * s                order 'biasFirst', that of the authors' code
 *     s      = weight                        parameterization 'scale'
 *     s      = exp(logscaleFactor * weight)  parameterization 'log'
 *     logdet = P * sum(log|s|)               P: the number of positions; one number, the same for every sample
 *
 * An affine step per channel that can be undone, whose parameters are set once from data: the first training call finds
 * mean and standard deviation of each channel, over batch and space, and chooses s and bias so that its result has mean
 * 0 and standard deviation initScale (all but eps, which stands outside the root):
 *
 *     s = initScale / (std + eps),   bias = -mean * s  ('scaleFirst')  or  -mean  ('biasFirst')
 *
 * From then on s and bias are ordinary parameters, and no sample knows of another. The statistics are not part of the
 * graph, in the first call either. Evaluation and the inverse never set anything: before the first training call they
 * use the parameters as they are.
 *
 * After initialization it equals batch norm in evaluation, with the running variance (std + eps)^2 and eps 0.
 */
import { abs } from '../autograd/abs.ts';
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { exp } from '../autograd/exp.ts';
import { log } from '../autograd/log.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { neg } from '../autograd/neg.ts';
import { noGrad, type Op, recordAll } from '../autograd/record.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { full, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { type ActNormOptions, type ActNormState, checkActNorm, checkActNormOptions, checkInvertible, initialize, type Layout } from './_act.ts';
import { perChannel } from './_affine.ts';
import { checkChannels, checkCount } from './_check.ts';
import { moments } from './_moments.ts';

export type { ActNormOptions, ActNormState } from './_act.ts';

/** What `actNorm` gives: the result and the log-determinant of one sample's Jacobian, a scalar. */
export interface ActNormOutput {
  readonly y: Tensor;
  readonly logdet: Tensor;
}

/** What `actNormInverse` gives; its `logdet` is that of the inverse, the negative of the forward one. */
export interface ActNormInverseOutput {
  readonly x: Tensor;
  readonly logdet: Tensor;
}

/** A fresh state: not initialized. */
export function actNormState({ dtype = 'float32' }: TensorOptions = {}): ActNormState {
  return { initialized: zeros([], { dtype }) };
}

/** `actNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function actNormDefinition(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState | null = null,
  options: ActNormOptions = {},
): ActNormOutput {
  const layout = checkActNorm('actNormDefinition', x, weight, bias, state, options);
  if (layout.first) initialize('actNormDefinition', weight, bias, state!, layout, noGrad(() => initialDefinition(x, layout)));
  const s = perChannel(scaleDefinition(weight, layout), x.shape.length);
  const b = perChannel(bias, x.shape.length);
  const y = layout.scaleFirst ? add(mul(x, s), b) : mul(add(x, b), s);
  return { y, logdet: logdetDefinition(weight, layout) };
}

/** `actNormInverse` composed from primitives. */
export function actNormInverseDefinition(
  y: Tensor,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState | null = null,
  options: ActNormOptions = {},
): ActNormInverseOutput {
  const layout = checkActNorm('actNormInverseDefinition', y, weight, bias, state, { ...options, training: false });
  const scale = scaleDefinition(weight, layout);
  checkInvertible('actNormInverseDefinition', scale.data);
  const s = perChannel(scale, y.shape.length);
  const b = perChannel(bias, y.shape.length);
  const x = layout.scaleFirst ? div(sub(y, b), s) : sub(div(y, s), b);
  return { x, logdet: neg(logdetDefinition(weight, layout)) };
}

function scaleDefinition(weight: Tensor, { factor }: Layout): Tensor {
  return factor === null ? weight : exp(mul(weight, factor));
}

function logdetDefinition(weight: Tensor, { factor, positions }: Layout): Tensor {
  return mul(factor === null ? sum(log(abs(weight))) : mul(sum(weight), factor), positions);
}

function initialDefinition(x: Tensor, layout: Layout) {
  const { axis, unbiased, initScale, eps, factor, scaleFirst } = layout;
  const std = sqrt(variance(x, { axis, unbiased }));
  const s = div(initScale, add(std, eps));
  const weight = factor === null ? s : div(log(s), factor);
  const mu = mean(x, { axis });
  const bias = neg(scaleFirst ? mul(mu, scaleDefinition(weight, layout)) : mu);
  return { weight, bias, std: std.data };
}

/**
 * `y = s * x + bias` per channel, and `logdet = P * sum(log|s|)`. A training call on a state that is not initialized
 * first sets `weight` and `bias` from x, outside the graph, and the state to 1; no other call sets anything.
 *
 * `x`: `[N, C, ...spatial]` with P positions, not empty; `weight` (s, or its logarithm by `parameterization`) and
 * `bias`: `[C]`. Without a state nothing is ever set. Throws a ShapeError when shapes do not fit or there are too few
 * values to initialize from, and a RangeError for a bad option or a first batch whose statistics are not finite; then
 * nothing has changed. Source: arXiv 1807.03039.
 * @example
 * ```ts
 * const weight = ones([1]), bias = zeros([1]), state = actNormState();
 * const { y, logdet } = actNorm(tensor([[[1, 3]], [[5, 7]]]), weight, bias, state, { eps: 0 });
 * toArray(y); // [[[-1.3416407, -0.4472136]], [[0.4472136, 1.3416407]]]
 * item(logdet); // -1.6094379
 * toArray(weight); // [0.4472136]
 * ```
 */
export function actNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState | null = null,
  options: ActNormOptions = {},
): ActNormOutput {
  const layout = checkActNorm('actNorm', x, weight, bias, state, options);
  if (layout.first) initialize('actNorm', weight, bias, state!, layout, initial(x, layout));
  const [y, logdet] = run(x, weight, bias, layout, options, false);
  return { y, logdet };
}

/**
 * Undoes `actNorm`: `x = (y - bias) / s`, or `y / s - bias` for the order 'biasFirst', and `logdet = -P * sum(log|s|)`.
 *
 * Takes what `actNorm` takes, y in place of x; the state is not changed. Throws as it does, and a RangeError where s is
 * 0. Source: arXiv 1807.03039.
 * @example
 * ```ts
 * const { x, logdet } = actNormInverse(tensor([[7, -3]]), tensor([2, -0.5]), tensor([1, -1]));
 * toArray(x); // [[3, 4]]
 * item(logdet); // 0
 * ```
 */
export function actNormInverse(
  y: Tensor,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState | null = null,
  options: ActNormOptions = {},
): ActNormInverseOutput {
  const layout = checkActNorm('actNormInverse', y, weight, bias, state, { ...options, training: false });
  const [x, logdet] = run(y, weight, bias, layout, options, true);
  return { x, logdet };
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor, Tensor];
  readonly scale: Float64Array;
  readonly layout: Layout;
  readonly options: ActNormOptions;
  readonly inverse: boolean;
}

function run(x: Tensor, weight: Tensor, bias: Tensor, layout: Layout, options: ActNormOptions, inverse: boolean): [Tensor, Tensor] {
  const { channels, positions, scaleFirst, factor } = layout;
  const scale = new Float64Array(channels);
  let logs = 0;
  for (let c = 0; c < channels; c++) {
    const w = weight.data[c]!;
    scale[c] = factor === null ? w : Math.exp(factor * w);
    logs += factor === null ? Math.log(Math.abs(w)) : factor * w;
  }
  if (inverse) checkInvertible('actNormInverse', scale);
  const out = like(x);
  for (let start = 0, slice = 0; start < x.data.length; start += positions, slice++) {
    const c = slice % channels;
    const s = scale[c]!;
    const before = scaleFirst ? 0 : bias.data[c]!;
    const after = scaleFirst ? bias.data[c]! : 0;
    const end = start + positions;
    if (inverse) for (let i = start; i < end; i++) out.data[i] = (x.data[i]! - after) / s - before;
    else for (let i = start; i < end; i++) out.data[i] = (x.data[i]! + before) * s + after;
  }
  const logdet = full([], (inverse ? -positions : positions) * logs, { dtype: x.dtype });
  const inputs = [x, weight, bias] as const;
  recordAll(actNormOp, inputs, { inputs, scale, layout, options, inverse }, [out, logdet]);
  return [out, logdet];
}

const actNormOp: Op<Saved> = {
  name: 'actNorm',
  // dx = s dy;  dBias = sum dy ('scaleFirst') or s sum dy;  dS = sum dy (x + before) + dLogdet P / s
  // inverse: dy = dx / s;  dBias = -sum dx / s ('scaleFirst') or -sum dx;  dS = -sum dx (y - after) / s^2 - dLogdet P / s
  // with before, after = 0, bias ('scaleFirst') or bias, 0;  'log': dWeight = logscaleFactor s dS, else dS
  pullback(dy, { inputs: [x, weight, bias], scale, layout, inverse }, needs, [, dLogdet]) {
    const { channels, positions, scaleFirst, factor } = layout;
    const dx = like(x);
    const total = new Float64Array(channels);
    const moment = new Float64Array(channels);
    for (let start = 0, slice = 0; start < x.data.length; start += positions, slice++) {
      const c = slice % channels;
      const s = scale[c]!;
      const shift = scaleFirst === inverse ? (inverse ? -bias.data[c]! : bias.data[c]!) : 0;
      let g = 0;
      let p = 0;
      for (let i = start; i < start + positions; i++) {
        const u = dy.data[i]!;
        g += u;
        p += u * (x.data[i]! + shift);
        dx.data[i] = inverse ? u / s : u * s;
      }
      total[c]! += g;
      moment[c]! += p;
    }
    const volume = (inverse ? -positions : positions) * dLogdet!.data[0]!;
    for (let c = 0; c < channels; c++) {
      const s = scale[c]!;
      const dS = inverse ? -moment[c]! / (s * s) : moment[c]!;
      // at a scale of 0 logdet is -Infinity, with a slope of neither sign
      moment[c] = factor === null ? dS + (s === 0 ? 0 : volume / s) : factor * (s * dS + volume);
      if (inverse) total[c]! *= scaleFirst ? -1 / s : -1;
      else if (!scaleFirst) total[c]! *= s;
    }
    return [
      dx,
      needs[1] ? new Tensor(rounded(moment, x.dtype), weight.shape) : null,
      needs[2] ? new Tensor(rounded(total, x.dtype), bias.shape) : null,
    ];
  },
  definition([x, weight, bias], { options, inverse }) {
    if (!inverse) return Object.values(actNormDefinition(x!, weight!, bias!, null, options)) as Tensor[];
    return Object.values(actNormInverseDefinition(x!, weight!, bias!, null, options)) as Tensor[];
  },
};

/** The first values of weight and bias, from the statistics of x, and the standard deviations they were made of. */
function initial(x: Tensor, { view, unbiased, initScale, eps, factor, scaleFirst }: Layout) {
  const { mean: mu, variance: v } = moments(x.data, view);
  const count = view.outer * view.inner;
  const std = v.map((value) => Math.sqrt(unbiased ? value * (count / (count - 1)) : value));
  const scale = std.map((value) => initScale / (value + eps));
  const weight = rounded(factor === null ? scale : scale.map((s) => Math.log(s) / factor), x.dtype);
  // the bias belongs to the scale as it is after rounding: with that of before, a large mean would not be taken out
  const bias = mu.map((value, c) => -value * (!scaleFirst ? 1 : factor === null ? weight[c]! : Math.exp(factor * weight[c]!)));
  return { weight: new Tensor(weight, [view.channel]), bias: new Tensor(rounded(bias, x.dtype), [view.channel]), std };
}

/**
 * ActNorm with its parameters: `weight` (ones) or, for the parameterization 'log', `logs` (zeros), and `bias` (zeros), of
 * shape `[numFeatures]`. Its first training call sets them. Whether they are set is the buffer `initialized`, which is
 * saved and loaded with them.
 * @example
 * ```ts
 * const norm = new ActNorm(2);
 * const y = norm.forward(tensor([[1, 10], [3, 50]]));
 * toArray(y); // [[-0.999999, -1], [0.999999, 1]]
 * toArray(norm.inverse(y).x); // [[1, 10], [3, 50]]
 * ```
 */
export class ActNorm extends Module {
  readonly numFeatures: number;
  readonly options: Readonly<Omit<ActNormOptions, 'training'>>;
  readonly weight: Parameter | null;
  readonly logs: Parameter | null;
  readonly bias: Parameter;
  readonly state: ActNormState;

  constructor(numFeatures: number, { dtype = 'float32', ...options }: Omit<ActNormOptions, 'training'> & { dtype?: TensorOptions['dtype'] } = {}) {
    super();
    checkCount('ActNorm', 'numFeatures', numFeatures);
    checkActNormOptions('ActNorm', options);
    this.numFeatures = numFeatures;
    this.options = options;
    const inLogs = options.parameterization === 'log';
    this.weight = inLogs ? null : new Parameter(ones([numFeatures], { dtype }));
    this.logs = inLogs ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.bias = new Parameter(zeros([numFeatures], { dtype }));
    this.state = actNormState({ dtype });
  }

  forward(x: Tensor): Tensor {
    return this.forwardWithLogdet(x).y;
  }

  /** The result and its log-determinant, which a flow adds up. */
  forwardWithLogdet(x: Tensor): ActNormOutput {
    checkChannels('ActNorm', x, this.numFeatures);
    const { options, training } = this;
    return actNorm(x, (this.weight ?? this.logs)!, this.bias, this.state, { ...options, training });
  }

  /** The input that gives y, and the log-determinant of the inverse. */
  inverse(y: Tensor): ActNormInverseOutput {
    checkChannels('ActNorm', y, this.numFeatures);
    return actNormInverse(y, (this.weight ?? this.logs)!, this.bias, this.state, this.options);
  }

  /** Sets the parameters by hand, weight being `weight` or `logs`: the next training call leaves them alone. */
  setParameters(weight: Tensor, bias: Tensor): void {
    this.loadStateDict({ [this.weight ? 'weight' : 'logs']: weight, bias, initialized: ones([]) });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}
