/** Mistakes in the backward of a standardization: its knobs, one by one. */
import type { Answer } from '../answer.ts';
import { type Mistake, replaced } from './mistake.ts';
import { type Knobs, type Standardization, standardized, type Weighting } from './standardization.ts';
import { isViewed, viewOf } from './views.ts';

const fits: Mistake['fits'] = ({ entry }) => isViewed(entry.slug);

/** A mistake in the gradients alone. */
function backward(name: string, says: string, knobs: Knobs | ((view: Standardization) => Knobs)): Mistake {
  return {
    name,
    says,
    fits,
    answer: (asked, right) =>
      replaced(right, (_, index) => {
        const view = viewOf(asked, right, index);
        return view && { grads: view.grads(standardized(view, typeof knobs === 'function' ? knobs(view) : knobs)) };
      }),
  };
}

/** A mistake in the result and in the gradients; `change` gives another standardization, or null for one that it leaves alone. */
export function bothWays(
  name: string,
  says: string,
  knobs: Knobs | ((view: Standardization) => Knobs),
  change: (view: Standardization) => Partial<Standardization> | null = () => ({}),
): Mistake {
  return {
    name,
    says,
    fits,
    answer: (asked, right) =>
      replaced(right, (_, index): Partial<Answer> | null => {
        const view = viewOf(asked, right, index);
        const other = view && change(view);
        if (!view || !other) return null;
        const found = standardized({ ...view, ...other }, typeof knobs === 'function' ? knobs(view) : knobs);
        return { outputs: view.outputs(found.y), grads: view.grads(found) };
      }),
  };
}

const none = (): number => 0;
const unbiased = (n: number): number => n / (n - 1);
const undivided = (n: number): number => n;
const neighbour: Weighting = (weight, a) => weight[(a + 1) % weight.length]!;
const one: Weighting = () => 1;
const own: Weighting = (weight, a) => weight[a]!;

/** The terms of dx. */
export const terms = (): readonly Mistake[] => [
  backward('mean-g-dropped', 'without the term mean(dy) of dx', { meanG: none }),
  backward('mean-gx-dropped', 'without the term xHat mean(dy xHat) of dx, the projection', { meanGx: none }),
  backward('means-dropped', 'with the statistics taken for constants in dx, as in evaluation', { own: false }),
  backward('mean-g-over-n-1', 'with mean(dy) divided by n - 1', { meanG: unbiased }),
  backward('mean-gx-over-n-1', 'with mean(dy xHat) divided by n - 1', { meanGx: unbiased }),
  backward('means-over-n-1', 'with both means of dx divided by n - 1', { meanG: unbiased, meanGx: unbiased }),
  backward('mean-g-not-divided', 'with sum(dy) for mean(dy)', { meanG: undivided }),
  backward('mean-gx-not-divided', 'with sum(dy xHat) for mean(dy xHat)', { meanGx: undivided }),
  backward('means-not-divided', 'with sums for both means of dx', { meanG: undivided, meanGx: undivided }),
  backward('mean-g-sign', 'with the other sign of mean(dy)', { meanG: () => -1 }),
  backward('mean-gx-sign', 'with the other sign of xHat mean(dy xHat)', { meanGx: () => -1 }),
  backward('mean-gx-doubled', 'with xHat mean(dy xHat) counted twice', { meanGx: () => 2 }),
  backward('mean-gx-halved', 'with half of xHat mean(dy xHat)', { meanGx: () => 0.5 }),
  backward('means-over-whole-tensor', 'with the means of dx taken over the whole tensor', { whole: true }),
  backward('train-backward-in-eval', 'with the backward of training where the statistics are given', { own: true }),
];

/** The deviation in the backward. */
export const deviations = (): readonly Mistake[] => [
  backward('eps-outside-root-in-backward', 'with eps outside the root in the backward alone', { rstd: (v, eps) => 1 / (Math.sqrt(v) + eps) }),
  backward('eps-dropped-in-backward', 'without eps in the backward alone', { rstd: (v) => 1 / Math.sqrt(v) }),
  backward('eps-doubled-in-backward', 'with eps counted twice in the backward alone', { rstd: (v, eps) => 1 / Math.sqrt(v + 2 * eps) }),
  backward('eps-squared-in-backward', 'with eps squared in the backward alone', { rstd: (v, eps) => 1 / Math.sqrt(v + eps * eps) }),
  backward('x-hat-without-eps', 'with xHat recomputed without eps in the backward', {
    front: ({ centred, variance }) => centred / Math.sqrt(variance),
    inside: ({ centred, variance }) => centred / Math.sqrt(variance),
    forWeight: ({ centred, variance }) => centred / Math.sqrt(variance),
  }),
  backward('x-hat-without-eps-in-dx', 'with xHat recomputed without eps in dx', {
    front: ({ centred, variance }) => centred / Math.sqrt(variance),
    inside: ({ centred, variance }) => centred / Math.sqrt(variance),
  }),
  backward('rstd-unbiased-in-backward', 'with rstd from the variance divided by n - 1 in the backward alone', {
    rstd: (v, eps, n) => 1 / Math.sqrt((v * n) / (n - 1) + eps),
  }),
  backward('rstd-squared', 'with rstd squared in dx', { scale: (rstd) => rstd * rstd }),
  backward('rstd-missing', 'without the factor rstd of dx', { scale: () => 1 }),
];

/** What stands in for xHat. */
export const standIns = (): readonly Mistake[] => [
  backward('y-for-x-hat', 'with y in place of xHat in dx', { front: ({ y }) => y, inside: ({ y }) => y }),
  backward('y-for-x-hat-everywhere', 'with y in place of xHat in dx and dWeight', {
    front: ({ y }) => y,
    inside: ({ y }) => y,
    forWeight: ({ y }) => y,
  }),
  backward('centred-x-for-x-hat', 'with x - mean in place of xHat in dx', {
    front: ({ centred }) => centred,
    inside: ({ centred }) => centred,
  }),
  // in front of the mean or inside it: the product is the same
  backward('centred-x-for-one-x-hat', 'with x - mean in place of one of the two xHat in dx', { front: ({ centred }) => centred }),
  backward('d-weight-from-y', 'with y in place of xHat in dWeight', { forWeight: ({ y }) => y }),
  backward('d-weight-from-centred-x', 'with x - mean in place of xHat in dWeight', { forWeight: ({ centred }) => centred }),
];

/** The weight in dx. */
export const weights = (): readonly Mistake[] => [
  backward('weight-of-neighbour', 'with the weight of the next channel in dx', {
    weightFirst: neighbour,
    weightG: neighbour,
    weightGx: neighbour,
  }),
  backward('weight-dropped', 'without the weight in dx', { weightFirst: one, weightG: one, weightGx: one }),
  backward('weight-after-means', 'with the weight applied after the means of dx', {
    weightFirst: one,
    weightG: one,
    weightGx: one,
    weightAfter: own,
  }),
  backward('weight-missing-in-mean-g', 'without the weight inside mean(dy)', { weightG: one }),
  backward('weight-missing-in-mean-gx', 'without the weight inside mean(dy xHat)', { weightGx: one }),
  backward('weight-missing-inside-means', 'without the weight inside the means of dx', { weightG: one, weightGx: one }),
];

/** dWeight and dBias, computed from a dy that has been written over. */
export const overwritten: Mistake = {
  name: 'backward-writes-into-dy',
  says: 'with dx written over dy before dWeight and dBias are taken of it',
  fits,
  answer: (asked, right) =>
    replaced(right, (call, index) => {
      const view = viewOf(asked, right, index);
      if (!view) return null;
      const { dx, ...first } = standardized(view);
      const { dWeight, dBias } = standardized({ ...view, dy: dx });
      const { weight, bias } = view.grads({ ...first, dx, dWeight, dBias });
      return { grads: { ...call.grads, ...(weight && view.weight && { weight }), ...(bias && view.bias && { bias }) } };
    }),
};

/** A loop that leaves out what is left of each run after steps of four. */
export const sliceTail: Mistake = {
  name: 'slice-tail-skipped',
  says: 'with the last n mod 4 elements of each slice left out of dx',
  fits,
  answer: (asked, right) =>
    replaced(right, (_, index) => {
      const view = viewOf(asked, right, index);
      if (!view) return null;
      const found = standardized(view);
      const { inner, channel } = view.statistics;
      const length = inner > 1 ? inner : channel;
      const dx = found.dx.map((value, i) => (i % length < length - (length % 4) ? value : 0));
      return { grads: { ...right[index]!.grads, ...onlyX(view.grads({ ...found, dx }), view) } };
    }),
};

/** The gradients that hang on dx, without those of weight and bias. */
function onlyX(grads: ReturnType<NonNullable<ReturnType<typeof viewOf>>['grads']>, view: Standardization): typeof grads {
  return Object.fromEntries(Object.entries(grads).filter(([name]) => !(name === 'bias' || (name === 'weight' && view.weight !== null))));
}
