import { normal, type Random } from '../tensor/random.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { jitter, type Subject } from './_gradcheck-subject.ts';

/**
 * What every gradient owes whatever its value; the first breach in words, or ''.
 *
 * It is the same in a second pass over one graph and in a second run, finite, exactly 0 for weights of 0, and linear in
 * the weights within measured rounding; neither weights nor inputs are written to.
 */
export function breach(subject: Subject, weights: readonly Tensor[], random: Random): string {
  const { wanted, data } = subject;
  const given = weights.map((w) => w.data.slice());
  const leaves = subject.leaves(data);
  const [first, second] = subject.backward(weights, leaves, 2) as [Tensor[], Tensor[]];
  if (weights.some((w, i) => !sameBits(w.data, given[i]!))) return 'the weights of the outputs are written to by the gradient';
  const written = leaves.findIndex((x, i) => !sameBits(x.data, data[i]!));
  if (written >= 0) return `input ${written}: it is written to; an input is written to by the function or its gradient`;
  const anew = subject.gradients(weights);
  for (const [k, i] of wanted.entries()) {
    const gradient = first[k]!;
    if (!sameShape(gradient.shape, subject.inputs[i]!.shape)) return `input ${i}: the gradient has another shape, [${gradient.shape}]`;
    const odd = gradient.data.findIndex((value) => !Number.isFinite(value));
    if (odd >= 0) return `input ${i}: the gradient is ${gradient.data[odd]} at element ${odd}, where the function is finite`;
    if (!sameBits(gradient.data, second[k]!.data)) return `input ${i}: a second run over the same graph gives another gradient`;
    if (!sameBits(gradient.data, anew[k]!.data)) return `input ${i}: a second run gives another gradient`;
  }
  const nothing = subject.gradients(weights.map((w) => new Tensor(new Float64Array(w.data.length), w.shape)));
  for (const [k, i] of wanted.entries()) {
    const odd = nothing[k]!.data.findIndex((value) => value !== 0);
    if (odd >= 0) return `input ${i}: weights of 0 give a gradient of ${nothing[k]!.data[odd]} at element ${odd}`;
  }
  return nonlinear(subject, weights, first, random);
}

/** Whether `vjp(w + 2 v) = vjp(w) + 2 vjp(v)`. */
function nonlinear(subject: Subject, weights: readonly Tensor[], one: readonly Tensor[], random: Random): string {
  const others = weights.map((w) => normal(random, w.shape, 0, 1, { dtype: 'float64' }));
  const sums = weights.map((w, i) => {
    const both = w.data.slice();
    for (let e = 0; e < both.length; e++) both[e]! += 2 * others[i]!.data[e]!;
    return new Tensor(both, w.shape);
  });
  const other = subject.gradients(others);
  const both = subject.gradients(sums);
  const exact = [one, other, both];
  const noise = subject.wanted.map(() => 0);
  const listen = (trials: number): void => {
    for (let trial = 0; trial < trials; trial++) {
      const data = subject.data.map((values) => jitter(values, random, trial === 1));
      for (const [at, ws] of [weights, others, sums].entries()) {
        const moved = subject.gradients(ws.map((w) => new Tensor(jitter(w.data, random), w.shape)), data);
        for (const [k, gradient] of moved.entries()) noise[k] = Math.max(noise[k]!, farthest(gradient.data, exact[at]![k]!.data));
      }
    }
  };
  const breaches = (): string => {
    for (const [k, i] of subject.wanted.entries()) {
      const [a, b, sum] = [one[k]!.data, other[k]!.data, both[k]!.data];
      for (let e = 0; e < sum.length; e++) {
        const off = Math.abs(sum[e]! - a[e]! - 2 * b[e]!);
        // four gradients take part, and each trial is one draw of several
        const bound = 8 * noise[k]! + 8 * 2 ** -52 * (Math.abs(a[e]!) + 2 * Math.abs(b[e]!));
        if (off > bound) return `input ${i}: the gradient is not linear in the weights of the outputs, at element ${e}`;
      }
    }
    return '';
  };
  listen(2);
  // two trials may have been lucky: an accusation takes more
  if (breaches()) listen(16);
  return breaches();
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return a.length === b.length;
}
