/**
 * Is a derivative right? `gradcheck` compares the gradient that `backward` gives with differences of the function, and
 * measures how exact either can be instead of asking for a tolerance.
 *
 * What makes it see the mistakes that matter: the outputs are weighted by signed random numbers (a plain sum hides
 * missing mean terms, because a norm's results sum to nothing); inputs are tried one by one, in random directions;
 * steps follow the spread of an input, not its size; rounding is measured by moving the inputs by a few units in their
 * last place, so that a large offset widens the bound and nothing else does.
 */
import { normal, Random } from '../tensor/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { breach } from './_gradcheck-contract.ts';
import { fitsKink, worstElements } from './_gradcheck-elements.ts';
import { lineThrough } from './_gradcheck-line.ts';
import { absoluteDot, type Differentiable, dot, jitter, Subject } from './_gradcheck-subject.ts';
import { type Estimate, type Line, otherSlopes, slopeAt } from './_slope.ts';

export type { Differentiable } from './_gradcheck-subject.ts';

/** How `gradcheck` looks. */
export interface GradcheckOptions {
  /** Where directions and weights come from. Default: `new Random(1)`. */
  random?: Random;
  /** Random directions for each input, at least 1. Default 2. */
  directions?: number;
  /**
   * The distance over which the function changes noticeably, for each input or one for all; the first step is a
   * quarter of it. For a norm: `sqrt(smallest variance + eps)`. Default, also for 0: half the range of the input's
   * values. It need not be exact: from a wrong one the search takes longer.
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
  /** Nothing contradicts the gradient. True also for an inconclusive comparison: see `inconclusive`. */
  readonly passed: boolean;
  /**
   * A comparison could not tell a right gradient from a wrong one, because rounding is too large, or the function is
   * not finite. Not a pass: a suite should count these and fail when they are more than a few in a hundred.
   */
  readonly inconclusive: boolean;
  /** What is wrong or could not be told, in words; empty when nothing is. */
  readonly message: string;
  readonly checks: readonly GradcheckFinding[];
}

/**
 * Checks the derivative of `f` at `inputs` (float64) by each input that requires a gradient; the others are held.
 * `f` works on copies of the inputs, has one output or several, and must give the same values in every call.
 *
 * Also checks that the gradient is the same in a second run, linear in the weights, exactly 0 for weights of 0, and
 * that neither inputs nor weights are written to. At a kink (`relu` at 0) any number between the slopes on its two
 * sides is right. A function that is not finite at the inputs neither passes nor is anything but inconclusive.
 *
 * Throws a TypeError when an input or output is not in float64 or no input requires a gradient, a RangeError for
 * options out of their range, and passes on what `f` throws.
 * @example
 * ```ts
 * const x = tensor([0.3, -1, 2], { dtype: 'float64', requiresGrad: true });
 * gradcheck((x) => mul(x, exp(x)), [x]).passed; // true
 * gradcheck((x) => mul(x, detach(exp(x))), [x]).passed; // false
 * ```
 */
export function gradcheck(f: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): GradcheckResult {
  const { random = new Random(1), directions = 2 } = options;
  if (!Number.isInteger(directions) || directions < 1) {
    throw new RangeError(`gradcheck: directions must be an integer of at least 1, got ${directions}`);
  }
  const spreads = inputs.map((_, i) => (typeof options.spread === 'number' ? options.spread : options.spread?.[i]));
  for (const spread of spreads) {
    if (spread !== undefined && !(spread >= 0 && spread < Infinity)) {
      throw new RangeError(`gradcheck: spread must be finite and not negative, got ${spread}; leave it out for the default`);
    }
  }
  const subject = new Subject(f, inputs);
  for (const [i, y] of subject.base.entries()) {
    const odd = y.data.findIndex((value) => !Number.isFinite(value));
    if (odd < 0) continue;
    const message = `the function is not finite at the inputs: output ${i} is ${y.data[odd]} at element ${odd}`;
    return { passed: false, inconclusive: true, message, checks: [] };
  }
  const checks: GradcheckFinding[] = [];
  const wrong: string[] = [];
  const untold: string[] = [];
  for (let direction = 0; direction < directions && wrong.length === 0; direction++) {
    const weights = subject.base.map((y) => normal(random, y.shape, 0, 1, { dtype: 'float64' }));
    const found = breach(subject, weights, random);
    if (found) {
      wrong.push(found);
      break;
    }
    const gradients = subject.gradients(weights);
    const moved = [false, false, true].map((together) => {
      const shaken = weights.map((w) => new Tensor(jitter(w.data, random), w.shape));
      return subject.gradients(shaken, subject.data.map((values) => jitter(values, random, together)));
    });
    for (const [k, input] of subject.wanted.entries()) {
      const start = firstStep(subject.data[input]!, spreads[input]);
      const { finding, message } = compare(subject, { input, weights, start, gradient: gradients[k]!, moved: moved.map((g) => g[k]!) }, random);
      checks.push(finding);
      if (finding.verdict === 'failed') wrong.push(message);
      if (finding.verdict === 'inconclusive') untold.push(message);
    }
  }
  const message = wrong.length > 0 ? wrong.join('\n') : untold.join('\n');
  return { passed: wrong.length === 0, inconclusive: untold.length > 0, message, checks };
}

/**
 * `gradcheck` that throws an Error with the findings when the gradient is wrong, or the function not finite. A
 * comparison that rounding leaves open does not throw; `inconclusive` of the result tells.
 * @example
 * ```ts
 * const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
 * assertGradcheck(square, [x]).inconclusive; // false
 * ```
 */
export function assertGradcheck(f: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): GradcheckResult {
  const result = gradcheck(f, inputs, options);
  if (!result.passed) throw new Error(`gradcheck: ${result.message}`);
  return result;
}

/** What one comparison is about. */
interface Question {
  readonly input: number;
  /** Weights of the outputs. */
  readonly weights: readonly Tensor[];
  /** The first step. */
  readonly start: number;
  readonly gradient: Tensor;
  /** The same gradient at inputs and weights moved by a few units in the last place. */
  readonly moved: readonly Tensor[];
}

function compare(subject: Subject, question: Question, random: Random): { finding: GradcheckFinding; message: string } {
  const { input, weights, start, gradient, moved } = question;
  const u = normal(random, gradient.shape, 0, 1, { dtype: 'float64' }).data as Float64Array;
  const analytic = dot(gradient.data, u);
  let analyticError = 2 ** -52 * absoluteDot(gradient.data, u);
  for (const other of moved) analyticError = Math.max(analyticError, 1.7 * Math.abs(dot(other.data, u) - analytic));
  let outputs = 0;
  for (const [k, w] of weights.entries()) outputs += absoluteDot(w.data, subject.base[k]!.data);
  const lineAlong = (direction: Float64Array): Line => lineThrough(subject, input, direction, weights, random, outputs);
  const line = lineAlong(u);
  const slope = slopeAt(line, start);
  let { value: numeric, error } = slope;
  const fits = (other: Estimate): boolean => Math.abs(analytic - other.value) <= other.error + analyticError;
  const second = fits(slope) ? undefined : otherSlopes(line, slope).find((other) => other.error < Infinity && fits(other));
  if (second) ({ value: numeric, error } = second);
  const near = fits({ value: numeric, error });
  const bound = error + analyticError;
  // the size a derivative in a random direction has, or that of the outputs over the step: a bound near it says nothing
  const size = Math.max(Math.sqrt(dot(gradient.data, gradient.data)), Math.abs(numeric));
  const telling = bound <= 0.05 * size || bound <= 1e-6 * (outputs / start) || line.across(start) === 0;
  let verdict: GradcheckFinding['verdict'] = 'passed';
  if (!near || !telling) {
    if (fitsKink({ gradient, moved, u, lineAlong, start })) verdict = 'passed';
    else verdict = near || error === Infinity || onStairs(slope.stairs, analytic, analyticError) ? 'inconclusive' : 'failed';
  }
  let message = '';
  if (verdict !== 'passed') {
    message =
      `input ${input}: the derivative in a random direction is ${numeric}, the gradient says ${analytic}; ` +
      `they may be ${bound} apart`;
  }
  if (verdict === 'inconclusive') message += ', too far to tell a right gradient from a wrong one; try smaller offsets, or another spread';
  if (verdict === 'failed') message += `\n${worstElements(subject, input, weights, gradient, slope.step)}`;
  return { finding: { input, analytic, numeric, bound, verdict }, message };
}

/** Whether a gradient that does not fit the treads of a staircase fits its slope as a whole. */
function onStairs(stairs: Estimate | null, analytic: number, error: number): boolean {
  if (!stairs || !(stairs.error <= 0.05 * Math.abs(stairs.value))) return false;
  return Math.abs(analytic - stairs.value) <= stairs.error + error;
}

function firstStep(x: Float64Array, spread: number | undefined): number {
  if (spread) return spread / 4;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < x.length; i++) {
    low = Math.min(low, x[i]!);
    high = Math.max(high, x[i]!);
  }
  // halves first: the range of the largest numbers is not finite
  const half = high / 2 - low / 2;
  return (half > 0 ? half : Math.abs(high) || 0.5) / 4;
}
