/** Catalogued mistakes of `src/oracle/mistakes` that no other topic plants: the diagnosis must name each. */
import { ties } from './filter-response.ts';
import type { Mutant } from './mutant.ts';

const batch = 'src/norms/batch.ts';
const harness = 'src/oracle/answer.ts';
const tests = ['norms/fused', 'norms/vectors'];

export const mutants: readonly Mutant[] = [
  // forward and state
  {
    name: 'mistake: weight standardization exchanges biased and unbiased',
    mistake: 'biased-unbiased-swapped',
    file: 'src/norms/weight-standardization.ts',
    find: 'count: unbiased ? length - 1 : length',
    replace: 'count: unbiased ? length : length - 1',
    tests,
    norm: 'weight-standardization',
  },
  {
    name: 'mistake: weight standardization adds eps under the root in either mode',
    mistake: 'eps-inside-root',
    file: 'src/norms/weight-standardization.ts',
    find: "inside: epsMode === 'inside'",
    replace: 'inside: true',
    tests,
    norm: 'weight-standardization',
  },
  {
    name: 'mistake: weight standardization adds eps outside the root in either mode',
    mistake: 'eps-outside-root-differentiated',
    file: 'src/norms/weight-standardization.ts',
    find: "inside: epsMode === 'inside'",
    replace: 'inside: false',
    tests,
    norm: 'weight-standardization',
  },
  {
    name: 'mistake: layer norm has an eps of 1e-5, whatever is asked for',
    mistake: 'eps-ignored',
    file: 'src/norms/layer.ts',
    find: '  const { rows, length, eps } = check(',
    replace: '  const eps = 1e-5;\n  const { rows, length } = check(',
    tests,
    norm: 'layer',
  },
  {
    name: 'mistake: layer norm divides the variance by n - 1',
    mistake: 'variance-over-n-1',
    file: 'src/norms/layer.ts',
    find: 'rstd: rstdOf(variance, eps), statistics, affine, own: true, options };',
    replace: 'rstd: rstdOf(variance.map((v) => (v * length) / (length - 1)), eps), statistics, affine, own: true, options };',
    tests,
    norm: 'layer',
  },
  {
    name: 'mistake: layer norm subtracts no mean',
    mistake: 'mean-not-subtracted',
    file: 'src/norms/layer.ts',
    find: "  const { mean, variance } = moments(x.data, statistics);\n  const inputs = [x, weight, bias] as const;\n  const saved = { inputs, mean, rstd: rstdOf(variance, eps), statistics, affine, own: true, options };\n  return record(layerNormOp, inputs, saved, standardize(saved));",
    replace: `  void [moments, rstdOf, standardize, statistics, affine, rows, length, eps];
  const about = { axis: check('layerNorm', x, weight, bias, options).axis, keepDims: true };
  return scaleAndShift(mul(x, rsqrt(add(mean(square(x), about), eps))), weight, bias);`,
    tests,
    norm: 'layer',
  },
  {
    name: 'mistake: rms norm subtracts the mean',
    mistake: 'mean-subtracted',
    file: 'src/norms/rms.ts',
    find: "  const { rows, length, eps } = check('rmsNorm', x, weight, options);",
    replace: `  const about = { axis: check('rmsNorm', x, weight, options).axis, keepDims: true };
  const centred = add(x, mul(mean(x, about), -1));
  if (x.shape.length > 0) return scaleAndShift(mul(centred, rsqrt(add(mean(square(centred), about), options.eps ?? 1e-6))), weight, null);
  const { rows, length, eps } = check('rmsNorm', x, weight, options);`,
    tests,
    norm: 'rms',
  },
  {
    name: 'mistake: rms norm has the sum of squares',
    mistake: 'sum-for-mean-of-squares',
    file: 'src/norms/rms.ts',
    find: 'const r = 1 / Math.sqrt(q / length + eps);',
    replace: 'const r = 1 / Math.sqrt(q + eps);',
    also: [{ find: 'const p = projected / length;', replace: 'const p = projected;' }],
    tests,
    norm: 'rms',
  },
  {
    name: 'mistake: batch norm moves its state in evaluation',
    mistake: 'statistics-updated-in-eval',
    file: batch,
    find: 'if (update) track(state!, found!.mean, found!.variance, count, momentum);',
    replace: 'const seen = found ?? moments(x.data, view);\n  if (state && (update || count > 1)) track(state, seen.mean, seen.variance, count, momentum);',
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: batch norm runs evaluation as training',
    mistake: 'train-mode-in-eval',
    file: batch,
    find: '{ eps = 1e-5, momentum = 0.1, training = true }: BatchNormOptions,',
    replace: '{ eps = 1e-5, momentum = 0.1 }: BatchNormOptions,',
    also: [{ find: 'const own = training || !state;', replace: 'const training = true;\n  const own = training || !state;' }],
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: batch norm uses running statistics in training',
    mistake: 'running-statistics-in-training',
    file: batch,
    find: 'const found = own ? moments(x.data, view) : null;',
    replace: 'const seen = moments(x.data, view);\n  const found = own && !state ? seen : null;',
    also: [
      { find: 'statistics: view, affine: view, own, eps };', replace: 'statistics: view, affine: view, own: own && !state, eps };' },
      { find: 'track(state!, found!.mean, found!.variance, count, momentum);', replace: 'track(state!, seen.mean, seen.variance, count, momentum);' },
    ],
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: batch norm does not move its state',
    mistake: 'state-not-moved',
    file: batch,
    find: 'update: training && state !== null',
    replace: 'update: false',
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: batch norm has a momentum of 0.1, whatever is asked for',
    mistake: 'momentum-ignored',
    file: batch,
    find: 'const weight = momentum ?? 1 / state.numBatchesTracked.data[0]!;',
    replace: 'const weight = 0 * (momentum ?? 0) + 0.1;',
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: batch norm does not keep the count of its batches',
    mistake: 'batches-not-counted',
    file: batch,
    find: '  updateRunning(state, mean, unbiased(variance, count), weight);',
    replace: '  state.numBatchesTracked.data[0]! -= 1;\n  updateRunning(state, mean, unbiased(variance, count), weight);',
    tests,
    norm: 'batch',
  },
  {
    name: 'mistake: a constant slice of layer norm gives NaN',
    mistake: 'nan-on-a-constant',
    file: 'src/norms/_moments.ts',
    find: 'rstd[c] = 1 / Math.sqrt(variance[c]! + eps);',
    replace: 'rstd[c] = variance[c]! === 0 ? NaN : 1 / Math.sqrt(variance[c]! + eps);',
    tests,
    norm: 'layer,group',
  },
  {
    name: 'mistake: every backward has what the last call saved',
    mistake: 'saved-x-hat-reused',
    file: harness,
    find: '  return calls.map(({ mode, op, inputs, gradOutputs }) => {',
    replace: `  const from = calls.slice(0, -1).reduce((held: Case, call) => {
    if (calls.length < 2) return held;
    const left = answerOne({ ...held, calls: [call] }, form);
    return { ...held, state: { ...held.state, ...Object.fromEntries(Object.entries(left.stateAfter).filter(([name]) => held.state[name])) } };
  }, { entry, config, params, state, calls } as unknown as Case);
  return calls.map((call) => {
    const own = answerOne({ ...({ entry, config, params, state: running } as unknown as Case), calls: [call] }, form);
    for (const [name, held] of Object.entries(running)) if (own.stateAfter[name]) held.data.set(own.stateAfter[name]!.data);
    const last = answerOne({ ...from, calls: [{ ...calls[calls.length - 1]!, gradOutputs: call.gradOutputs }] }, form);
    return { ...own, grads: last.grads };
  });
}

function answerOne(asked: Case, form: Form): Answer {
  return rightly(asked, form)[0]!;
}

function rightly({ entry, config, params, state, calls }: Case, form: Form = 'fused'): Answer[] {
  const running = leaves(state, false);
  const setByCalls = leaves(Object.fromEntries(Object.entries(params).filter(([name]) => entry.sets?.includes(name))), true);
  const frozen = entry.frozen?.(config) ?? [];
  return calls.map(({ mode, op, inputs, gradOutputs }) => {`,
    tests: ['norms/vectors'],
    norm: 'batch',
  },
  {
    name: 'mistake: gradients of parameters are not cleared between calls',
    mistake: 'gradients-not-cleared',
    file: harness,
    find: '      grads: Object.fromEntries(grads.map((gradient, i) => [wanted[i]!, gradient])),',
    replace: `      grads: Object.fromEntries(grads.map((gradient, i) => {
        const name = wanted[i]!;
        if (!params[name]) return [name, gradient];
        const sum = copy(gradient);
        for (let k = 0; k < sum.data.length; k++) sum.data[k]! += sums[name]?.data[k] ?? 0;
        sums[name] = sum;
        return [name, sum];
      })),`,
    also: [{ find: '  const running = leaves(state, false);', replace: '  const running = leaves(state, false);\n  const sums: Record<string, Tensor> = {};' }],
    tests: ['norms/vectors'],
    norm: 'batch',
  },
  {
    name: 'mistake: the gradient of a weight that is used twice is overwritten',
    mistake: 'gradient-overwritten',
    file: 'src/autograd/backward.ts',
    find: 'into.set(edge, merge(into.get(edge), gradient, createGraph));',
    replace: 'into.set(edge, gradient);',
    tests: ['autograd/backward'],
    norm: 'sync-batch',
  },
  // which elements belong together
  {
    name: 'mistake: channel c is in group c mod G',
    mistake: 'group-is-c-mod-g',
    file: 'src/norms/group.ts',
    find: "  const { numGroups, length, eps } = check('groupNorm', x, weight, bias, options);",
    replace: `  const { numGroups, length, eps } = check('groupNorm', x, weight, bias, options);
  if (numGroups > 1) return interleaved(x, weight, bias, numGroups, eps);`,
    also: [
      {
        find: 'const groupNormOp: Op<',
        replace: `function interleaved(x: Tensor, weight: Tensor | null, bias: Tensor | null, groups: number, eps: number): Tensor {
  const grouped = reshape(x, [x.shape[0]!, x.shape[1]! / groups, groups, spatialSize(x)]);
  const over = { axis: [1, 3], keepDims: true };
  const centred = sub(grouped, mean(grouped, over));
  const xHat = reshape(mul(centred, rsqrt(add(mean(square(centred), over), eps))), x.shape);
  return scaleAndShift(xHat, perChannel(weight, x.shape.length), perChannel(bias, x.shape.length));
}

const groupNormOp: Op<`,
      },
    ],
    tests,
    norm: 'group',
  },
  {
    name: 'mistake: statistics over the last axis alone',
    mistake: 'statistics-over-last-axis',
    file: 'src/norms/layer.ts',
    find: '  const statistics = { outer: 1, channel: rows, inner: length };',
    replace: '  const last = x.shape[x.shape.length - 1]!;\n  const statistics = { outer: 1, channel: x.data.length / last, inner: last };',
    tests,
    norm: 'layer',
  },
  {
    name: 'mistake: group norm takes its statistics over the batch too',
    mistake: 'statistics-over-the-batch',
    file: 'src/norms/instance.ts',
    find: '{ outer: 1, channel: affine.outer * affine.channel, inner: count } : affine',
    replace: 'affine : affine',
    tests,
    norm: 'instance',
  },
  {
    name: 'mistake: demodulation leaves out the axis of the inputs',
    mistake: 'statistics-of-the-kernel',
    file: 'src/norms/weight-demodulation.ts',
    find: "  const [samples, channels] = style.shape as [number, number];\n  const filters = weight.shape[0]!;\n  const taps = weight.data.length / (filters * channels || 1);",
    replace: `  const [samples, channels] = style.shape as [number, number];
  if (demodulate) {
    const scale = reshape(add(style, styleOffset), [samples, 1, channels, ...weight.shape.slice(2).map(() => 1)]);
    const modulated = mul(scale, weight);
    const axis = modulated.shape.map((_, i) => i).slice(3);
    return mul(modulated, rsqrt(add(axis.length > 0 ? sum(square(modulated), { axis, keepDims: true }) : square(modulated), eps)));
  }
  const filters = weight.shape[0]!;
  const taps = weight.data.length / (filters * channels || 1);`,
    tests: ['norms/weight-demodulation', 'norms/vectors'],
    norm: 'weight-demodulation',
  },
  {
    name: 'mistake: sparsemax is off by one axis for a negative one',
    mistake: 'negative-axis-off-by-one',
    file: 'src/autograd/sparsemax.ts',
    find: "const view = aroundAxis('sparsemax', x.shape, axis);",
    replace: "const view = aroundAxis('sparsemax', x.shape, axis < 0 ? Math.max(0, axis + x.shape.length - 1) : axis);",
    tests: ['autograd/sparsemax', 'norms/vectors'],
    norm: 'op-sparsemax',
  },
  {
    name: 'mistake: sparsemax runs along the last axis, whatever is asked for',
    mistake: 'axis-ignored',
    file: 'src/autograd/sparsemax.ts',
    find: "const view = aroundAxis('sparsemax', x.shape, axis);",
    replace: "const view = aroundAxis('sparsemax', x.shape, axis * 0 - 1);",
    tests: ['autograd/sparsemax', 'norms/vectors'],
    norm: 'op-sparsemax',
  },
  {
    name: 'mistake: sparsemax subtracts the mean of all of dy',
    mistake: 'sparsemax-mean-of-all',
    file: 'src/autograd/sparsemax.ts',
    find: 'const mean = div(sum(gate(dy, members), { axis, keepDims: true }), new Tensor(rounded(sizes, dy.dtype), shape));',
    replace: 'void [rounded, shape];\n    const mean = div(sum(dy, { axis, keepDims: true }), count);',
    tests: ['autograd/sparsemax', 'norms/vectors'],
    norm: 'op-sparsemax',
  },
  {
    name: 'mistake: local response norm always divides alpha',
    mistake: 'alpha-divided',
    file: 'src/norms/local-response.ts',
    find: 'divideBySize ? alpha / size ** axes.length : alpha',
    replace: 'divideBySize === null ? alpha : alpha / size ** axes.length',
    tests: ['norms/vectors'],
    norm: 'local-response',
  },
  // single norms
  {
    name: 'mistake: the threshold gives every gradient to tau',
    mistake: 'gradient-all-to-tau',
    file: 'src/norms/filter-response.ts',
    find: 'const t = tau ? tau.data[c]! : -Infinity;\n      let passed = 0;',
    replace: 'const t = tau ? Infinity : -Infinity;\n      let passed = 0;',
    tests,
    norm: 'filter-response',
  },
  {
    name: 'mistake: the threshold asks for y > 0 in the backward',
    mistake: 'y-above-zero',
    file: 'src/norms/filter-response.ts',
    find: 'const t = tau ? tau.data[c]! : -Infinity;\n      let passed = 0;',
    replace: 'const t = tau ? Number.MIN_VALUE : -Infinity;\n      let passed = 0;',
    tests,
    norm: 'filter-response',
  },
  {
    name: 'mistake: a tie at the threshold counts for both sides',
    mistake: 'tie-full-gradient',
    file: 'src/norms/filter-response.ts',
    find: '        } else held += dy.data[i]!;',
    replace: '        } else held += dy.data[i]!;\n        if (xHat * w + b === t) held += dy.data[i]!;',
    tests,
    norm: 'filter-response',
    cases: ties,
  },
  {
    name: 'mistake: weight norm divides by the squared length, and differentiates that',
    mistake: 'squared-length-differentiated',
    file: 'src/norms/weight.ts',
    find: "  const { slices, eps } = check('weightNorm', weightV, weightG, options);",
    replace: `  const { slices, eps } = check('weightNorm', weightV, weightG, options);
  const all = sum(square(weightV), { axis: slices.axis, keepDims: slices.shape.length > 0 });
  if (all.data.every((q) => Math.sqrt(q) > eps)) return mul(weightG, div(weightV, all));`,
    tests: ['norms/weight.test', 'norms/vectors', 'norms/fused'],
    norm: 'weight',
  },
  ...(
    [
      ['the means of unequal replicas are averaged', 'replica-means-averaged', 'mean: average((part) => part.mean), variance: here.variance'],
      [
        'mean squares of unequal replicas are averaged',
        'replica-moments-averaged',
        'mean: average((part) => part.mean), variance: average((part) => part.variance.map((v, c) => v + part.mean[c]! ** 2)).map((q, c) => q - average((part) => part.mean)[c]! ** 2)',
      ],
      ['variances of replicas are averaged', 'replica-variances-averaged', 'mean: average((part) => part.mean), variance: average((part) => part.variance)'],
    ] as const
  ).map(
    ([what, mistake, code]): Mutant => ({
      name: `mistake: ${what}`,
      mistake,
      file: 'src/norms/_over-replicas.ts',
      find: '  const channels = here.mean.length;\n  const packet = new Float64Array(2 + 2 * channels);',
      replace: `  const each = xs.map((x) => moments(x.data, viewOf(x)));
  const average = (values: (part: { mean: Float64Array; variance: Float64Array }) => Float64Array): Float64Array =>
    here.mean.map((_, c) => each.reduce((total, part) => total + values(part)[c]!, 0) / each.length);
  Object.assign(here, { ${code} });
  const channels = here.mean.length;
  const packet = new Float64Array(2 + 2 * channels);`,
      tests: ['norms/vectors', 'norms/sync-batch.test', 'norms/fused'],
      norm: 'sync-batch',
    }),
  ),
  {
    name: 'mistake: ActNorm sets its parameters in every training call',
    mistake: 'initializes-in-every-training-call',
    file: 'src/norms/_act.ts',
    find: 'const first = training && !isSet;',
    replace: 'const first = training && state !== null;',
    tests: ['norms/activation', 'norms/vectors'],
    norm: 'activation',
  },
];
