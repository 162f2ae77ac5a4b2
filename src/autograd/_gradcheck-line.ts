import type { Random } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { jitter, type Subject, weightedDifference } from './_gradcheck-subject.ts';
import type { Line } from './_slope.ts';

/**
 * The outputs along `x + step * u` for one input x, weighted and summed: a function of the step. `outputs` is the sum
 * of the weighted outputs' sizes, which bounds how they are rounded even where nothing that is moved shows it.
 */
export function lineThrough(
  subject: Subject,
  input: number,
  u: Float64Array,
  weights: readonly Tensor[],
  random: Random,
  outputs: number,
): Line {
  const x = subject.data[input]!;
  const moved = (step: number): Float64Array => {
    const out = x.slice();
    for (let i = 0; i < out.length; i++) out[i]! += step * u[i]!;
    return out;
  };
  const values = (step: number): readonly Tensor[] => subject.replacing(input, moved(step));
  return {
    across: (step) => weightedDifference(weights, values(step), values(-step)),
    sides(step) {
      const right = values(step);
      const left = values(-step);
      let low = 0;
      let high = 0;
      for (const [k, w] of weights.entries()) {
        const base = subject.base[k]!.data;
        for (let i = 0; i < w.data.length; i++) {
          const p = (w.data[i]! * (right[k]!.data[i]! - base[i]!)) / step;
          const q = (w.data[i]! * (base[i]! - left[k]!.data[i]!)) / step;
          low += Math.min(p, q);
          high += Math.max(p, q);
        }
      }
      return { low, high };
    },
    noiseOfSides(trials) {
      let most = 0;
      for (let trial = 0; trial < trials; trial++) {
        const shaken = subject.values(subject.data.map((data) => jitter(data, random, trial === 1)));
        let total = 0;
        for (const [k, w] of weights.entries()) {
          const base = subject.base[k]!.data;
          for (let i = 0; i < w.data.length; i++) total += Math.abs(w.data[i]! * (shaken[k]!.data[i]! - base[i]!));
        }
        if (!(total <= most)) most = total;
      }
      return 2 * most + 2 ** -52 * outputs;
    },
    noise(step, trials) {
      const here = step === 0 ? x : moved(step);
      const exact = step === 0 ? subject.base : subject.replacing(input, here);
      let most = 0;
      for (let trial = 0; trial < trials; trial++) {
        const together = trial === 1;
        const shaken = subject.data.map((data, i) => jitter(i === input ? here : data, random, together));
        const off = Math.abs(weightedDifference(weights, subject.values(shaken), exact));
        // kept when NaN: where the function has no value nothing is known
        if (!(off <= most)) most = off;
      }
      return 2 * most + 2 ** -52 * outputs;
    },
  };
}
