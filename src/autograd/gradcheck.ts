/**
 * Is a derivative right? `gradcheck` compares the gradient that `backward` gives with differences of the function, and
 * measures how exact either can be instead of asking for a tolerance.
 *
 * What makes it see the mistakes that matter: the outputs are weighted by signed random numbers (a plain sum hides
 * missing mean terms, because a norm's results sum to nothing); inputs are tried one by one, in random directions;
 * steps follow the spread of an input, not its size; rounding is measured by moving the inputs by a few units in their
 * last place, so that a large offset widens the bound and nothing else does.
 */
import { copy } from '../tensor/create.ts';
import { normal, Random } from '../tensor/random.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { kinkAt, slopeAt } from './_slope.ts';
import { grad } from './backward.ts';

/** A function under test: of tensors, to one tensor or several. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** How `gradcheck` looks. */
export interface GradcheckOptions {
  /** Where directions and weights come from. Default: `new Random(1)`. */
  random?: Random;
  /** Random directions for each input. Default 2. */
  directions?: number;
  /**
   * The distance over which the function changes noticeably, for each input or one for all; the first step is a
   * quarter of it. For a norm: `sqrt(smallest variance + eps)`. Default: half the range of the input's values.
   */
  spread?: number | readonly (number | undefined)[];
}

/** One comparison. */
export interface GradcheckFinding {
  readonly input: number;
  readonly analytic: number;
  readonly numeric: number;
  /** How far the two may be apart, by what was measured. */
  readonly bound: number;
  readonly verdict: 'passed' | 'failed' | 'inconclusive';
}

/** What `gradcheck` found. */
export interface GradcheckResult {
  /** Nothing contradicts the gradient. True also for an inconclusive result: see `inconclusive`. */
  readonly passed: boolean;
  /** A comparison could not tell a right gradient from a wrong one, because rounding is too large. */
  readonly inconclusive: boolean;
  /** What is wrong, in words; empty when nothing is. */
  readonly message: string;
  readonly checks: readonly GradcheckFinding[];
}

/**
 * Checks the derivative of `f` at `inputs` (float64) by each input that requires a gradient; the others are held.
 *
 * Also checks that the gradient is the same in a second run, linear in the weights, exactly 0 for weights of 0, and
 * that neither inputs nor weights are written to. Throws a TypeError when an input is not in float64, and passes on
 * what `f` throws.
 * @example
 * ```ts
 * const x = tensor([0.3, -1, 2], { dtype: 'float64', requiresGrad: true });
 * gradcheck((x) => mul(x, exp(x)), [x]).passed; // true
 * gradcheck((x) => mul(x, detach(exp(x))), [x]).passed; // false
 * ```
 */
export function gradcheck(f: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): GradcheckResult {
  const { random = new Random(1), directions = 2, spread } = options;
  for (const [i, x] of inputs.entries()) {
    if (x.dtype !== 'float64') {
      throw new TypeError(`gradcheck: inputs must be in float64, where differences mean something, got ${x.dtype} for input ${i}; use cast`);
    }
  }
  const subject = new Subject(f, inputs);
  const wanted = subject.wanted;
  const base = subject.values(inputs.map((x) => x.data as Float64Array));
  if (base.some((y) => !y.data.every(Number.isFinite))) {
    return { passed: false, inconclusive: true, message: 'the function is not finite at the inputs', checks: [] };
  }
  const checks: GradcheckFinding[] = [];
  let message = '';
  for (let direction = 0; direction < directions; direction++) {
    const weights = base.map((y) => normal(random, y.shape, 0, 1, { dtype: 'float64' }));
    message ||= contract(subject, weights, random);
    if (message) break;
    const gradients = subject.gradients(weights);
    const moved = Array.from({ length: 3 }, () => subject.gradients(weights, subject.jittered(random)));
    for (const [k, i] of wanted.entries()) {
      const u = normal(random, inputs[i]!.shape, 0, 1, { dtype: 'float64' }).data as Float64Array;
      const range = typeof spread === 'number' ? spread : spread?.[i];
      const found = compare(subject, i, u, weights, gradients[k]!, moved.map((gradient) => gradient[k]!), range, random);
      checks.push(found);
      if (found.verdict === 'failed' && !message) {
        message =
          `input ${i}: the derivative in a random direction is ${found.numeric}, the gradient says ${found.analytic}; ` +
          `they may be ${found.bound} apart\n${worstElements(subject, i, weights, gradients[k]!, range)}`;
      }
    }
    if (message) break;
  }
  return { passed: message === '', inconclusive: checks.some((check) => check.verdict === 'inconclusive'), message, checks };
}

/**
 * `gradcheck` that throws an Error with the findings when the gradient is wrong. An inconclusive result does not
 * throw; it is returned.
 */
export function assertGradcheck(f: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): GradcheckResult {
  const result = gradcheck(f, inputs, options);
  if (!result.passed) throw new Error(`gradcheck: ${result.message}`);
  return result;
}

/** The function under test on plain arrays, in memory of its own. */
class Subject {
  readonly f: Differentiable;
  readonly inputs: readonly Tensor[];
  /** Indices of the inputs that a gradient is wanted for. */
  readonly wanted: readonly number[];

  constructor(f: Differentiable, inputs: readonly Tensor[]) {
    this.f = f;
    this.inputs = inputs;
    this.wanted = inputs.flatMap((x, i) => (x.requiresGrad ? [i] : []));
    if (this.wanted.length === 0) throw new TypeError('gradcheck: no input requires a gradient; create one with { requiresGrad: true }');
  }

  values(data: readonly Float64Array[]): readonly Tensor[] {
    // leaves as in a backward pass, because the function may itself take gradients
    return asList(this.f(...this.inputs.map((x, i) => new Tensor(data[i]!.slice(), x.shape, x.requiresGrad))));
  }

  /** Values with one input replaced. */
  replacing(input: number, data: Float64Array): readonly Tensor[] {
    return this.values(this.inputs.map((x, i) => (i === input ? data : (x.data as Float64Array))));
  }

  gradients(weights: readonly Tensor[], data: readonly Float64Array[] = this.inputs.map((x) => x.data as Float64Array)): Tensor[] {
    return this.run(weights, data).gradients;
  }

  run(weights: readonly Tensor[], data: readonly Float64Array[]): { gradients: Tensor[]; leaves: Tensor[] } {
    const leaves = this.inputs.map((x, i) => new Tensor(data[i]!.slice(), x.shape, x.requiresGrad));
    const outputs = asList(this.f(...leaves));
    const used = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
    const gradients = grad(
      used.map((i) => outputs[i]!),
      this.wanted.map((i) => leaves[i]!),
      { gradOutputs: used.map((i) => weights[i]!), allowUnused: true },
    );
    return { gradients, leaves };
  }

  /** The inputs, each element moved by up to four units in its last place: at random, or all to one side. */
  jittered(random: Random, together = false): Float64Array[] {
    return this.inputs.map((x) => jitter(x.data as Float64Array, random, together));
  }
}

function asList(outputs: Tensor | readonly Tensor[]): readonly Tensor[] {
  return outputs instanceof Tensor ? [outputs] : outputs;
}

function jitter(data: Float64Array, random: Random, together: boolean): Float64Array {
  const side = random.uniform() < 0.5 ? -4 : 4;
  const out = data.slice();
  for (let i = 0; i < out.length; i++) out[i]! += (together ? side : 8 * random.uniform() - 4) * 2 ** -52 * out[i]!;
  return out;
}

/** What every gradient owes whatever its value; the first breach in words. */
function contract(subject: Subject, weights: readonly Tensor[], random: Random): string {
  const given = weights.map((w) => copy(w));
  const data = subject.inputs.map((x) => x.data as Float64Array);
  const first = subject.run(weights, data);
  const second = subject.gradients(weights);
  for (const [k, i] of subject.wanted.entries()) {
    if (!sameShape(first.gradients[k]!.shape, subject.inputs[i]!.shape)) return `input ${i}: the gradient has another shape`;
    if (!sameBits(first.gradients[k]!.data, second[k]!.data)) return `input ${i}: a second run gives another gradient`;
  }
  if (weights.some((w, i) => !sameBits(w.data, given[i]!.data))) return 'the weights of the outputs are written to';
  if (first.leaves.some((x, i) => !sameBits(x.data, data[i]!))) return 'an input is written to';
  const nothing = subject.gradients(weights.map((w) => new Tensor(new Float64Array(w.data.length), w.shape)));
  if (nothing.some((g) => g.data.some((value) => value !== 0))) return 'weights of 0 give a gradient other than 0';
  const others = weights.map((w) => normal(random, w.shape, 0, 1, { dtype: 'float64' }));
  const other = subject.gradients(others);
  const both = weights.map((w, i) => new Tensor(w.data.map((value, k) => value + 2 * others[i]!.data[k]!), w.shape));
  const sum = subject.gradients(both);
  const blur = Array.from({ length: 2 }, () => {
    const at = subject.jittered(random);
    return [subject.gradients(weights, at), subject.gradients(others, at), subject.gradients(both, at)] as const;
  });
  for (const [k, i] of subject.wanted.entries()) {
    const size = Math.max(...[first.gradients, other, sum].map((g) => (g[k]!.data as Float64Array).reduce(largest, 0)));
    let noise = 0;
    for (const [a, b, c] of blur) {
      noise = Math.max(noise, farthest(a[k]!, first.gradients[k]!), farthest(b[k]!, other[k]!), farthest(c[k]!, sum[k]!));
    }
    for (let e = 0; e < sum[k]!.data.length; e++) {
      const off = Math.abs(sum[k]!.data[e]! - first.gradients[k]!.data[e]! - 2 * other[k]!.data[e]!);
      if (off > 8 * noise + 64 * 2 ** -52 * size) return `input ${i}: the gradient is not linear in the weights of the outputs, at element ${e}`;
    }
  }
  return '';
}

function largest(most: number, value: number): number {
  return Math.max(most, Math.abs(value));
}

function farthest(a: Tensor, b: Tensor): number {
  let most = 0;
  for (let i = 0; i < a.data.length; i++) most = Math.max(most, Math.abs(a.data[i]! - b.data[i]!));
  return most;
}

function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return a.length === b.length;
}

/** The function along `x + step * u` for one input, weighted and summed. */
function along(subject: Subject, input: number, u: Float64Array, weights: readonly Tensor[], random: Random, outputs: number) {
  const x = subject.inputs[input]!.data as Float64Array;
  // results are rounded even where nothing that is moved shows it
  const floor = 2 ** -52 * outputs;
  const all = subject.inputs.map((other) => other.data as Float64Array);
  const moved = (step: number): Float64Array => x.map((value, i) => value + step * u[i]!);
  const values = (step: number): readonly Tensor[] => subject.replacing(input, moved(step));
  const across = (step: number): number => weightedDifference(values(step), values(-step), weights);
  const noise = (step: number): number => {
    let most = 0;
    for (const [at, together] of [[step, false], [-step, false], [step, true]] as const) {
      const exact = all.map((data, i) => (i === input ? moved(at) : data));
      const shaken = exact.map((data) => jitter(data, random, together));
      most = Math.max(most, Math.abs(weightedDifference(subject.values(shaken), subject.values(exact), weights)));
    }
    return 2 * most + floor;
  };
  return {
    across,
    noise,
    right: (step: number) => weightedDifference(values(step), values(0), weights),
    left: (step: number) => weightedDifference(values(0), values(-step), weights),
  };
}

function weightedDifference(a: readonly Tensor[], b: readonly Tensor[], weights: readonly Tensor[]): number {
  let total = 0;
  let lost = 0;
  for (const [k, w] of weights.entries()) {
    for (let i = 0; i < w.data.length; i++) {
      const term = w.data[i]! * (a[k]!.data[i]! - b[k]!.data[i]!) - lost;
      const next = total + term;
      lost = next - total - term;
      total = next;
    }
  }
  return total;
}

function compare(
  subject: Subject,
  input: number,
  u: Float64Array,
  weights: readonly Tensor[],
  gradient: Tensor,
  moved: readonly Tensor[],
  spread: number | undefined,
  random: Random,
): GradcheckFinding {
  const analytic = dot(gradient.data, u);
  let analyticError = 4 * 2 ** -52 * dot(gradient.data.map(Math.abs), u.map(Math.abs));
  for (const other of moved) analyticError = Math.max(analyticError, 1.7 * Math.abs(dot(other.data, u) - analytic));
  const start = firstStep(subject.inputs[input]!.data as Float64Array, spread);
  const outputs = outputSize(subject, weights);
  const line = along(subject, input, u, weights, random, outputs);
  const slope = slopeAt(line, start);
  const bound = slope.error + analyticError;
  // the size a derivative in a random direction has, or that of the outputs over the step: a bound near it says nothing
  const size = Math.max(Math.sqrt(dot(gradient.data, gradient.data)), Math.abs(slope.value));
  const telling = bound <= 0.05 * size || bound <= 1e-6 * (outputs / start) || line.across(start) === 0;
  let verdict: GradcheckFinding['verdict'] = telling ? 'passed' : 'inconclusive';
  if (!(Math.abs(analytic - slope.value) <= bound)) {
    verdict = 'failed';
    const kink = kinkAt(line.right, line.left, line.noise(start * 2 ** -10), start);
    if (kink && analytic >= Math.min(...kink) - bound && analytic <= Math.max(...kink) + bound) verdict = 'passed';
  }
  return { input, analytic, numeric: slope.value, bound, verdict };
}

function outputSize(subject: Subject, weights: readonly Tensor[]): number {
  const outputs = subject.values(subject.inputs.map((x) => x.data as Float64Array));
  return weights.reduce((total, w, k) => total + dot(w.data.map(Math.abs), outputs[k]!.data.map(Math.abs)), 0);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

function firstStep(x: Float64Array, spread: number | undefined): number {
  if (spread !== undefined && spread > 0) return spread / 4;
  let low = Infinity;
  let high = -Infinity;
  for (const value of x) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return (high - low) / 8 || Math.abs(high) / 8 || 0.125;
}

/** The elements in which gradient and five-point differences are farthest apart, a line each. */
function worstElements(subject: Subject, input: number, weights: readonly Tensor[], gradient: Tensor, spread: number | undefined): string {
  const x = subject.inputs[input]!;
  const h = firstStep(x.data as Float64Array, spread) / 64;
  const rows: { index: number; numeric: number; off: number }[] = [];
  for (let index = 0; index < x.data.length && index < 256; index++) {
    const at = (step: number): readonly Tensor[] => {
      const data = x.data.slice() as Float64Array;
      data[index]! += step;
      return subject.replacing(input, data);
    };
    const near = weightedDifference(at(h), at(-h), weights);
    const far = weightedDifference(at(2 * h), at(-2 * h), weights);
    const numeric = (8 * near - far) / (12 * h);
    rows.push({ index, numeric, off: Math.abs(numeric - gradient.data[index]!) });
  }
  rows.sort((a, b) => b.off - a.off);
  return rows
    .slice(0, 3)
    .map(({ index, numeric }) => `  element ${index}: differences give ${numeric}, the gradient is ${gradient.data[index]}`)
    .join('\n');
}
