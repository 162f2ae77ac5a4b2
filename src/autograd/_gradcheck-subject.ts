/** A function under test as `gradcheck` sees it: of plain arrays, each call in memory of its own. */
import type { Random } from '../tensor/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { grad } from './backward.ts';

/** A function under test: of tensors, to one tensor or several. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

export class Subject {
  readonly f: Differentiable;
  readonly inputs: readonly Tensor[];
  /** The values of all inputs. */
  readonly data: readonly Float64Array[];
  /** Indices of the inputs that a gradient is wanted for. */
  readonly wanted: readonly number[];
  /** The outputs at the inputs. */
  readonly base: readonly Tensor[];

  constructor(f: Differentiable, inputs: readonly Tensor[]) {
    for (const [i, x] of inputs.entries()) {
      if (x.dtype !== 'float64') {
        throw new TypeError(
          `gradcheck: inputs must be in float64, where differences mean something, got ${x.dtype} for input ${i}; use cast`,
        );
      }
    }
    this.f = f;
    this.inputs = inputs;
    this.data = inputs.map((x) => x.data.slice() as Float64Array);
    this.wanted = inputs.flatMap((x, i) => (x.requiresGrad ? [i] : []));
    if (this.wanted.length === 0) throw new TypeError('gradcheck: no input requires a gradient; create one with { requiresGrad: true }');
    this.base = this.values(this.data);
    for (const [i, y] of this.base.entries()) {
      if (!(y instanceof Tensor)) throw new TypeError(`gradcheck: the function must return tensors, got ${typeof y} for output ${i}`);
      if (y.dtype !== 'float64') {
        throw new TypeError(`gradcheck: outputs must be in float64, got ${y.dtype} for output ${i}; keep the dtype of the inputs`);
      }
    }
  }

  /** The outputs. Leaves as in a backward pass, because the function may itself take gradients. */
  values(data: readonly Float64Array[]): readonly Tensor[] {
    return asList(this.f(...this.leaves(data)));
  }

  /** The outputs with one input replaced. */
  replacing(input: number, values: Float64Array): readonly Tensor[] {
    return this.values(this.data.map((own, i) => (i === input ? values : own)));
  }

  /** The gradients of the wanted inputs. */
  gradients(weights: readonly Tensor[], data: readonly Float64Array[] = this.data): Tensor[] {
    return this.backward(weights, this.leaves(data), 1)[0]!;
  }

  /** The gradients of the wanted inputs, `times` over on one graph. */
  backward(weights: readonly Tensor[], leaves: readonly Tensor[], times: number): Tensor[][] {
    const outputs = asList(this.f(...leaves));
    const used = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
    return Array.from({ length: times }, (_, time) =>
      grad(
        used.map((i) => outputs[i]!),
        this.wanted.map((i) => leaves[i]!),
        { gradOutputs: used.map((i) => weights[i]!), allowUnused: true, retainGraph: time < times - 1 },
      ),
    );
  }

  leaves(data: readonly Float64Array[]): Tensor[] {
    return this.inputs.map((x, i) => new Tensor(data[i]!.slice(), x.shape, x.requiresGrad));
  }
}

function asList(outputs: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor];
}

/**
 * The numbers, each moved by up to four units in its last place: at random, or all by as much. That is what rounding
 * does to them on their way, and so shows what rounding does to a result. Zeros stay: they are often exact, and ties.
 */
export function jitter(values: ArrayLike<number>, random: Random, together = false): Float64Array {
  const out = Float64Array.from(values);
  const side = random.bits() & 1 ? 4 : -4;
  for (let i = 0; i < out.length; i++) {
    const units = together ? side : random.bits() * 2 ** -29 - 4;
    const value = out[i]!;
    if (value !== 0) out[i] = value + units * Math.max(2 ** -52 * Math.abs(value), Number.MIN_VALUE);
  }
  return out;
}

/** `sum w (a - b)` over all outputs: differences first, and compensated (Kahan), so that nothing but their own rounding is lost. */
export function weightedDifference(weights: readonly Tensor[], a: readonly Tensor[], b: readonly Tensor[]): number {
  let total = 0;
  let lost = 0;
  for (let k = 0; k < weights.length; k++) {
    const w = weights[k]!.data;
    const p = a[k]!.data;
    const q = b[k]!.data;
    for (let i = 0; i < w.length; i++) {
      const term = w[i]! * (p[i]! - q[i]!) - lost;
      const next = total + term;
      lost = next - total - term;
      total = next;
    }
  }
  return total;
}

/** `sum a b`, compensated. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  let lost = 0;
  for (let i = 0; i < a.length; i++) {
    const term = a[i]! * b[i]! - lost;
    const next = total + term;
    lost = next - total - term;
    total = next;
  }
  return total;
}

/** `sum |a b|`. */
export function absoluteDot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Math.abs(a[i]! * b[i]!);
  return total;
}
