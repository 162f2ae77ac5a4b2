/**
 * The standardization over a view, written plainly, with a knob for each thing that one can get wrong in it:
 *
 *     y = (x - mean[s]) * rstd[s] * weight[a] + bias[a] + through * x        s, a: the channel of the element in either view
 *     dx = rstd (gh - mean(gh) - xHat mean(gh xHat)) + through * dy          gh = dy weight
 *     dWeight = sum dy xHat      dBias = sum dy
 *
 * Layer, batch, instance, group norm and many more are this with different views, about the mean or about zero. With all
 * knobs off it is the right answer; a test holds it to that for each of them.
 */
import type { View } from '../../norms/_moments.ts';

/** One standardization: its numbers, in the order of its views. */
export interface Standardization {
  readonly x: Float64Array;
  readonly dy: Float64Array;
  /** The view of mean and rstd. */
  readonly statistics: View;
  /** The view of weight and bias. */
  readonly affine: View;
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  readonly eps: number;
  /** eps is added to the deviation instead of the variance. */
  readonly outside?: boolean;
  /** About the mean, or about zero. */
  readonly centred: boolean;
  /** What the sum of squares is divided by, for n values. Default n. */
  readonly divisor?: (n: number) => number;
  /** Numbers that do not move with x. */
  readonly given?: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> } | null;
  /** How much of x is added to the result. Default 0. */
  readonly through?: number;
}

/** What is wrong. */
export interface Knobs {
  /** 1 over the deviation, in place of `1 / sqrt(variance + eps)`; the backward is then naive. */
  readonly rstd?: (variance: number, eps: number, n: number) => number;
  readonly divisor?: (n: number) => number;
  /** Mean and variance of each channel of the statistics view. */
  readonly moments?: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> };
  /** Whether mean and rstd count as moving with x. */
  readonly own?: boolean;
  /** The backward of the right formula, with the rstd of the wrong one. */
  readonly naive?: boolean;
  /** Factors of the two terms of dx, for n values. */
  readonly meanG?: (n: number) => number;
  readonly meanGx?: (n: number) => number;
  /** The means run over the whole tensor. */
  readonly whole?: boolean;
  /** The factor in front of dx. */
  readonly scale?: (rstd: number) => number;
  /** What stands for xHat in dx, in front of its mean and inside it, and in dWeight. */
  readonly front?: XHat;
  readonly inside?: XHat;
  readonly forWeight?: XHat;
  /** The weight of channel a in dx: on the first term, in mean(gh), in mean(gh xHat), and behind everything. */
  readonly weightFirst?: Weighting;
  readonly weightG?: Weighting;
  readonly weightGx?: Weighting;
  readonly weightAfter?: Weighting;
  /** Elements along a run of which only these count in the sums of the parameters: run index and number of runs. */
  readonly counts?: (run: number, runs: number) => boolean;
}

/** Everything an element's stand-in for xHat may be made of. */
export type XHat = (element: { readonly xHat: number; readonly centred: number; readonly y: number; readonly variance: number }) => number;

/** The weight that is used for channel a. */
export type Weighting = (weight: Float64Array, a: number) => number;

/** What comes of it. */
export interface Standardized {
  readonly y: Float64Array;
  readonly dx: Float64Array;
  readonly dWeight: Float64Array;
  readonly dBias: Float64Array;
}

const right: Weighting = (weight, a) => weight[a]!;
const one: Weighting = () => 1;
const hat: XHat = ({ xHat }) => xHat;

/** The channel of element i of a view. */
export function channelOf({ channel, inner }: View, i: number): number {
  return Math.floor(i / inner) % channel;
}

/** Mean and variance of each channel of the statistics view. */
export function momentsOf({ x, statistics, centred }: Standardization, divisor: (n: number) => number): { mean: Float64Array; variance: Float64Array } {
  const n = statistics.outer * statistics.inner;
  const mean = new Float64Array(statistics.channel);
  const variance = new Float64Array(statistics.channel);
  if (centred) {
    for (let i = 0; i < x.length; i++) mean[channelOf(statistics, i)]! += x[i]! / n;
    // what is left of the mean is the rounding of its sum
    const rest = new Float64Array(mean.length);
    for (let i = 0; i < x.length; i++) rest[channelOf(statistics, i)]! += (x[i]! - mean[channelOf(statistics, i)]!) / n;
    for (let s = 0; s < mean.length; s++) mean[s]! += rest[s]!;
  }
  for (let i = 0; i < x.length; i++) {
    const s = channelOf(statistics, i);
    variance[s]! += (x[i]! - mean[s]!) ** 2;
  }
  return { mean, variance: variance.map((squares) => squares / divisor(n)) };
}

/** Result and gradients of a standardization, with what the knobs get wrong. */
export function standardized(given: Standardization, knobs: Knobs = {}): Standardized {
  const { x, dy, statistics, affine, eps, outside = false, through = 0 } = given;
  const n = statistics.outer * statistics.inner;
  const divisor = knobs.divisor ?? given.divisor ?? ((count: number) => count);
  const own = knobs.own ?? !given.given;
  const { mean, variance } = knobs.moments ?? given.given ?? momentsOf(given, divisor);
  const deviation = (v: number): number => (outside ? Math.sqrt(v) + eps : Math.sqrt(v + eps));
  const rstd = Float64Array.from(variance, (v) => knobs.rstd?.(v, eps, n) ?? 1 / deviation(v));
  // how the deviation moves with x: n / (n - 1) of an unbiased variance, and what eps outside the root takes away
  const naive = knobs.naive ?? knobs.rstd !== undefined;
  const share = n / (naive ? (given.divisor ?? ((count: number) => count)) : divisor)(n);
  const follow = Float64Array.from(variance, (v) => {
    if (naive || !outside) return share;
    return v === 0 ? 0 : share * (deviation(v) / Math.sqrt(v));
  });
  const weight = given.weight ?? new Float64Array(affine.channel).fill(1);
  const bias = given.bias ?? new Float64Array(affine.channel);
  const { front = hat, inside = hat, forWeight = hat, weightFirst = right, weightG = right, weightGx = right, weightAfter = one } = knobs;
  const y = new Float64Array(x.length);
  const dWeight = new Float64Array(affine.channel);
  const dBias = new Float64Array(affine.channel);
  const sumG = new Float64Array(statistics.channel);
  const sumGx = new Float64Array(statistics.channel);
  const element = (i: number): { s: number; a: number } & Parameters<XHat>[0] => {
    const s = channelOf(statistics, i);
    const a = channelOf(affine, i);
    const centred = x[i]! - mean[s]!;
    const xHat = centred * rstd[s]!;
    return { s, a, centred, xHat, y: xHat * weight[a]! + bias[a]!, variance: variance[s]! };
  };
  const runs = affine.outer;
  for (let i = 0; i < x.length; i++) {
    const found = element(i);
    const { s, a } = found;
    y[i] = found.y + through * x[i]!;
    sumG[s]! += dy[i]! * weightG(weight, a);
    sumGx[s]! += dy[i]! * weightGx(weight, a) * inside(found);
    if (knobs.counts && !knobs.counts(Math.floor(i / (affine.channel * affine.inner)), runs)) continue;
    dBias[a]! += dy[i]!;
    dWeight[a]! += dy[i]! * forWeight(found);
  }
  const total = (sums: Float64Array): Float64Array => (knobs.whole ? sums.map(() => sums.reduce((t, v) => t + v, 0) / sums.length) : sums);
  const [g, gx] = [total(sumG), total(sumGx)];
  const { meanG = () => 1, meanGx = () => 1, scale = (r: number) => r } = knobs;
  const dx = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const found = element(i);
    const { s, a } = found;
    const first = dy[i]! * weightFirst(weight, a);
    const second = own && given.centred ? (g[s]! / n) * meanG(n) : 0;
    const third = own ? front(found) * (gx[s]! / n) * meanGx(n) * follow[s]! : 0;
    dx[i] = scale(rstd[s]!) * weightAfter(weight, a) * (first - second - third) + through * dy[i]!;
  }
  return { y, dx, dWeight, dBias };
}
