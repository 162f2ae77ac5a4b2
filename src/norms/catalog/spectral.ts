/** Spectral norm in the catalogue. */
import { bilinear } from '../../tensor/power-iteration.ts';
import { svd } from '../../tensor/svd.ts';
import { doubleMatrix, type PowerState } from '../_power.ts';
import { SpectralNorm, spectralNorm, spectralNormDefinition, type SpectralNormOptions } from '../spectral.ts';
import { axesOf, extents } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';
import { throughLayer } from './layers.ts';

export const spectral: NormEntry = {
  slug: 'spectral',
  name: 'Spectral Normalization',
  functionName: 'spectralNorm',
  className: 'SpectralNorm',
  paper: {
    authors: 'T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida',
    title: 'Spectral Normalization for Generative Adversarial Networks',
    year: 2018,
    link: 'https://arxiv.org/abs/1802.05957',
  },
  family: 'weight',
  averages: 'the weight as a matrix',
  carries: 'the vectors u and v',
  formula: 'weight / sigma',
  options: [
    { name: 'nPowerIterations', default: '1', meaning: 'steps of the power method in each training call' },
    { name: 'dim', default: '0', meaning: 'the axis of the outputs; negative counts from the back' },
    { name: 'eps', default: '1e-12', meaning: 'a length or divisor up to this counts as 0; finite, above 0' },
    { name: 'mode', default: "'power'", meaning: "'power' follows the largest singular value, 'svd' takes it from a decomposition" },
    { name: 'training', default: 'true', meaning: 'function only: move the vectors before they are used' },
    { name: 'warmupIterations', default: '15', meaning: 'class only: steps of the power method at the start' },
    { name: 'random', default: 'new Random(0)', meaning: 'class only: where the first vectors come from' },
  ],
  transform: (random) => new SpectralNorm({ random }),
  apply(form, call) {
    const norm = form === 'fused' ? spectralNorm : spectralNormDefinition;
    const options = pick<SpectralNormOptions>(call.config, ['nPowerIterations', 'dim', 'eps', 'mode']);
    const state = options.mode === 'svd' ? null : (call.state as unknown as PowerState);
    return throughLayer(call, norm(call.inputs.weight!, state, { ...options, training: call.mode === 'train' }));
  },
  heldState: true,
  smooth({ config, inputs, state }) {
    const { mode, dim = 0 } = config as SpectralNormOptions;
    const { m, h, w } = doubleMatrix('spectralNorm', inputs.weight!, dim);
    const { values } = svd(m, h, w);
    if (!(values[0]! > 1e-9)) return false;
    // in mode svd the largest singular value has to stand alone; else the estimate has to be one, far from 0
    if (mode === 'svd') return values.length < 2 || values[1]! < 0.95 * values[0]!;
    const [u, v] = [Float64Array.from(state.u!.data), Float64Array.from(state.v!.data)];
    const lengths = Math.sqrt(u.reduce((t, x) => t + x * x, 0) * v.reduce((t, x) => t + x * x, 0));
    return Math.abs(bilinear(m, u, v)) > 0.1 * values[0]! * lengths;
  },
  draw(choose) {
    const axes = Array.from({ length: choose.integer(1, 3) }, (_, i) => `D${i}`);
    const mode = choose.oneOf(['power', 'power', 'svd']);
    return {
      sizes: extents(choose, axes, 4),
      options: {
        mode,
        dim: choose.integer(-axes.length, axes.length - 1),
        nPowerIterations: choose.integer(1, 3),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...config } }) {
    const axes = axesOf(sizes, 'D');
    const dim = config.dim as number;
    if (axes.length === 0 || dim >= axes.length || dim < -axes.length) return null;
    const kept = axes[(dim + axes.length) % axes.length]!;
    const others = axes.filter((axis) => axis !== kept);
    // the columns are several axes in one: their vector has as many elements
    if (others.length > 1 && config.mode === 'power') return null;
    return {
      config,
      params: {},
      state:
        config.mode === 'power'
          ? {
              u: { axes: [kept], filling: 'nonzero' },
              v: { axes: others.length === 0 ? ['1'] : others, filling: 'nonzero' },
            }
          : {},
      inputs: { weight: { axes, filling: 'data' } },
      outputs: { weight: axes },
      modes: modes as readonly Mode[],
    };
  },
};
