/** Sync batch norm in the catalogue: replicas are the inputs x0, x1, … of one process. */
import type { Tensor } from '../../tensor/tensor.ts';
import type { BatchNormState } from '../batch.ts';
import { SyncBatchNorm, syncBatchNorm, syncBatchNormDefinition, type SyncBatchNormOptions } from '../sync-batch.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick, type TensorPlan, type Tensors } from './entry.ts';

export const syncBatch: NormEntry = {
  slug: 'sync-batch',
  name: 'Synchronized Batch Normalization',
  functionName: 'syncBatchNorm',
  className: 'SyncBatchNorm',
  paper: {
    authors: 'H. Zhang, K. Dana, J. Shi, Z. Zhang, X. Wang, A. Tyagi, A. Agrawal',
    title: 'Context Encoding for Semantic Segmentation',
    year: 2018,
    link: 'https://arxiv.org/abs/1803.08904',
  },
  family: 'standardize',
  averages: 'batch and space of all replicas, per channel',
  carries: 'running mean and variance, batch count',
  formula: 'y_r = (x_r - mean) / sqrt(variance + eps) * weight + bias',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value, in [0, 1]; null: the average over all calls' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the replicas' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
    { name: 'trackRunningStats', default: 'true', meaning: 'class only: keep a state; without, evaluation uses the replicas' },
    { name: 'communicator', default: 'this process alone', meaning: 'connects to the threads or processes that have the other replicas' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? syncBatchNorm : syncBatchNormDefinition;
    const options = { ...pick<SyncBatchNormOptions>(config, ['eps', 'momentum']), training: mode === 'train' };
    const held = config.trackRunningStats === false ? null : (state as unknown as BatchNormState);
    const xs = numbered(inputs, 'x');
    const each = (name: string): Tensor | Tensor[] | null =>
      `${name}0` in params ? numbered(params, name) : (params[name] ?? null);
    const ys = call(xs, each('weight'), each('bias'), held, options);
    return Object.fromEntries(ys.map((y, r) => [`y${r}`, y]));
  },
  copies({ replicas }) {
    const names: Record<string, string> = {};
    for (let r = 0; r < Number(replicas ?? 0); r++) for (const name of ['weight', 'bias']) names[`${name}${r}`] = name;
    return names;
  },
  draw(choose) {
    const replicas = choose.oneOf([2, 2, 3, 1]);
    const own = choose.oneOf([false, true]);
    const spatial = spatialNames(choose.integer(0, own ? 1 : 2));
    const names = Array.from({ length: replicas }, (_, r) => [`N${r}`, ...(own ? spatial.map((name) => `${r}${name}`) : [])]);
    return {
      sizes: extents(choose, ['C', ...names.flat(), ...(own ? [] : spatial)], 4),
      options: {
        replicas,
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf([...momentumChoices, null]),
        affine: choose.oneOf([true, true, false]),
        trackRunningStats: choose.oneOf([true, true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    if (sizes.C === undefined) return null;
    const inputs: Record<string, TensorPlan> = {};
    const outputs: Record<string, readonly string[]> = {};
    let count = 0;
    for (let r = 0; r < (options.replicas as number); r++) {
      const axes = [`N${r}`, 'C', ...axesOf(sizes, `${r}S`), ...axesOf(sizes, 'S')];
      if (sizes[`N${r}`] === undefined || axes.length !== (outputs.y0 ?? axes).length) return null;
      inputs[`x${r}`] = { axes, filling: 'data' };
      outputs[`y${r}`] = axes;
      count += product(sizes, axes) / sizes.C;
    }
    if (count < 2) return null;
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: options.trackRunningStats
        ? {
            runningMean: { axes: ['C'], filling: 'parameter' },
            runningVar: { axes: ['C'], filling: 'positive' },
            numBatchesTracked: { axes: [], filling: 'zero' },
          }
        : {},
      inputs,
      outputs,
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new SyncBatchNorm(channels),
};

/** The tensors name0, name1, … in order. */
function numbered(tensors: Readonly<Tensors>, name: string): Tensor[] {
  const found: Tensor[] = [];
  for (let at = tensors[`${name}0`]; at; at = tensors[`${name}${found.length}`]) found.push(at);
  return found;
}
