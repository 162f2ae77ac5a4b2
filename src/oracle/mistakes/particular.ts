/** Mistakes of single norms: local response, filter response, sparsemax, spectral, weight norm. */
import type { View } from '../../norms/_moments.ts';
import { normsOf, slicesAlong } from '../../norms/_slices.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { type Answer, answer } from '../answer.ts';
import type { Case } from '../case.ts';
import { type Fits, mapped, type Mistake, of, replaced } from './mistake.ts';
import { channelOf } from './standardization.ts';
import { viewOf } from './views.ts';

/** Input, output and their gradients. */
interface At {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly dy: Tensor;
  readonly right: Tensor;
  readonly asked: Case;
}

/** A mistake in dx of a norm with one input and one output. */
function inGradient(name: string, says: string, fits: Fits, input: string, dx: (at: At) => Tensor): Mistake {
  return {
    name,
    says,
    fits,
    answer: (asked, right) =>
      replaced(right, ({ outputs, grads }, index) => {
        const { inputs, gradOutputs } = asked.calls[index]!;
        const [output] = Object.keys(outputs);
        const [dy, x] = [gradOutputs[output!], inputs[input]];
        if (!dy || !x || !grads[input] || dy.data.length !== x.data.length) return null;
        return { grads: { [input]: dx({ x, y: outputs[output!]!, dy, right: grads[input], asked }) } };
      }),
  };
}

const lrn: Fits = ({ entry }) => entry.slug === 'local-response';

/** dy s^(-beta): the local response with its divisor held. Where x is 0 the right gradient is that already. */
const held = ({ x, y, dy, right }: Omit<At, 'asked'>): Tensor =>
  mapped(right, (value, i) => (x.data[i] === 0 ? value : (dy.data[i]! * y.data[i]!) / x.data[i]!));

export const localResponse = (): readonly Mistake[] => [
  inGradient('cross-channel-term-missing', 'without the term of the other channels in dx', lrn, 'x', held),
  inGradient('cross-channel-term-halved', 'without the factor 2 of the derivative of the square in dx', lrn, 'x', (at) => {
    const first = held(at);
    return mapped(at.right, (value, i) => (value + first.data[i]!) / 2);
  }),
  inGradient('cross-channel-term-sign', 'with the other sign of the term of the other channels in dx', lrn, 'x', (at) => {
    const first = held(at);
    return mapped(at.right, (value, i) => 2 * first.data[i]! - value);
  }),
];

const frn: Fits = (asked) => of('filter-response')(asked) && Boolean(asked.params.tau);

/** What comes before the threshold, and tau of each element. */
function beforeThreshold(asked: Case): { open: Case; y: Float64Array[]; tau: (i: number) => number } {
  const { tau, ...params } = asked.params;
  const open = { ...asked, params };
  const x = asked.calls[0]!.inputs.x!;
  const [, channels] = x.shape as [number, number];
  const view = { outer: x.shape[0]!, channel: channels, inner: x.data.length / (x.shape[0]! * channels) };
  return { open, y: answer(open, 'definition').map(({ outputs }) => outputs.y!.data as Float64Array), tau: (i) => tau!.data[channelOf(view, i)]! };
}

/** Filter response with gradients that go by other shares: to y, and to tau. */
function shares(name: string, says: string, toY: (y: number, tau: number) => number, toTau: (y: number, tau: number) => number): Mistake {
  return {
    name,
    says,
    fits: frn,
    answer(asked, right) {
      const { open, y, tau } = beforeThreshold(asked);
      const [channels] = asked.params.tau!.shape as [number];
      return replaced(right, (_, index): Partial<Answer> => {
        const call = asked.calls[index]!;
        const dy = call.gradOutputs.y!;
        const inner = dy.data.length / (dy.shape[0]! * channels);
        const passed = mapped(dy, (g, i) => g * toY(y[index]![i]!, tau(i)));
        const { grads } = answer({ ...open, calls: [{ ...call, gradOutputs: { y: passed } }] }, 'definition')[0]!;
        const dTau = new Float64Array(channels);
        dy.data.forEach((g, i) => (dTau[Math.floor(i / inner) % channels]! += g * toTau(y[index]![i]!, tau(i))));
        return { grads: { ...grads, tau: new Tensor(dTau, [channels]) } };
      });
    },
  };
}

const when = (yes: boolean): number => (yes ? 1 : 0);

export const threshold = (): readonly Mistake[] => [
  shares('gradient-all-to-tau', 'with every gradient given to tau', () => 0, () => 1),
  shares('also-to-tau', 'with every gradient given to tau, besides what y gets', (y, tau) => when(y >= tau), () => 1),
  shares('tie-full-gradient', 'with a full gradient for both sides of a tie', (y, tau) => when(y >= tau), (y, tau) => when(y <= tau)),
  // before the next one: with a tau of 0 they are the same
  shares('tie-to-tau', 'with the gradient of a tie given to tau', (y, tau) => when(y > tau), (y, tau) => when(y <= tau)),
  shares('y-above-zero', 'with y > 0 in place of y > tau in the backward', (y) => when(y > 0), (y) => when(!(y > 0))),
];

const sparsemax: Fits = ({ entry }) => entry.slug === 'op-sparsemax';

/** A gradient of sparsemax from its slices: positions, and what is known of each. */
function slicewise(name: string, says: string, slice: (at: { y: number[]; dy: number[]; x: number[] }) => number[]): Mistake {
  return inGradient(name, says, sparsemax, 'x', ({ x, y, dy, asked }) => {
    const { axis = -1 } = asked.config as { axis?: number };
    const kept = (axis + x.shape.length) % x.shape.length;
    const extent = x.shape[kept]!;
    const inner = x.shape.slice(kept + 1).reduce((n, size) => n * size, 1);
    const out = new Float64Array(x.data.length);
    for (let start = 0; start < out.length; start++) {
      if (Math.floor(start / inner) % extent !== 0) continue;
      const places = Array.from({ length: extent }, (_, j) => start + j * inner);
      const of = ({ data }: Tensor): number[] => places.map((place) => data[place]!);
      slice({ x: of(x), y: of(y), dy: of(dy) }).forEach((value, j) => (out[places[j]!] = value));
    }
    return new Tensor(out, x.shape);
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const simplex = (): readonly Mistake[] => [
  slicewise('sparsemax-mean-over-all', 'with the sum over the support divided by the number of all elements', ({ y, dy }) => {
    const mean = sum(dy.filter((_, j) => y[j]! > 0)) / y.length;
    return dy.map((g, j) => (y[j]! > 0 ? g - mean : 0));
  }),
  slicewise('sparsemax-mean-of-all', 'with the mean of all of dy in place of that over the support', ({ y, dy }) => {
    const mean = sum(dy) / y.length;
    return dy.map((g, j) => (y[j]! > 0 ? g - mean : 0));
  }),
  slicewise('sparsemax-off-support', 'with a gradient off the support', ({ y, dy }) => {
    const support = dy.filter((_, j) => y[j]! > 0);
    return dy.map((g) => g - sum(support) / support.length);
  }),
  slicewise('sparsemax-mean-missing', 'without the mean over the support', ({ y, dy }) => dy.map((g, j) => (y[j]! > 0 ? g : 0))),
];

const spectral: Fits = (asked) => of('spectral')(asked) && asked.config.layer === undefined;

/** What the weight was divided by. */
function sigmaOf(x: Tensor, y: Tensor): number {
  let at = 0;
  x.data.forEach((value, i) => (at = Math.abs(value) > Math.abs(x.data[at]!) ? i : at));
  return x.data[at]! / y.data[at]!;
}

export const spectra = (): readonly Mistake[] => [
  inGradient('sigma-term-missing', 'without the term of sigma in dWeight', spectral, 'weight', ({ x, y, dy }) =>
    mapped(dy, (g) => g / sigmaOf(x, y)),
  ),
  inGradient('sigma-term-doubled', 'with the term of sigma counted twice in dWeight', spectral, 'weight', ({ x, y, dy, right }) =>
    mapped(right, (value, i) => 2 * value - dy.data[i]! / sigmaOf(x, y)),
  ),
  inGradient('sigma-not-divided', 'with dWeight not divided by sigma', spectral, 'weight', ({ x, y, right }) =>
    mapped(right, (value) => value * sigmaOf(x, y)),
  ),
];

/** The least divisor of weight norm, and the length of each slice. */
function lengthsOf({ config, calls }: Case): { view: View; length: (i: number) => number } {
  const { dim = 0, eps = 1e-12 } = config as { dim?: number | null; eps?: number };
  const v = calls[0]!.inputs.weightV!;
  const { view } = slicesAlong('weightNorm', v.shape, dim);
  const norms = normsOf(v.data, view);
  return { view, length: (i) => Math.max(eps, norms[channelOf(view, i)]!) };
}

/** Weight norm whose result is divided by the length once more. */
const squaredLength = (): Mistake => ({
  name: 'squared-length',
  says: 'with the squared length in the divisor of the result',
  fits: of('weight'),
  answer(asked, right) {
    const { length } = lengthsOf(asked);
    return replaced(right, ({ outputs: { weight } }) =>
      weight ? { outputs: { weight: mapped(weight, (w, i) => w / length(i)) } } : null);
  },
});

/** The same with its derivative; where no floor holds. */
const squaredLengthDifferentiated = (): Mistake => ({
  name: 'squared-length-differentiated',
  says: 'with the squared length in the divisor, and its derivative',
  fits: of('weight'),
  answer: (asked, right) =>
    replaced(squaredLength().answer(asked, right, []), ({ outputs }, index) => {
      const view = viewOf(asked, right, index);
      if (!view) return null;
      const { statistics } = view;
      const { length } = lengthsOf(asked);
      const sums = new Float64Array(statistics.channel);
      view.x.forEach((v, i) => (sums[channelOf(statistics, i)]! += (v * view.dy[i]!) / length(i) ** 2));
      const dx = view.x.map((v, i) => {
        const s = channelOf(statistics, i);
        return (view.weight![s]! * (view.dy[i]! - 2 * v * sums[s]!)) / length(i) ** 2;
      });
      return { outputs, grads: view.grads({ dx, dWeight: sums, dBias: sums }) };
    }),
});

export const lengths = (): readonly Mistake[] => [squaredLength(), squaredLengthDifferentiated()];
