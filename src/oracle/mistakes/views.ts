/**
 * The calls of a case that are a standardization over a view, as numbers for `standardized`, and the way back from its
 * results to the tensors of an answer.
 */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { normsOf, slicesAlong } from '../../norms/_slices.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Answer } from '../answer.ts';
import type { Case, CaseCall } from '../case.ts';
import { conditionOf, styleOf } from './conditions.ts';
import { before, mapped, shaped } from './mistake.ts';
import { type Standardization, type Standardized, standardized } from './standardization.ts';

/** A call as a standardization. */
export interface Viewed extends Standardization {
  /** The outputs that a result stands for. */
  outputs(y: Float64Array): Tensors;
  /** The gradients of inputs and parameters; of parameters only those that weight or bias is itself. */
  grads(found: Pick<Standardized, 'dx' | 'dWeight' | 'dBias'>): Tensors;
}

/** What the builders get. */
interface At {
  readonly config: Case['config'];
  readonly params: Tensors;
  readonly state: Tensors;
  readonly call: CaseCall;
}

const builders: Readonly<Record<string, (at: At) => Viewed | null>> = {
  layer: (at) => trailing(at, true),
  rms: (at) => trailing(at, false),
  batch: batchLike,
  instance: (at) => instanceLike(at, at.params),
  group,
  'conditional-batch': conditionalBatch,
  'conditional-instance': (at) => sampleLike(at, conditionOf(at.config, at.params, at.call.inputs)),
  'adaptive-instance': adaptive,
  'sync-batch': syncBatch,
  'filter-response': filterResponse,
  'weight-standardization': weightStandardization,
  weight: weightNorm,
  'weight-demodulation': weightDemodulation,
};

/** Norms that are a standardization over a view. */
export function viewed(): string[] {
  return Object.keys(builders);
}

/** Whether a norm is one of them. */
export function isViewed(slug: string): boolean {
  return slug in builders;
}

/** Call `index` of a case as a standardization; null when it is none. */
export function viewOf(asked: Case, right: readonly Answer[], index: number): Viewed | null {
  const call = asked.calls[index]!;
  const builder = builders[asked.entry.slug];
  if (!builder || call.op !== undefined || asked.config.layer !== undefined) return null;
  return builder({ config: asked.config, call, ...before(asked, right, index) });
}

const doubles = (x: Tensor | null | undefined): Float64Array | null => (x ? Float64Array.from(x.data) : null);

function epsOf({ config }: At, usual = 1e-5): number {
  return typeof config.eps === 'number' ? config.eps : usual;
}

/** The usual way from and to tensors: one input, one output, and weight and bias as they are. */
function direct({ call, params }: At, input = 'x', output = 'y'): Pick<Viewed, 'x' | 'dy' | 'outputs' | 'grads'> {
  const x = call.inputs[input]!;
  const dy = call.gradOutputs[output];
  return {
    x: Float64Array.from(x.data),
    dy: dy ? Float64Array.from(dy.data) : new Float64Array(x.data.length),
    outputs: (y) => ({ [output]: shaped(y, x) }),
    grads: ({ dx, dWeight, dBias }) => ({
      [input]: shaped(dx, x),
      ...(params.weight?.data.length === dWeight.length && { weight: shaped(dWeight, params.weight) }),
      ...(params.bias?.data.length === dBias.length && { bias: shaped(dBias, params.bias) }),
    }),
  };
}

function sizes(x: Tensor): { samples: number; channels: number; inner: number } {
  const [samples, channels] = x.shape as [number, number];
  return { samples, channels, inner: x.data.length / (samples * channels) };
}

function trailing(at: At, centred: boolean): Viewed | null {
  const { config, params, call } = at;
  const shape = config.normalizedShape ?? params.weight?.shape ?? params.bias?.shape;
  const length = typeof shape === 'number' ? shape : (shape as readonly number[]).reduce((n, extent) => n * extent, 1);
  const rows = call.inputs.x!.data.length / length;
  return {
    ...direct(at),
    statistics: { outer: 1, channel: rows, inner: length },
    affine: { outer: rows, channel: length, inner: 1 },
    weight: doubles(params.weight),
    bias: centred ? doubles(params.bias) : null,
    eps: epsOf(at, centred ? 1e-5 : 1e-6),
    centred,
  };
}

/** Mean and variance of the state, in an evaluation that uses them. */
function heldStatistics({ config, state, call }: At, tracked: boolean): Standardization['given'] {
  if (call.mode === 'train' || !state.runningMean || !tracked || config.trackRunningStats === false) return null;
  return { mean: state.runningMean.data, variance: state.runningVar!.data };
}

function batchLike(at: At): Viewed {
  const { samples, channels, inner } = sizes(at.call.inputs.x!);
  const view = { outer: samples, channel: channels, inner };
  const { weight, bias } = at.params;
  return {
    ...direct(at),
    statistics: view,
    affine: view,
    weight: doubles(weight),
    bias: doubles(bias),
    eps: epsOf(at),
    centred: true,
    given: heldStatistics(at, true) ?? null,
  };
}

function instanceLike(at: At, { weight, bias }: Tensors): Viewed {
  const { samples, channels, inner } = sizes(at.call.inputs.x!);
  const affine = { outer: samples, channel: channels, inner };
  const given = heldStatistics(at, at.config.trackRunningStats === true) ?? null;
  return {
    ...direct(at),
    statistics: given ? affine : { outer: 1, channel: samples * channels, inner },
    affine,
    weight: doubles(weight),
    bias: doubles(bias),
    eps: epsOf(at),
    centred: true,
    given,
  };
}

function group(at: At): Viewed {
  const { samples, channels, inner } = sizes(at.call.inputs.x!);
  const groups = at.config.numGroups as number;
  return {
    ...instanceLike(at, at.params),
    statistics: { outer: 1, channel: samples * groups, inner: (channels / groups) * inner },
  };
}

/** Each channel of each sample has a weight and a bias of its own. */
function sampleLike(at: At, affine: { readonly weight: Float64Array; readonly bias: Float64Array } | null): Viewed | null {
  if (!affine) return null;
  const { samples, channels, inner } = sizes(at.call.inputs.x!);
  const view = { outer: 1, channel: samples * channels, inner };
  const { x, dy, outputs } = direct(at);
  const input = at.call.inputs.x!;
  const grads: Viewed['grads'] = ({ dx }) => ({ x: shaped(dx, input) });
  return { x, dy, outputs, grads, statistics: view, affine: view, ...affine, eps: epsOf(at), centred: true };
}

function conditionalBatch(at: At): Viewed | null {
  const own = sampleLike(at, conditionOf(at.config, at.params, at.call.inputs));
  return own && { ...own, statistics: batchLike(at).statistics, given: heldStatistics(at, true) ?? null };
}

function adaptive(at: At): Viewed | null {
  const { alpha = 1, unbiased = false } = at.config as { alpha?: number; unbiased?: boolean };
  const { samples, channels } = sizes(at.call.inputs.x!);
  const { std, mean } = styleOf(at.config, at.call.inputs);
  const each = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: samples * channels }, (_, i) => alpha * values[i % values.length]!);
  const own = sampleLike(at, { weight: each(std), bias: each(mean) });
  return own && { ...own, through: 1 - alpha, ...(unbiased && { divisor: (n: number) => n - 1 }) };
}

/** All replicas in one: each channel with the values of all of them. */
function syncBatch(at: At): Viewed | null {
  const { call, params, state, config } = at;
  const names = Object.keys(call.inputs).filter((name) => name.startsWith('x'));
  if (params.weight0 || params.bias0) return null;
  const channels = call.inputs.x0!.shape[1]!;
  const counts = names.map((name) => call.inputs[name]!.data.length / channels);
  const total = counts.reduce((a, b) => a + b, 0);
  /** Where element i of replica r stands. */
  const place = (r: number, i: number): number => {
    const { inner } = sizes(call.inputs[names[r]!]!);
    const channel = Math.floor(i / inner) % channels;
    const position = Math.floor(i / (inner * channels)) * inner + (i % inner);
    return channel * total + counts.slice(0, r).reduce((a, b) => a + b, 0) + position;
  };
  const gathered = (tensor: (r: number) => Tensor | undefined): Float64Array => {
    const all = new Float64Array(channels * total);
    names.forEach((_, r) => tensor(r)?.data.forEach((value, i) => (all[place(r, i)] = value)));
    return all;
  };
  const apart = (all: Float64Array, prefix: string): Tensors =>
    Object.fromEntries(names.map((name, r) => [`${prefix}${r}`, mapped(call.inputs[name]!, (_, i) => all[place(r, i)]!)]));
  const view = { outer: 1, channel: channels, inner: total };
  return {
    x: gathered((r) => call.inputs[`x${r}`]),
    dy: gathered((r) => call.gradOutputs[`y${r}`]),
    outputs: (y) => apart(y, 'y'),
    grads: ({ dx }) => apart(dx, 'x'),
    statistics: view,
    affine: view,
    weight: doubles(params.weight),
    bias: doubles(params.bias),
    eps: epsOf(at),
    centred: true,
    given: heldStatistics({ config, state, call, params }, true) ?? null,
  };
}

/** What tau cuts off has no part in the gradients; its own gradient is not among them. */
function filterResponse(at: At): Viewed {
  const { weight, bias, tau, epsLearned } = at.params;
  const own: Viewed = {
    ...instanceLike(at, { weight: weight!, bias: bias! }),
    centred: false,
    eps: epsOf(at, 1e-6) + Math.abs(epsLearned?.data[0] ?? 0),
  };
  if (!tau) return own;
  const { channels, inner } = sizes(at.call.inputs.x!);
  const tauOf = (i: number): number => tau.data[Math.floor(i / inner) % channels]!;
  const { y } = standardized(own);
  return {
    ...own,
    dy: own.dy.map((g, i) => (y[i]! >= tauOf(i) ? g : 0)),
    outputs: (values) => own.outputs(values.map((value, i) => Math.max(value, tauOf(i)))),
  };
}

function weightStandardization(at: At): Viewed {
  const weight = at.call.inputs.weight!;
  const filters = weight.shape[0]!;
  const view = { outer: 1, channel: filters, inner: weight.data.length / filters };
  const { epsMode = 'outside', unbiased = false } = at.config;
  return {
    ...direct({ ...at, params: {} }, 'weight', 'weight'),
    statistics: view,
    affine: view,
    weight: null,
    bias: null,
    eps: epsOf(at),
    outside: epsMode === 'outside',
    centred: true,
    ...(unbiased === true && { divisor: (n: number) => n - 1 }),
  };
}

/** About zero, the squares not divided; where the floor of the length holds it is none. */
function weightNorm(at: At): Viewed | null {
  const { weightV, weightG } = at.call.inputs as { weightV: Tensor; weightG: Tensor };
  const { dim = 0, eps = 1e-12 } = at.config as { dim?: number | null; eps?: number };
  const { view } = slicesAlong('weightNorm', weightV.shape, dim);
  if (normsOf(weightV.data, view).some((n) => !(n > eps))) return null;
  return {
    ...direct({ ...at, params: {} }, 'weightV', 'weight'),
    grads: ({ dx, dWeight }) => ({ weightV: shaped(dx, weightV), weightG: shaped(dWeight, weightG) }),
    statistics: view,
    affine: view,
    weight: doubles(weightG),
    bias: null,
    eps: 0,
    centred: false,
    divisor: () => 1,
  };
}

/** The weight times the style, one for each sample, is what is brought to length 1. */
function weightDemodulation(at: At): Viewed | null {
  const { weight, style } = at.call.inputs as { weight: Tensor; style: Tensor };
  const { styleOffset = 0, demodulate = true } = at.config as { styleOffset?: number; demodulate?: boolean };
  const dy = at.call.gradOutputs.weight;
  if (!demodulate || !dy) return null;
  const [samples, channels] = style.shape as [number, number];
  const filters = weight.shape[0]!;
  const taps = weight.data.length / (filters * channels);
  const styleAt = (i: number): number => Math.floor(i / weight.data.length) * channels + (Math.floor(i / taps) % channels);
  const scaleAt = (i: number): number => style.data[styleAt(i)]! + styleOffset;
  const x = Float64Array.from(dy.data, (_, i) => weight.data[i % weight.data.length]! * scaleAt(i));
  const view = { outer: 1, channel: samples * filters, inner: channels * taps };
  return {
    x,
    dy: Float64Array.from(dy.data),
    outputs: (y) => ({ weight: shaped(y, dy) }),
    grads({ dx }) {
      const dWeight = new Float64Array(weight.data.length);
      const dStyle = new Float64Array(style.data.length);
      for (let i = 0; i < dx.length; i++) {
        dWeight[i % dWeight.length]! += dx[i]! * scaleAt(i);
        dStyle[styleAt(i)]! += dx[i]! * weight.data[i % dWeight.length]!;
      }
      return { weight: shaped(dWeight, weight), style: shaped(dStyle, style) };
    },
    statistics: view,
    affine: view,
    weight: null,
    bias: null,
    eps: epsOf(at, 1e-8),
    centred: false,
    divisor: () => 1,
  };
}
