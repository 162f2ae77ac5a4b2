/** Options, state and checks of ActNorm, and how its parameters are set from the first batch. */
import { assign } from '../tensor/assign.ts';
import { ones } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import type { View } from './_moments.ts';

/** What ActNorm carries from one call to the next, beside its parameters. */
export interface ActNormState {
  /** Whether the parameters have been set, 0 or 1, a scalar. */
  readonly initialized: Tensor;
}

/** Options of `actNorm`. */
export interface ActNormOptions {
  /** `'scaleFirst'` is `y = s * x + bias`, `'biasFirst'` is `y = (x + bias) * s`. Default `'scaleFirst'`. */
  order?: 'scaleFirst' | 'biasFirst';
  /** Whether weight is s itself or a logarithm of it, which keeps s positive. Default `'scale'`. */
  parameterization?: 'scale' | 'log';
  /** With `'log'`: `s = exp(logscaleFactor * weight)`; finite, above 0. Glow's code has 3. Default 1. */
  logscaleFactor?: number;
  /** Standard deviation of the result of the first batch; finite, above 0. Default 1. */
  initScale?: number;
  /** Added to the standard deviation of the first batch, outside the root; finite, at least 0. Default 1e-6. */
  eps?: number;
  /** Divide the variance of the first batch by one less than the count. Default false. */
  unbiased?: boolean;
  /** Set the parameters from x if the state says that they have not been. Default true. */
  training?: boolean;
  /** Called with a sentence when a constant channel is initialized, or when parameters are used that nothing has set. */
  warn?: (message: string) => void;
}

/** A checked call: its options, and how x is laid out. */
export interface Layout {
  readonly scaleFirst: boolean;
  /** The logscaleFactor; null for the parameterization 'scale'. */
  readonly factor: number | null;
  readonly initScale: number;
  readonly eps: number;
  readonly unbiased: boolean;
  readonly warn: (message: string) => void;
  readonly channels: number;
  readonly positions: number;
  readonly view: View;
  /** All axes but that of the channels. */
  readonly axis: readonly number[];
  /** Whether this call sets the parameters. */
  readonly first: boolean;
}

/** Throws a RangeError unless the options are legal. */
export function checkActNormOptions(
  caller: string,
  { order = 'scaleFirst', parameterization = 'scale', logscaleFactor = 1, initScale = 1, eps = 1e-6 }: ActNormOptions,
): void {
  checkChoice(caller, 'order', order, ['scaleFirst', 'biasFirst']);
  checkChoice(caller, 'parameterization', parameterization, ['scale', 'log']);
  checkPositive(caller, 'logscaleFactor', logscaleFactor);
  checkPositive(caller, 'initScale', initScale);
  checkEps(caller, eps);
}

/** Throws unless a call is legal; changes nothing. */
export function checkActNorm(
  caller: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState | null,
  options: ActNormOptions,
): Layout {
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  checkActNormOptions(caller, options);
  const { order, parameterization, logscaleFactor = 1, initScale = 1, eps = 1e-6, unbiased = false, training = true } = options;
  const warn = options.warn ?? (() => {});
  const channels = x.shape[1]!;
  const positions = spatialSize(x);
  const view = { outer: x.shape[0]!, channel: channels, inner: positions };
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  if (state) checkLike(caller, 'initialized', state.initialized, [], x);
  const isSet = !state || state.initialized.data[0] !== 0;
  const first = training && !isSet;
  const count = view.outer * positions;
  if (count === 0 || (first && unbiased && count === 1)) {
    throw new ShapeError(
      `${caller}: a channel must have a value, and two for the unbiased variance of the first batch, got x of shape ` +
        `${showShape(x.shape)}; use a larger batch`,
    );
  }
  if (!isSet && !training) warn(`${caller}: the parameters have not been set; call it on a batch in training first`);
  return {
    scaleFirst: order !== 'biasFirst',
    factor: parameterization === 'log' ? logscaleFactor : null,
    initScale,
    eps,
    unbiased,
    warn,
    channels,
    positions,
    view,
    axis: x.shape.map((_, i) => i).filter((i) => i !== 1),
    first,
  };
}

/** Sets weight, bias and state to the values found for the first batch. Throws when one is not finite: then nothing is set. */
export function initialize(
  caller: string,
  weight: Tensor,
  bias: Tensor,
  state: ActNormState,
  { channels, warn }: Layout,
  found: { readonly weight: Tensor; readonly bias: Tensor; readonly std: ArrayLike<number> },
): void {
  for (let c = 0; c < channels; c++) {
    const values = [found.weight.data[c]!, found.bias.data[c]!];
    if (!values.every(Number.isFinite)) {
      throw new RangeError(
        `${caller}: the first batch must give finite parameters, got weight ${values[0]} and bias ${values[1]} at channel ` +
          `${c}; leave out NaN and infinity, and have eps above 0 where a channel is constant`,
      );
    }
    if (found.std[c] === 0) warn(`${caller}: channel ${c} of the first batch is constant, so that its scale is initScale / eps`);
  }
  assign(weight, found.weight);
  assign(bias, found.bias);
  assign(state.initialized, ones([]));
}

/** Throws a RangeError where a scale is 0. */
export function checkInvertible(caller: string, scale: ArrayLike<number>): void {
  for (let c = 0; c < scale.length; c++) {
    if (scale[c] === 0) {
      throw new RangeError(`${caller}: every scale must differ from 0 to be undone, got 0 at channel ${c}; use the parameterization 'log'`);
    }
  }
}

function checkChoice(caller: string, name: string, value: string, legal: readonly string[]): void {
  if (!legal.includes(value)) {
    throw new RangeError(`${caller}: ${name} must be one of ${legal.map((choice) => `'${choice}'`).join(', ')}, got '${value}'`);
  }
}

function checkPositive(caller: string, name: string, value: number): void {
  if (!(typeof value === 'number' && value > 0 && value < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be finite and above 0, got ${value}; 1 is the default`);
  }
}
