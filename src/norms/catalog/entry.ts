/**
 * What the catalogue knows of a norm: facts for people, and how tests, oracle and command line call it. An entry is
 * data about a norm; no norm imports it, so that a bundle with one norm holds that norm alone.
 */
import type { Module } from '../../nn/module.ts';
import type { WeightTransform } from '../../nn/parametrization.ts';
import type { Random } from '../../tensor/random.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Which of its two ways of writing a norm is run. */
export type Form = 'fused' | 'definition';

export type Mode = 'train' | 'eval';

/** Tensors by name. */
export type Tensors = Record<string, Tensor>;

/** One call of a norm as data: what vectors, the oracle and generated tests are made of. */
export interface Call {
  readonly config: Readonly<Record<string, unknown>>;
  readonly params: Tensors;
  /** Changed in place by a call that changes state. */
  readonly state: Tensors;
  readonly mode: Mode;
  /** A norm's other operations, as `init` or `inverse`. */
  readonly op?: string;
  readonly inputs: Tensors;
}

/** Where free choices come from: a seeded generator, or a property-testing library that can shrink them. */
export interface Chooser {
  /** An integer in [low, high]. */
  integer(low: number, high: number): number;
  oneOf<T>(list: readonly T[]): T;
}

/** The free choices of a generated case: named extents and options. */
export interface Draft {
  readonly sizes: Readonly<Record<string, number>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What fills a tensor of a generated case. */
export type Filling =
  /** measurements, by the regime of the case: offsets, scales, ties, constant slices … */
  | 'data'
  /** multiples of 1/16 in [-2, 2], zeros and negative values among them */
  | 'parameter'
  /** multiples of 1/16 in (0, 2] */
  | 'positive'
  /** as `parameter`, without zeros */
  | 'nonzero'
  /** zeros, as counters begin */
  | 'zero'
  /** -1, where a choice has not been made */
  | 'minus one'
  /** ones */
  | 'one'
  /** whole numbers from 0 up to `below`, as labels */
  | 'index';

/** A tensor of a generated case: its axes by the names of the draft's sizes; a number for a name is the extent itself. */
export interface TensorPlan {
  readonly axes: readonly string[];
  readonly filling: Filling;
  /** For `index`: how many there are. */
  readonly below?: number;
}

/** The layout of a generated case. */
export interface CasePlan {
  readonly config: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, TensorPlan>>;
  readonly state: Readonly<Record<string, TensorPlan>>;
  readonly inputs: Readonly<Record<string, TensorPlan>>;
  /** Axes of each output. */
  readonly outputs: Readonly<Record<string, readonly string[]>>;
  readonly modes: readonly Mode[];
  /** The operation of each call, where it is not the plain one. */
  readonly ops?: readonly (string | undefined)[];
}

/** An option of a norm, for the tables in the documentation. */
export interface OptionDoc {
  readonly name: string;
  /** The default as text; `required` when there is none. */
  readonly default: string;
  readonly meaning: string;
}

/** What cases can be made of, and answered: a norm, or an operation beside the norms. */
export interface Entry {
  /** File name, test name, page name, name on the command line. */
  readonly slug: string;
  /** Runs one call and returns the outputs by name. */
  readonly apply: (form: Form, call: Call) => Tensors;
  /** Inputs that no gradient is asked for. */
  readonly constants?: readonly string[];
  /** Parameters that get no gradient with these options. Default: none. */
  readonly frozen?: (config: Call['config']) => readonly string[];
  /** Inputs and state that are whole numbers by their meaning, as labels and choices: rounding does not move them. */
  readonly whole?: readonly string[];
  /** Parameters that a call may set from its data. They run on from call to call, and are part of the state after it. */
  readonly sets?: readonly string[];
  /**
   * Whether the published gradient of a training call takes the state that the call moves for a constant. It is then
   * the derivative of the same call in evaluation, with the state that was used. Default false.
   */
  readonly heldState?: boolean | ((config: Call['config']) => boolean);
  /**
   * For a norm whose backward in training is a published one that is not the derivative, and moves state. One graph then
   * goes backward once, and has no higher derivatives; in evaluation the gradient is the derivative, of any order.
   * Absent: the gradient is the derivative in training too.
   */
  readonly published?: {
    /** Options with which the backward in training is the derivative as well. */
    readonly exactWith: Call['config'];
  };
  /**
   * For a norm whose published gradient takes something that a call computes from its data for a constant, and that no
   * state holds: the norm as a function of data that move, with that held as it is in `call`. Its derivative there is
   * the gradient of `call`. Need not be written in the form asked for; changes no state. Default: `apply` itself.
   */
  readonly held?: (form: Form, call: Call) => (moved: Call) => Tensors;
  /**
   * Parameters of which a call holds several copies, by the names of the copies: each has a gradient of its own, and the
   * parameter's is their sum.
   */
  readonly copies?: (config: Call['config']) => Readonly<Record<string, string>>;
  /** Whether the norm has a derivative there, and so far from a kink that differences show it. Default: everywhere. */
  readonly smooth?: (call: Call) => boolean;
  readonly draw: (choose: Chooser) => Draft;
  /** The case that a draft stands for; null when the choices do not go together. */
  readonly plan: (draft: Draft) => CasePlan | null;
}

/** A norm of the catalogue. */
export interface NormEntry extends Entry {
  readonly name: string;
  readonly functionName: string;
  readonly className: string;
  readonly paper: {
    readonly authors: string;
    readonly title: string;
    readonly year: number;
    readonly link: string;
  };
  readonly family: 'standardize' | 'condition' | 'local' | 'weight' | 'learned' | 'whitening';
  /** What the statistics run over, in a few words. */
  readonly averages: string;
  /** What is carried from one training call to the next, in a few words; empty without. */
  readonly carries: string;
  /** The formula as code. */
  readonly formula: string;
  readonly options: readonly OptionDoc[];
  /** The norm for activations `[N, channels, ...spatial]` of a classifier; absent where it cannot stand there. */
  readonly classifier?: (channels: number, spatial: readonly number[], random: Random) => Module;
  /** A norm of weights for the convolutions of a classifier, to be put into one by `parametrize`; absent for other norms. */
  readonly transform?: (random: Random) => WeightTransform;
}

/** The named options that a case's config has, for a call of the function form. */
export function pick<Options extends object>(
  config: Readonly<Record<string, unknown>>,
  names: readonly (keyof Options & string)[],
): Partial<Options> {
  return Object.fromEntries(names.filter((name) => name in config).map((name) => [name, config[name]])) as Partial<Options>;
}
