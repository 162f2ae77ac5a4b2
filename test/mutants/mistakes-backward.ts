/**
 * Catalogued mistakes in the backward of a standardization that no other topic plants: the diagnosis must name each. Where
 * the kernel has a loop for each layout, the mistake stands in all of them, as it would in a foreign implementation with
 * one loop.
 */
import type { Mutant } from './mutant.ts';

const kernel = 'src/norms/_standardize.ts';
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
    return new Tensor(gradient.data.map((value, i) => {
      const r = saved.rstd[Math.floor(i / statistics.inner) % statistics.channel]!;
      return value * r * Math.sqrt(Math.max(0, 1 / (r * r) - eps));
    }), gradient.shape);
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
      ['the centred x for xHat inside the mean', 'centred-x-for-one-x-hat', 'xHat', 'centred', 'xHat'],
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
