/** ActNorm in the catalogue. */
import { assign } from '../../tensor/assign.ts';
import { ones, zeros } from '../../tensor/create.ts';
import {
  ActNorm,
  actNorm,
  actNormDefinition,
  actNormInverse,
  actNormInverseDefinition,
  type ActNormOptions,
  type ActNormState,
} from '../activation.ts';
import { axesOf, extents, product, spatialNames } from './choices.ts';
import { type Call, type Form, type Mode, type NormEntry, pick, type Tensors } from './entry.ts';

export const activation: NormEntry = {
  slug: 'activation',
  name: 'Activation Normalization (ActNorm)',
  functionName: 'actNorm',
  className: 'ActNorm',
  paper: {
    authors: 'D. P. Kingma, P. Dhariwal',
    title: 'Glow: Generative Flow with Invertible 1x1 Convolutions',
    year: 2018,
    link: 'https://arxiv.org/abs/1807.03039',
  },
  family: 'learned',
  averages: 'batch and space, per channel, in the first training call alone',
  carries: 'whether weight and bias have been set',
  formula: 'y = s * x + bias;  logdet = positions * sum(log|s|)',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'order', default: "'scaleFirst'", meaning: "`'scaleFirst'`: s * x + bias; `'biasFirst'`: (x + bias) * s" },
    { name: 'parameterization', default: "'scale'", meaning: "`'scale'`: s = weight; `'log'`: s = exp(logscaleFactor * logs)" },
    { name: 'logscaleFactor', default: '1', meaning: "with `'log'`; finite, above 0" },
    { name: 'initScale', default: '1', meaning: 'standard deviation of the result of the first batch; finite, above 0' },
    { name: 'eps', default: '1e-6', meaning: 'added to the standard deviation of the first batch, outside the root; finite, at least 0' },
    { name: 'unbiased', default: 'false', meaning: 'divide the variance of the first batch by one less than the count' },
    { name: 'training', default: 'true', meaning: 'function only: set the parameters if the state says that they are not' },
    { name: 'warn', default: 'nothing', meaning: 'called with a sentence for a constant channel, or parameters that nothing has set' },
  ],
  apply(form, call) {
    const { config, params, state, mode, op, inputs } = call;
    const options: ActNormOptions = {
      ...pick<ActNormOptions>(config, ['order', 'parameterization', 'logscaleFactor', 'initScale', 'eps', 'unbiased']),
      training: mode === 'train',
    };
    const weight = (params.weight ?? params.logs)!;
    const held = state as unknown as ActNormState;
    if (op === 'inverse') {
      const inverse = form === 'fused' ? actNormInverse : actNormInverseDefinition;
      return { ...inverse(inputs.y!, weight, params.bias!, held, options) };
    }
    if (op === 'init') return initialized(form, call);
    if (op !== undefined) throw new RangeError(`activation: the operations are init and inverse, got ${op}`);
    const norm = form === 'fused' ? actNorm : actNormDefinition;
    return { ...norm(inputs.x!, weight, params.bias!, held, options) };
  },
  sets: ['weight', 'logs', 'bias'],
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        order: choose.oneOf(['scaleFirst', 'biasFirst']),
        parameterization: choose.oneOf(['scale', 'log']),
        logscaleFactor: choose.oneOf([1, 3]),
        initScale: choose.oneOf([1, 0.5, 1.5]),
        // a smaller one scales a constant channel of 1000 so much that float32 is left without a digit
        eps: choose.oneOf([1, 0.125, 2 ** -10]),
        unbiased: choose.oneOf([false, true]),
        initialized: choose.oneOf([false, true]),
        op: choose.oneOf([undefined, undefined, 'inverse']),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['eval', 'train'], ['train', 'train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { initialized: isSet, op, modes, ...options } }) {
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    if (sizes.N === undefined || sizes.C === undefined) return null;
    if (options.unbiased === true && product(sizes, x) / sizes.C < 2) return null;
    const [from, to] = op === 'inverse' ? ['y', 'x'] : ['x', 'y'];
    return {
      config: { numFeatures: sizes.C, ...options },
      params: {
        [options.parameterization === 'log' ? 'logs' : 'weight']: { axes: ['C'], filling: 'nonzero' },
        bias: { axes: ['C'], filling: 'parameter' },
      },
      state: { initialized: { axes: [], filling: isSet === true ? 'one' : 'zero' } },
      inputs: { [from]: { axes: x, filling: 'data' } },
      outputs: { [to]: x, logdet: [] },
      modes: modes as readonly Mode[],
      ops: (modes as readonly Mode[]).map(() => op as string | undefined),
    };
  },
  classifier: (channels) => new ActNorm(channels),
};

/** The operation `init`: a forward that sets the parameters from its batch, whatever has been set before. */
function initialized(form: Form, call: Call): Tensors {
  const { op: _init, ...forward } = call;
  const dtype = call.state.initialized!.dtype;
  const out = activation.apply(form, { ...forward, mode: 'train', state: { initialized: zeros([], { dtype }) } });
  assign(call.state.initialized!, ones([]));
  return out;
}
