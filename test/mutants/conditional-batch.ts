/** Mistakes in conditional batch norm and in the networks that change its scale and shift. */
import type { Mutant } from './mutant.ts';

const norm = 'conditional-batch';
const file = 'src/norms/conditional-batch.ts';
const network = 'src/norms/_delta-mlp.ts';
const own = ['norms/conditional-batch'];
const all = ['norms/vectors', 'norms/fused', 'norms/conditional-batch'];

export const mutants: readonly Mutant[] = [
  {
    name: 'conditional-batch: the statistics are those of the whole tensor',
    file,
    find: 'const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);',
    replace: `if (found) {
    const whole = moments(x.data, { outer: 1, channel: 1, inner: x.data.length });
    found.mean.fill(whole.mean[0]!);
    found.variance.fill(whole.variance[0]!);
  }
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);`,
    tests: all,
    norm,
    note: 'the best-known public implementation does this',
  },
  {
    name: 'conditional-batch: the statistics are those of each sample',
    file,
    find: 'const saved = { inputs, mean, rstd, statistics, affine: sampleView(x), own, eps };',
    replace: `const alone = moments(x.data, sampleView(x));
  const saved = found
    ? { inputs, mean: alone.mean, rstd: rstdOf(alone.variance, eps), statistics: sampleView(x), affine: sampleView(x), own, eps }
    : { inputs, mean, rstd, statistics, affine: sampleView(x), own, eps };`,
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: every sample has the scale of the first',
    file,
    find: 'affine: sampleView(x), own, eps };',
    replace: 'affine: statistics, own, eps };',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: both changes come from one network',
    file,
    find: "const beta = deltaMlpOf(caller, 'beta', parameters, embedding, x);",
    replace: "const beta = deltaMlpOf(caller, 'beta', parameters, embedding, x) && (gamma ?? deltaMlpOf(caller, 'beta', parameters, embedding, x));",
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: the change takes the place of the weight',
    file,
    find: 'mlp ? add(base(parameter), deltaMlp(embedding, mlp))',
    replace: 'mlp ? deltaMlp(embedding, mlp)',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: weight and bias get a gradient when they are frozen',
    file,
    find: 'const base = frozenAffine ? detach : (parameter: Tensor): Tensor => parameter;',
    replace: 'const base = frozenAffine && !detach ? detach : (parameter: Tensor): Tensor => parameter;',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: weight and bias never get a gradient',
    file,
    find: 'const base = frozenAffine ? detach : (parameter: Tensor): Tensor => parameter;',
    replace: 'const base = frozenAffine ? detach : detach;',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: lookup and direct are frozen too',
    file,
    find: "const { conditioning = 'mlp', frozenAffine = conditioning === 'mlp', eps = 1e-5, momentum = 0.1, training = true } = options;",
    replace: "const { conditioning = 'mlp', frozenAffine = true, eps = 1e-5, momentum = 0.1, training = true } = options;",
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: the class freezes nothing',
    file,
    find: 'this.weight.requiresGrad = this.bias.requiresGrad = !frozenAffine;',
    replace: 'void frozenAffine;',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: the running variance is biased',
    file,
    find: 'updateRunning(state!, found!.mean, unbiased(found!.variance, count), momentum);',
    replace: 'updateRunning(state!, found!.mean, found!.variance, momentum);',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: the statistics are updated in evaluation',
    file,
    find: 'own, update: training && state !== null };',
    replace: 'own: own || state !== null, update: state !== null };',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: evaluation uses the batch',
    file,
    find: 'const own = training || !state;',
    replace: 'const own = true;',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: the derivative takes running statistics for those of the batch',
    file,
    find: 'affine: sampleView(x), own, eps };',
    replace: 'affine: sampleView(x), own: true, eps };',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: the derivative holds the statistics of the batch',
    file,
    find: 'affine: sampleView(x), own, eps };',
    replace: 'affine: sampleView(x), own: false, eps };',
    tests: all,
    norm,
  },
  {
    name: 'conditional-batch: a channel of one value is let through',
    file,
    find: 'if (own && count < 2) {',
    replace: 'if (own && count < 1) {',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: the second derivative is that without eps',
    file,
    find: 'rsqrt(add(variance(x!, { axis, keepDims: true }), saved.eps))',
    replace: 'rsqrt(add(variance(x!, { axis, keepDims: true }), 0 * saved.eps))',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: the second derivative takes the statistics of the batch in evaluation',
    file,
    find: 'const xHat = saved.own\n',
    replace: 'const xHat = saved.eps >= 0\n',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: eps 0 is taken for the default',
    file,
    find: "frozenAffine = conditioning === 'mlp', eps = 1e-5, momentum = 0.1, training = true } = options;",
    replace: "frozenAffine = conditioning === 'mlp', momentum = 0.1, training = true } = options;\n  const eps = options.eps || 1e-5;",
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: zeroInitOut is ignored',
    file,
    find: 'const out = zeroInitOut ? zero : matrix;',
    replace: 'const out = zeroInitOut && !zero ? zero : matrix;',
    tests: own,
    norm,
  },
  {
    name: 'conditional-batch: the networks always have an output bias',
    file,
    find: 'this.betaOutBias = beta && outputBias ? ',
    replace: 'this.betaOutBias = beta ? ',
    tests: own,
    norm,
  },
  {
    name: 'delta mlp: no rectifier',
    file: network,
    find: 'linear(relu(linear(embedding, HiddenWeight, HiddenBias)), OutWeight, OutBias)',
    replace: 'linear(relu && linear(embedding, HiddenWeight, HiddenBias), OutWeight, OutBias)',
    tests: all,
    norm,
  },
  {
    name: 'delta mlp: the hidden bias is left out',
    file: network,
    find: 'linear(embedding, HiddenWeight, HiddenBias)',
    replace: 'linear(embedding, HiddenWeight, HiddenBias && null)',
    tests: all,
    norm,
  },
  {
    name: 'delta mlp: the output bias is left out',
    file: network,
    find: 'OutWeight, OutBias);\n}',
    replace: 'OutWeight, OutBias && null);\n}',
    tests: all,
    norm,
  },
  {
    name: 'delta mlp: half a network is taken for none',
    file: network,
    find: 'if (!HiddenWeight && !HiddenBias && !OutWeight && !OutBias) return null;',
    replace: 'if (!HiddenWeight) return null;',
    tests: own,
    norm,
  },
];
