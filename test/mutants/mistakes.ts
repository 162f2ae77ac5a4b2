/**
 * Catalogued mistakes of `src/oracle/mistakes` that no other topic plants: the diagnosis must name each. Where a kernel
 * has a loop for each layout, the mistake stands in all of them, as it would in a foreign implementation with one loop.
 */
import type { Mutant } from './mutant.ts';

const kernel = 'src/norms/_standardize.ts';
const batch = 'src/norms/batch.ts';
const harness = 'src/oracle/answer.ts';
const tests = ['norms/fused', 'norms/vectors'];
const norm = 'batch,layer,group';

/** The backward with another dy, x, weight or rstd for dx; `first` stands before it. */
const dxWith = {
  file: kernel,
  find: 'const dx = needs[0] ? new Tensor(spread(dy.data, x.data, w, sums, saved), x.shape) : null;',
};
/** The end of the backward, where dWeight and dBias are given out. */
const parameters = {
  file: kernel,
  find: 'return [dx, needs[1] ? like(sums.dWeight, weight!) : null, needs[2] ? like(sums.dBias, bias!) : null];',
};
const given = 'const dx = new Tensor(spread(dy.data, x.data, w, sums, saved), x.shape);';
const out = parameters.find;
const backwardRstd = (rstd: string): string => `return wrongBackward(dy, saved, needs);
}

function wrongBackward(dy: Tensor, right: StandardizeSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const eps = ((right as { eps?: number }).eps ?? (right as { options?: { eps?: number } }).options?.eps ?? 1e-5) as number;
  const n = right.statistics.outer * right.statistics.inner;
  const saved = { ...right, rstd: right.rstd.map((r: number) => { const v = Math.max(0, 1 / (r * r) - eps); void n; return ${rstd}; }) };
  const [x, weight, bias] = saved.inputs;`;
const opening = { file: kernel, find: 'const [x, weight, bias] = saved.inputs;' };

export const mutants: readonly Mutant[] = [
  // the terms of dx
  {
    name: 'mistake: both means of dx are dropped',
    mistake: 'means-dropped',
    file: kernel,
    find: 'const { mean, rstd, statistics, affine, own } = saved;',
    replace: 'const { mean, rstd, statistics, affine } = saved;\n  const own = false;',
    tests,
    norm,
  },
  {
    name: 'mistake: both means of dx are sums',
    mistake: 'means-not-divided',
    file: kernel,
    find: 'const count = saved.count ?? statistics.outer * statistics.inner;',
    replace: 'const count = 1;',
    tests,
    norm,
  },
  {
    name: 'mistake: half of the projection',
    mistake: 'mean-gx-halved',
    file: kernel,
    find: 'const p = (projected[s]! / count) * r;',
    replace: 'const p = (projected[s]! / count / 2) * r;',
    tests,
    norm,
  },
  {
    name: 'mistake: the means of dx run over the whole tensor',
    mistake: 'means-over-whole-tensor',
    ...dxWith,
    replace: `const average = (values: Float64Array): Float64Array => values.map(() => values.reduce((t, v) => t + v, 0) / values.length);
  const dx = new Tensor(spread(dy.data, x.data, w, { scaled: average(sums.scaled), projected: average(sums.projected) }, saved), x.shape);`,
    tests,
    norm,
  },
  // the deviation in the backward
  { name: 'mistake: eps outside the root in the backward', mistake: 'eps-outside-root-in-backward', ...opening, replace: backwardRstd('1 / (Math.sqrt(v) + eps)'), tests, norm },
  { name: 'mistake: no eps in the backward', mistake: 'eps-dropped-in-backward', ...opening, replace: backwardRstd('1 / Math.sqrt(v)'), tests, norm },
  { name: 'mistake: eps twice in the backward', mistake: 'eps-doubled-in-backward', ...opening, replace: backwardRstd('1 / Math.sqrt(v + 2 * eps)'), tests, norm },
  { name: 'mistake: eps squared in the backward', mistake: 'eps-squared-in-backward', ...opening, replace: backwardRstd('1 / Math.sqrt(v + eps * eps)'), tests, norm },
  {
    name: 'mistake: the unbiased variance in the backward',
    mistake: 'rstd-unbiased-in-backward',
    ...opening,
    replace: backwardRstd('right.own ? 1 / Math.sqrt((v * n) / (n - 1) + eps) : r'),
    tests,
    norm: 'layer,group',
  },
  {
    name: 'mistake: xHat without eps in the backward',
    mistake: 'x-hat-without-eps',
    ...opening,
    replace: `${backwardRstd('1 / Math.sqrt(v)').replace('wrongBackward(dy, saved, needs);', `wrongBackward(dy, saved, needs).map((gradient, at) => {
    // dx has the right rstd in front
    if (at > 0 || !gradient) return gradient;
    const eps = ((saved as { eps?: number }).eps ?? (saved as { options?: { eps?: number } }).options?.eps ?? 1e-5) as number;
    const { statistics } = saved;
    return new Tensor(Float64Array.from(gradient.data, (value, i) => {
      const r = saved.rstd[Math.floor(i / statistics.inner) % statistics.channel]!;
      return value * r * Math.sqrt(Math.max(0, 1 / (r * r) - eps));
    }) as unknown as Float32Array, gradient.shape);
  });`)}`,
    tests,
    norm,
  },
  {
    name: 'mistake: dx without the factor rstd',
    mistake: 'rstd-missing',
    ...dxWith,
    replace: `const dx = new Tensor(spread(dy.data, x.data, w, sums, saved).map((value, i) => value / saved.rstd[Math.floor(i / saved.statistics.inner) % saved.statistics.channel]!), x.shape);`,
    tests,
    norm,
  },
  // what stands in for xHat
  ...(
    [
      ['y for xHat in dx', 'y-for-x-hat', 'y', 'y', 'xHat'],
      ['y for xHat in the whole backward', 'y-for-x-hat-everywhere', 'y', 'y', 'y'],
      ['the centred x for xHat in dx', 'centred-x-for-x-hat', 'centred', 'centred', 'xHat'],
      ['the centred x for xHat inside the mean', 'centred-x-in-mean', 'xHat', 'centred', 'xHat'],
      ['dWeight of y', 'd-weight-from-y', 'xHat', 'xHat', 'y'],
      ['dWeight of the centred x', 'd-weight-from-centred-x', 'xHat', 'xHat', 'centred'],
      ['xHat without eps in dx alone', 'x-hat-without-eps-in-dx', 'bare', 'bare', 'xHat'],
    ] as const
  ).map(
    ([what, mistake, front, inside, forWeight]): Mutant => ({
      name: `mistake: ${what}`,
      mistake,
      ...opening,
      replace: `const plain = slowly(dy, saved, needs);
  if (plain) return plain;
  const [x, weight, bias] = saved.inputs;`,
      also: [
        {
          find: '/** The sums that a backward is made of, for a standardization whose statistics are of more than x. */',
          replace: slow(front, inside, forWeight),
        },
      ],
      tests,
      norm,
    }),
  ),
  // the weight
  {
    name: 'mistake: the weight of the next channel in dx',
    mistake: 'weight-of-neighbour',
    ...dxWith,
    replace: `const other = w.map((_, a) => w[(a + 1) % w.length]!);
  const dx = new Tensor(spread(dy.data, x.data, other, reduce(dy.data, x.data, other, saved), saved), x.shape);`,
    tests,
    norm,
  },
  {
    name: 'mistake: no weight in dx',
    mistake: 'weight-dropped',
    ...dxWith,
    replace: `const other = w.map(() => 1);
  const dx = new Tensor(spread(dy.data, x.data, other, reduce(dy.data, x.data, other, saved), saved), x.shape);`,
    tests,
    norm,
  },
  {
    name: 'mistake: the weight after the means of dx',
    mistake: 'weight-after-means',
    ...dxWith,
    replace: `const other = w.map(() => 1);
  const dx = new Tensor(spread(dy.data, x.data, other, reduce(dy.data, x.data, other, saved), saved).map((value, i) => value * w[Math.floor(i / saved.affine.inner) % saved.affine.channel]!), x.shape);`,
    tests,
    norm: 'layer,group',
  },
  {
    name: 'mistake: no weight inside the means of dx',
    mistake: 'weight-missing-inside-means',
    ...dxWith,
    replace: `const dx = new Tensor(spread(dy.data, x.data, w, reduce(dy.data, x.data, w.map(() => 1), saved), saved), x.shape);`,
    tests,
    norm,
  },
  {
    name: 'mistake: the weight is read after a step',
    mistake: 'weight-read-after-update',
    ...dxWith,
    replace: `const later = w.map((value, a) => value - 0.125 * sums.dWeight[a]!);
  const dx = new Tensor(spread(dy.data, x.data, weight ? later : w, weight ? reduce(dy.data, x.data, later, saved) : sums, saved), x.shape);`,
    tests,
    norm,
  },
  // sums of the parameters, and dx as a whole
  {
    name: 'mistake: dWeight is a mean over all that is summed up',
    mistake: 'd-weight-mean',
    ...parameters,
    replace: `for (let i = 0; i < sums.dWeight.length; i++) sums.dWeight[i]! /= x.data.length / sums.dWeight.length;\n  ${out}`,
    tests,
    norm,
  },
  {
    name: 'mistake: dBias is a mean over all that is summed up',
    mistake: 'd-bias-mean',
    ...parameters,
    replace: `for (let i = 0; i < sums.dBias.length; i++) sums.dBias[i]! /= x.data.length / sums.dBias.length;\n  ${out}`,
    tests,
    norm,
  },
  ...(['weight', 'bias'] as const).flatMap((kind): Mutant[] => {
    const d = kind === 'weight' ? 'dWeight' : 'dBias';
    const change = (what: string, mistake: string, code: string): Mutant => ({
      name: `mistake: ${d} ${what}`,
      mistake,
      ...parameters,
      replace: `${code}\n  ${out}`,
      tests,
      norm,
    });
    const sample = (n: string): string => `const length = dy.data.length / x.shape[0]!;
  const part = dy.data.map((g, i) => (Math.floor(i / length) === ${n} ? g : 0));
  sums.${d}.set(reduce(part, x.data, w, saved).${d});`;
    return [
      change('of the last sample alone', `d-${kind}-last-sample`, sample('x.shape[0]! - 1')),
      change('of the first sample alone', `d-${kind}-first-sample`, sample('0')),
      change('has the other sign', `d-${kind}-sign`, `for (let i = 0; i < sums.${d}.length; i++) sums.${d}[i]! *= -1;`),
      change('is 0', `d-${kind}-zero`, `sums.${d}.fill(0);`),
    ];
  }),
  {
    name: 'mistake: dx is written over dy before the rest is taken of it',
    mistake: 'backward-writes-into-dy',
    ...dxWith,
    replace: `${given}
  const later = reduce(dx.data, x.data, w, saved);
  sums.dWeight.set(later.dWeight);
  sums.dBias.set(later.dBias);`,
    tests,
    norm,
  },
  {
    name: 'mistake: a loop of four leaves out the tail of dx',
    mistake: 'tail-skipped',
    ...dxWith,
    replace: `${given}\n  dx.data.fill(0, dx.data.length - (dx.data.length % 4));`,
    tests,
    norm,
  },
  {
    name: 'mistake: a loop of four leaves out the tail of each slice of dx',
    mistake: 'slice-tail-skipped',
    ...dxWith,
    replace: `${given}
  const { inner, channel } = saved.statistics;
  const run = inner > 1 ? inner : channel;
  for (let start = 0; start < dx.data.length; start += run) dx.data.fill(0, start + run - (run % 4), start + run);`,
    tests,
    norm,
  },
  {
    name: 'mistake: dx has the other sign',
    mistake: 'dx-sign',
    ...dxWith,
    replace: `${given}\n  for (let i = 0; i < dx.data.length; i++) dx.data[i]! *= -1;`,
    tests,
    norm,
  },
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
        const kept = (running as Record<string, unknown>);
        const all = ((kept as { sums?: Record<string, Tensor> }).sums ??= Object.defineProperty(kept, 'sums', { value: {}, enumerable: false }) && (kept as { sums: Record<string, Tensor> }).sums);
        const sum = copy(gradient);
        const old = all[name];
        if (old) for (let k = 0; k < sum.data.length; k++) sum.data[k]! += old.data[k]!;
        all[name] = sum;
        return [name, sum];
      })),`,
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
    norm: 'virtual-batch',
  },
  // which elements belong together
  {
    name: 'mistake: channel c is in group c mod G',
    mistake: 'group-is-c-mod-g',
    file: 'src/norms/group.ts',
    find: "  const { numGroups, length, eps } = check('groupNorm', x, weight, bias, options);",
    replace: `  const { numGroups, length, eps } = check('groupNorm', x, weight, bias, options);
  const all = x.shape[1]!;
  const [n, inner] = [x.shape[0]!, spatialSize(x)];
  if (numGroups > 1) {
    const grouped = reshape(x, [n, all / numGroups, numGroups, inner]);
    const axis = [1, 3];
    const centred = sub(grouped, mean(grouped, { axis, keepDims: true }));
    const xHat = reshape(mul(centred, rsqrt(add(mean(square(centred), { axis, keepDims: true }), eps))), x.shape);
    return scaleAndShift(xHat, perChannel(weight, x.shape.length), perChannel(bias, x.shape.length));
  }`,
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
    name: 'mistake: sparsemax takes an element at the threshold into the support of its gradient',
    mistake: 'sparsemax-tie-in-support',
    file: 'src/autograd/sparsemax.ts',
    find: 'return record(sparsemaxOp, [x], { y: out, axis: view.axis }, out);',
    replace: `const near = like(x);
  for (let at = 0; at < near.data.length; at++) {
    const start = Math.floor(at / (count * inner)) * count * inner + (at % inner);
    let tau = NaN;
    for (let j = 0; j < count; j++) if (out.data[start + j * inner]! > 0) tau = x.data[start + j * inner]! - out.data[start + j * inner]!;
    near.data[at] = out.data[at]! > 0 ? out.data[at]! : Math.abs(x.data[at]! - tau) < 1e-7 ? 2 ** -140 : 0;
  }
  return record(sparsemaxOp, [x], { y: near, axis: view.axis }, out);`,
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

/** A backward in one plain loop, with stand-ins for xHat: in front of its mean, inside it, and in dWeight. */
function slow(front: string, inside: string, forWeight: string): string {
  return `/** The plain loop. */
function slowly(dy: Tensor, saved: StandardizeSaved, needs: readonly boolean[]): (Tensor | null)[] | null {
  const [x, weight, bias] = saved.inputs;
  const { mean, rstd, statistics, affine, own } = saved;
  const eps = ((saved as { eps?: number }).eps ?? (saved as { options?: { eps?: number } }).options?.eps ?? 1e-5) as number;
  const n = statistics.outer * statistics.inner;
  const [g, p] = [new Float64Array(statistics.channel), new Float64Array(statistics.channel)];
  const [dWeight, dBias] = [new Float64Array(affine.channel), new Float64Array(affine.channel)];
  const dx = new Float64Array(x.data.length);
  for (const last of [false, true]) {
    for (let i = 0; i < dx.length; i++) {
      const s = Math.floor(i / statistics.inner) % statistics.channel;
      const a = Math.floor(i / affine.inner) % affine.channel;
      const centred = x.data[i]! - mean[s]!;
      const xHat = centred * rstd[s]!;
      const y = xHat * (weight?.data[a] ?? 1) + (bias?.data[a] ?? 0);
      const bare = centred / Math.sqrt(Math.max(0, 1 / (rstd[s]! * rstd[s]!) - eps));
      void [xHat, y, bare];
      const gh = dy.data[i]! * (weight?.data[a] ?? 1);
      if (last) dx[i] = rstd[s]! * (gh - (own ? g[s]! / n + (${front} * p[s]!) / n : 0));
      else {
        g[s]! += gh;
        p[s]! += gh * ${inside};
        dBias[a]! += dy.data[i]!;
        dWeight[a]! += dy.data[i]! * ${forWeight};
      }
    }
  }
  const as = (values: Float64Array): FloatArray => (x.data instanceof Float64Array ? values : Float32Array.from(values));
  return [new Tensor(as(dx), x.shape), needs[1] ? like(dWeight, weight!) : null, needs[2] ? like(dBias, bias!) : null];
}

/** The sums that a backward is made of, for a standardization whose statistics are of more than x. */`;
}
