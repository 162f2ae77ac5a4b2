/** Stable rank norm in the catalogue. */
import { doubleMatrix, type PowerState } from '../_power.ts';
import { StableRankNorm, stableRankNorm, stableRankNormDefinition, type StableRankNormOptions } from '../stable-rank.ts';
import { project } from '../_stable-rank.ts';
import { extents } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';
import { throughLayer } from './layers.ts';

const names = ['mode', 'rank', 'rankRatio', 'k', 'spectral', 'nPowerIterations', 'dim', 'eps'] as const;

export const stableRank: NormEntry = {
  slug: 'stable-rank',
  name: 'Stable Rank Normalization',
  functionName: 'stableRankNorm',
  className: 'StableRankNorm',
  paper: {
    authors: 'A. Sanyal, P. H. S. Torr, P. K. Dokania',
    title: 'Stable Rank Normalization for Improved Generalization in Neural Networks and GANs',
    year: 2020,
    link: 'https://arxiv.org/abs/1906.04659',
  },
  family: 'weight',
  averages: 'the weight as a matrix',
  carries: 'the vectors u and v',
  formula: 'E + sqrt(r - 1) N, E = u v^T and N = (M - sigma E) / |M - sigma E|',
  options: [
    { name: 'rank', default: 'this or rankRatio', meaning: 'the stable rank asked for, at least 1' },
    { name: 'rankRatio', default: 'this or rank', meaning: 'the stable rank as a part of the smaller side, in (0, 1]' },
    { name: 'k', default: '1', meaning: "how many of the largest singular values are kept; in mode 'power' 0 or 1" },
    { name: 'spectral', default: 'true', meaning: 'divide the result by its largest singular value' },
    { name: 'mode', default: "'power'", meaning: "'power' is the published procedure, 'svd' the exact projection" },
    { name: 'nPowerIterations', default: '1', meaning: 'steps of the power method in each training call' },
    { name: 'dim', default: '0', meaning: 'the axis of the outputs; negative counts from the back' },
    { name: 'eps', default: '1e-12', meaning: 'a length or divisor up to this counts as 0; finite, above 0' },
    { name: 'training', default: 'true', meaning: 'function only: move the vectors before they are used' },
    { name: 'warmupIterations', default: '15', meaning: 'class only: steps of the power method at the start' },
    { name: 'random', default: 'new Random(0)', meaning: 'class only: where the first vectors come from' },
  ],
  transform: (random) => new StableRankNorm({ rankRatio: 0.7, random }),
  apply(form, call) {
    const norm = form === 'fused' ? stableRankNorm : stableRankNormDefinition;
    const options = pick<StableRankNormOptions>(call.config, names);
    const state = options.mode === 'svd' ? null : (call.state as unknown as PowerState);
    return throughLayer(call, norm(call.inputs.weight!, state, { ...options, training: call.mode === 'train' }));
  },
  heldState: true,
  smooth(call) {
    const { rank, k = 1, spectral = true, mode, dim = 0 } = call.config as StableRankNormOptions;
    const { m, h, w } = doubleMatrix('stableRankNorm', call.inputs.weight!, dim);
    const target = { r: Math.min(h, w) === 1 ? Infinity : rank!, k, spectral };
    const held = { u: Float64Array.from(call.state.u?.data ?? []), v: Float64Array.from(call.state.v?.data ?? []) };
    const exact = project(m, h, w, null, target, 1e-12);
    const { values } = exact.decomposition!;
    if (!(values[0]! > 1e-9)) return false;
    if (mode !== 'svd') {
      // an estimate that is one, a rest that is there, and no branch nearby
      const { sigma, f } = project(m, h, w, held, target, 1e-12);
      const limit = Math.sqrt(target.r - 1) * Math.abs(sigma);
      return Math.abs(sigma) > 0.2 * values[0]! && f > 0.05 * values[0]! && (limit === Infinity || Math.abs(f - limit) > 0.2 * f);
    }
    const gaps = values.every((value, i) => i + 1 === values.length || values[i + 1]! < 0.9 * value);
    const limit = Math.sqrt(target.r - 1) * values[0]!;
    const tail = Math.sqrt(values.reduce((total, value) => total + value * value, 0) - values[0]! ** 2);
    const alone = Array.from(values, (_, i) => values.slice(0, i + 1).reduce((total, value) => total + value * value, 0) / values[0]! ** 2);
    const clear = alone.every((stable, i) => i === 0 || Math.abs(stable - target.r) > 0.1 * target.r);
    return gaps && tail > 0.05 * values[0]! && clear && (limit === Infinity || Math.abs(tail - limit) > 0.1 * tail);
  },
  draw(choose) {
    const mode = choose.oneOf(['power', 'power', 'svd']);
    return {
      sizes: extents(choose, ['D0', 'D1'], 4),
      options: {
        mode,
        rank: choose.oneOf([1.25, 1.5, 3]),
        k: choose.integer(0, mode === 'power' ? 1 : 2),
        spectral: choose.oneOf([true, false]),
        dim: choose.integer(-2, 1),
        nPowerIterations: choose.integer(1, 3),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...config } }) {
    if (sizes.D0 === undefined || sizes.D1 === undefined) return null;
    const rows = (config.dim as number) % 2 === 0 ? 'D0' : 'D1';
    const columns = rows === 'D0' ? 'D1' : 'D0';
    return {
      config,
      params: {},
      state:
        config.mode === 'power' ? { u: { axes: [rows], filling: 'nonzero' }, v: { axes: [columns], filling: 'nonzero' } } : {},
      inputs: { weight: { axes: ['D0', 'D1'], filling: 'data' } },
      outputs: { weight: ['D0', 'D1'] },
      modes: modes as readonly Mode[],
    };
  },
};
