/** Arguments and state of attentive norm, and what a call makes of them. */
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { AttentionActivation, OfHead, Stage } from './_attention.ts';
import { checkEps, checkGroups, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import type { Moments } from './_moments.ts';
import { checkRunning, newRunning, type RunningStatistics, unbiased as unbiasedOf, updateRunning } from './_running.ts';
import { checkPositions } from './_style-statistics.ts';

/** The tensors that are learned. Those of a part that an option leaves out are absent or null. */
export interface AttentiveNormParameters {
  /** The scales of the components, `[numComponents, C]`. */
  readonly weight: Tensor;
  /** The shifts of the components, `[numComponents, C]`. */
  readonly bias: Tensor;
  /** `[numComponents, C]`, behind a hidden layer `[numComponents, H]`. */
  readonly attentionWeight: Tensor;
  /** `[numComponents]`, for attentionNorm `'none'`. */
  readonly attentionBias?: Tensor | null;
  /** `[numComponents]`, for attentionNorm `'batch'`. */
  readonly attentionNormWeight?: Tensor | null;
  /** `[numComponents]`, for attentionNorm `'batch'`. */
  readonly attentionNormBias?: Tensor | null;
  /** `[H, C]`, for a hidden layer. */
  readonly attentionHiddenWeight?: Tensor | null;
  /** `[H]`, for a hidden layer with attentionNorm `'none'`. */
  readonly attentionHiddenBias?: Tensor | null;
  /** `[H]`, for a hidden layer with attentionNorm `'batch'`. */
  readonly attentionHiddenNormWeight?: Tensor | null;
  /** `[H]`, for a hidden layer with attentionNorm `'batch'`. */
  readonly attentionHiddenNormBias?: Tensor | null;
}

/** Statistics by role: of the channels of x, `[C]`, of the logits, `[numComponents]`, and of the hidden layer, `[H]`. */
type StateName = `${'running' | 'attentionRunning' | 'attentionHiddenRunning'}${'Mean' | 'Var'}`;

/** What attentive norm carries from one training call to the next: running means and (unbiased) variances of its batch norms. */
export type AttentiveNormState = Readonly<Partial<Record<StateName, Tensor>>>;

/** Options of `attentiveNorm`. */
export interface AttentiveNormOptions {
  /** What standardizes: `'batch'` norm or `'group'` norm. Default `'batch'`. */
  backbone?: 'batch' | 'group';
  /** The number of groups; divides the number of channels. Required for the backbone `'group'`, refused otherwise. */
  numGroups?: number | undefined;
  /** What makes weights of logits; only those of `'softmax'` add up to 1. Default `'hsigmoid'`. */
  attention?: AttentionActivation;
  /** What follows a linear map of the head: a `'batch'` norm over the samples, or, for `'none'`, a bias. Default: `'batch'` for the backbone `'batch'`, else `'none'`. */
  attentionNorm?: 'batch' | 'none' | undefined;
  /** What the head sees of a channel of a sample: its `'mean'`, or mean over standard deviation, `'meanStd'`. Default `'meanStd'`. */
  descriptor?: 'mean' | 'meanStd';
  /** Added to the variance of the descriptor, under the root; finite, at least 0. Default 1e-3. */
  attentionEps?: number;
  /** Divide the variance of the descriptor by the number of positions less 1. Default false. */
  unbiased?: boolean;
  /** Added to the variances of backbone and head, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** Use the batch's statistics and update the state; otherwise use the state's. Default true. */
  training?: boolean;
}

/** Something for the batch norm of the backbone and for those of the head. */
export interface OfNorms<Part> extends OfHead<Part> {
  readonly backbone: Part;
}

/** x, weight, bias, and weight, scale and shift of the two stages of the head; null for what is not there. */
export type AttentiveInputs = readonly [Tensor, Tensor, Tensor, ...(Tensor | null)[]];

/** Options with their defaults. */
export interface AttentiveSettings {
  /** null for the backbone `'batch'` */
  readonly numGroups: number | null;
  readonly attention: AttentionActivation;
  readonly descriptor: 'mean' | 'meanStd';
  readonly attentionEps: number;
  readonly unbiased: boolean;
  readonly eps: number;
}

/** What a call is to do. */
export interface AttentivePlan {
  readonly inputs: AttentiveInputs;
  readonly settings: AttentiveSettings;
  /** The statistics of evaluation; null: those of the batch, or there is no such norm. */
  readonly given: OfNorms<Moments | null>;
  /** Moves the state towards what the batch norms have seen, when there is a state to move. */
  readonly track: (seen: OfNorms<Moments | null>) => void;
}

/** The stages of a head among the inputs. */
export function stagesOf(inputs: readonly (Tensor | null | undefined)[]): OfHead<Stage | null> & { readonly last: Stage } {
  const stage = (at: number): Stage => ({ weight: inputs[at]!, scale: inputs[at + 1] ?? null, shift: inputs[at + 2]! });
  return { hidden: inputs[3] ? stage(3) : null, last: stage(6) };
}

/** Throws for an option that is none of its choices. */
function checkChoice(caller: string, name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new RangeError(`${caller}: ${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, got ${value}`);
  }
}

/** The options with their defaults. Throws for a bad one. */
export function attentiveSettings(
  caller: string,
  channels: number,
  options: AttentiveNormOptions,
): AttentiveSettings & { attentionNorm: 'batch' | 'none'; momentum: number; training: boolean } {
  const { backbone = 'batch', numGroups, attention = 'hsigmoid', descriptor = 'meanStd' } = options;
  const { attentionNorm = normOfHead(backbone), attentionEps = 1e-3, unbiased = false } = options;
  const { eps = 1e-5, momentum = 0.1, training = true } = options;
  checkChoice(caller, 'backbone', backbone, ['batch', 'group']);
  checkChoice(caller, 'attention', attention, ['hsigmoid', 'sigmoid', 'softmax']);
  checkChoice(caller, 'attentionNorm', attentionNorm, ['batch', 'none']);
  checkChoice(caller, 'descriptor', descriptor, ['mean', 'meanStd']);
  checkEps(caller, attentionEps, 'attentionEps');
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  if (backbone === 'group') checkGroups(caller, numGroups ?? NaN, channels);
  else if (numGroups !== undefined) {
    throw new RangeError(`${caller}: numGroups is for the backbone 'group', got ${numGroups} for '${backbone}'; leave it out`);
  }
  return { numGroups: numGroups ?? null, attention, descriptor, attentionNorm, attentionEps, unbiased, eps, momentum, training };
}

/** The plan of a call. Throws before anything is computed or changed. */
export function planAttentive(
  caller: string,
  x: Tensor,
  parameters: AttentiveNormParameters,
  state: AttentiveNormState | null,
  options: AttentiveNormOptions,
): AttentivePlan {
  checkRank(caller, x, 3, 5, '[N, C, ...spatial]');
  const [samples, channels] = x.shape as [number, number];
  const { attentionNorm, momentum, training, ...settings } = attentiveSettings(caller, channels, options);
  const { weight, bias, attentionHiddenWeight } = parameters;
  const numComponents = weight.shape[0]!;
  if (weight.shape.length !== 2 || weight.shape[1] !== channels || numComponents < 1) {
    throw new ShapeError(
      `${caller}: weight must be [numComponents, ${channels}] for x of shape ${showShape(x.shape)}, got ${showShape(weight.shape)}`,
    );
  }
  checkLike(caller, 'weight', weight, weight.shape, x);
  checkLike(caller, 'bias', bias, weight.shape, x);
  const size = attentionHiddenWeight ? attentionHiddenWeight.shape[0]! : null;
  const hidden = stage(caller, 'attentionHidden', parameters, size, channels, attentionNorm, x);
  const last = stage(caller, 'attention', parameters, numComponents, size ?? channels, attentionNorm, x);
  const lengths = {
    backbone: settings.numGroups === null ? channels : null,
    hidden: attentionNorm === 'batch' ? size : null,
    last: attentionNorm === 'batch' ? numComponents : null,
  };
  const running = state && runningOf(caller, state, lengths, x);
  checkPositions(caller, 'x', x, settings.unbiased && settings.descriptor === 'meanStd');
  const count = samples * spatialSize(x);
  const counts = { backbone: count, hidden: samples, last: samples };
  if (training || !running) {
    for (const role of roles) {
      if (lengths[role] !== null && counts[role] < 2) {
        throw new ShapeError(
          `${caller}: statistics of the batch need more than one value per ${role === 'backbone' ? 'channel' : 'component'}, got x of ` +
            `shape ${showShape(x.shape)}; use a larger batch, evaluate with running statistics, or use { backbone: 'group', attentionNorm: 'none' }`,
        );
      }
    }
  }
  const given = (role: keyof typeof prefixes): Moments | null => {
    const held = training ? null : running?.[role];
    return held ? { mean: Float64Array.from(held.runningMean.data), variance: Float64Array.from(held.runningVar.data) } : null;
  };
  return {
    inputs: [x, weight, bias, ...hidden, ...last],
    settings,
    given: { backbone: given('backbone'), hidden: given('hidden'), last: given('last') },
    track(seen) {
      if (!training || !running) return;
      for (const role of roles) {
        const found = seen[role];
        if (found) updateRunning(running[role]!, found.mean, unbiasedOf(found.variance, counts[role]), momentum);
      }
    },
  };
}

const roles = ['backbone', 'hidden', 'last'] as const;

/** What the names of running statistics begin with. */
const prefixes = { backbone: '', hidden: 'attentionHidden', last: 'attention' } as const;

/** Name of the running mean or variance of a norm. */
function nameOf(role: keyof typeof prefixes, of: 'Mean' | 'Var'): StateName {
  return `${prefixes[role]}${role === 'backbone' ? 'running' : 'Running'}${of}` as StateName;
}

/** What a state has statistics for. */
export interface AttentiveNormStateOptions extends Pick<AttentiveNormOptions, 'backbone' | 'attentionNorm'> {
  /** The number of components. Default 10. */
  numComponents?: number;
  /** The units of the head's hidden layer; 0: there is none. Default 0. */
  attentionHidden?: number;
  /** Element type. Default `'float32'`. */
  dtype?: DType;
}

/** A fresh state: running means 0 and running variances 1, of the batch norms that there are; empty when there is none. */
export function attentiveNormState(numFeatures: number, options: AttentiveNormStateOptions = {}): AttentiveNormState {
  const { backbone = 'batch', attentionNorm = normOfHead(backbone), numComponents = 10, attentionHidden = 0, dtype = 'float32' } = options;
  const lengths = {
    backbone: backbone === 'batch' ? numFeatures : 0,
    hidden: attentionNorm === 'batch' ? attentionHidden : 0,
    last: attentionNorm === 'batch' ? numComponents : 0,
  };
  const state: Partial<Record<StateName, Tensor>> = {};
  for (const role of roles) {
    if (lengths[role] === 0) continue;
    const { runningMean, runningVar } = newRunning(lengths[role], dtype);
    state[nameOf(role, 'Mean')] = runningMean;
    state[nameOf(role, 'Var')] = runningVar;
  }
  return state;
}

function normOfHead(backbone: string): 'batch' | 'none' {
  return backbone === 'group' ? 'none' : 'batch';
}

/** The statistics of each norm that has a length. Throws when they are not there or do not fit. */
function runningOf(
  caller: string,
  state: AttentiveNormState,
  lengths: OfNorms<number | null>,
  x: Tensor,
): OfNorms<RunningStatistics | null> {
  const of = (role: keyof typeof prefixes): RunningStatistics | null => {
    const length = lengths[role];
    if (length === null) return null;
    const [runningMean, runningVar] = [state[nameOf(role, 'Mean')], state[nameOf(role, 'Var')]];
    if (!runningMean || !runningVar) {
      throw new TypeError(`${caller}: the state must have ${nameOf(role, 'Mean')} and ${nameOf(role, 'Var')}; make it with attentiveNormState`);
    }
    const held = { runningMean, runningVar };
    checkRunning(caller, held, x, [length], prefixes[role]);
    return held;
  };
  return { backbone: of('backbone'), hidden: of('hidden'), last: of('last') };
}

/** Weight, scale and shift of a stage; nulls when its size is null. Throws for tensors that are missing, superfluous or do not fit. */
function stage(
  caller: string,
  role: 'attention' | 'attentionHidden',
  parameters: AttentiveNormParameters,
  size: number | null,
  features: number,
  attentionNorm: 'batch' | 'none',
  x: Tensor,
): readonly (Tensor | null)[] {
  const parts = ['Weight', 'Bias', 'NormWeight', 'NormBias'] as const;
  const found = parts.map((part) => parameters[`${role}${part}`] ?? null);
  const wanted = size === null ? [] : attentionNorm === 'batch' ? ['Weight', 'NormWeight', 'NormBias'] : ['Weight', 'Bias'];
  parts.forEach((part, i) => {
    if ((found[i] !== null) === wanted.includes(part)) return;
    const what = size === null ? 'a head without a hidden layer' : `attentionNorm '${attentionNorm}'`;
    const list = wanted.map((name) => `${role}${name}`).join(', ') || `no ${role} tensors`;
    throw new TypeError(`${caller}: ${what} has ${list}, got ${found[i] ? '' : 'no '}${role}${part}`);
  });
  if (size === null) return [null, null, null];
  const [weight, bias, normWeight, normBias] = found;
  checkLike(caller, `${role}Weight`, weight!, [size, features], x);
  for (const [part, value] of [['Bias', bias], ['NormWeight', normWeight], ['NormBias', normBias]] as const) {
    checkLike(caller, `${role}${part}`, value!, [size], x);
  }
  return [weight!, normWeight!, attentionNorm === 'batch' ? normBias! : bias!];
}
