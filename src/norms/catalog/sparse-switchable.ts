/** Sparse switchable norm in the catalogue. */
import { item } from '../../tensor/read.ts';
import {
  SparseSwitchableNorm,
  sparseSwitchableNorm,
  sparseSwitchableNormDefinition,
  type SparseSwitchableNormOptions,
  type SparseSwitchableNormState,
  sparseSwitchableRatios,
} from '../sparse-switchable.ts';
import { type Call, type NormEntry, type OptionDoc, pick, type TensorPlan } from './entry.ts';
import { isSteady } from './steady.ts';
import { drawSwitch, planSwitchCase, switchOptions, switchOptionsOf } from './switchable.ts';

const sparseOptions: readonly OptionDoc[] = [
  { name: 'ratio', default: '"sparsestmax"', meaning: 'the function from logits to ratios; "sparsemax" knows no radius' },
  { name: 'radius', default: '0', meaning: 'how far the ratios are driven towards 1 and 0; finite, at least 0; a property of the class' },
  { name: 'freeze', default: 'true', meaning: 'let a training call with a single member in a ratio select it for good' },
];

export const sparseSwitchable: NormEntry = {
  slug: 'sparse-switchable',
  name: 'Sparse Switchable Normalization',
  functionName: 'sparseSwitchableNorm',
  className: 'SparseSwitchableNorm',
  paper: {
    authors: 'W. Shao, T. Meng, J. Li, R. Zhang, Y. Li, X. Wang, P. Luo',
    title: 'SSN: Learning Sparse Switchable Normalization via SparsestMax',
    year: 2019,
    link: 'https://arxiv.org/abs/1903.03793',
  },
  family: 'learned',
  averages: 'space, a sample, and the batch per channel, mixed or one of them',
  carries: 'as switchable; the selected statistics',
  formula: `p = sparsestmax(meanWeight, radius),  q = sparsestmax(varWeight, radius)
y = (x - sum of p[k] * mean_k) / sqrt(sum of q[k] * variance_k + eps) * weight + bias     k: "in", "ln", "bn"`,
  // a getter: spreading a list when the module is loaded would keep it in every bundle
  get options() {
    return [...switchOptions, ...sparseOptions];
  },
  constants: ['radius'],
  whole: ['batchCount', 'meanSelected', 'varSelected'],
  apply(form, call) {
    const { params, state, inputs } = call;
    const { weight = null, bias = null, meanWeight, varWeight } = params;
    const held = state as unknown as SparseSwitchableNormState;
    const options = optionsOf(call);
    // before the call, which may select
    const ratios = sparseSwitchableRatios(meanWeight!, varWeight!, held, options);
    const norm = form === 'fused' ? sparseSwitchableNorm : sparseSwitchableNormDefinition;
    return { y: norm(inputs.x!, weight, bias, meanWeight!, varWeight!, held, options), ...ratios };
  },
  smooth(call) {
    const { radius = 0, ratio } = optionsOf(call);
    const { params, state } = call;
    return ([['meanWeight', 'meanSelected'], ['varWeight', 'varSelected']] as const).every(
      ([logits, selected]) => state[selected]!.data[0]! >= 0 || isSteady(params[logits]!, ratio === 'sparsemax' ? 0 : radius),
    );
  },
  draw(choose) {
    const { sizes, options } = drawSwitch(choose);
    return {
      sizes,
      options: {
        ...options,
        ratio: choose.oneOf(['sparsestmax', 'sparsestmax', 'sparsemax']),
        freeze: choose.oneOf([true, true, false]),
        selected: choose.oneOf(['none', 'none', 'none', 'mean', 'both']),
      },
    };
  },
  plan({ sizes, options: { selected, ...options } }) {
    const plan = planSwitchCase({ sizes, options });
    if (!plan) return null;
    const index: TensorPlan = { axes: [], filling: 'index', below: sizes.K! };
    const none: TensorPlan = { axes: [], filling: 'minus one' };
    return {
      ...plan,
      state: {
        ...plan.state,
        meanSelected: selected === 'none' ? none : index,
        varSelected: selected === 'both' ? index : none,
      },
      inputs: { ...plan.inputs, ...(options.ratio === 'sparsestmax' && { radius: { axes: [], filling: 'positive' as const } }) },
      outputs: { ...plan.outputs, meanRatio: ['K'], varRatio: ['K'] },
    };
  },
  classifier: (channels) => new SparseSwitchableNorm(channels),
};

/** The options of a call; the radius is one of its inputs. */
function optionsOf({ config, mode, inputs }: Call): SparseSwitchableNormOptions {
  return {
    ...switchOptionsOf(config, mode),
    ...pick<SparseSwitchableNormOptions>(config, ['ratio', 'freeze']),
    ...(inputs.radius && { radius: item(inputs.radius) }),
  };
}
