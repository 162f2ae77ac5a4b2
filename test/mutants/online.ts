/** Mistakes in online norm: in its two recursions, its companions and its state; and in what runs once. */
import type { Mutant } from './mutant.ts';

const kernel = 'src/norms/_online.ts';
const composed = 'src/norms/_online-definition.ts';
const companion = 'src/norms/_companion.ts';
const norm = 'src/norms/online.ts';
const engine = 'src/autograd/backward.ts';
const tests = ['norms/vectors', 'norms/online'];
const pair = ['norms/vectors', 'norms/fused'];

const planted: readonly Omit<Mutant, 'norm'>[] = [
  {
    name: 'online: a sample is normalized with the statistics that it has moved',
    mistake: 'online-moved-statistics',
    file: kernel,
    find: `    mean[i] = mu[c]!;
    rstd[i] = 1 / Math.sqrt(v[c]! + eps);
    // alphaFwd 1 leaves the state alone even where the sample is not finite
    if (alphaFwd === 1) continue;
    const away = own.mean[i]! - mu[c]!;
    v[c] = alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * away * away;
    mu[c]! += (1 - alphaFwd) * away;
`,
    replace: `    const away = own.mean[i]! - mu[c]!;
    v[c] = alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * away * away;
    mu[c]! += (1 - alphaFwd) * away;
    mean[i] = mu[c]!;
    rstd[i] = 1 / Math.sqrt(v[c]! + eps);
`,
    tests,
  },
  {
    name: 'online: the backward divides by the sigma that has been updated',
    mistake: 'online-new-sigma',
    file: kernel,
    find: `    rstd[i] = 1 / Math.sqrt(v[c]! + eps);
    // alphaFwd`,
    replace: `    rstd[i] = 1 / Math.sqrt(alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * (own.mean[i]! - mu[c]!) ** 2 + eps);
    // alphaFwd`,
    tests,
    note: 'what the C file of the authors does, here in both directions',
  },
  {
    name: 'online: the mean moves before the variance uses it',
    mistake: 'online-mean-first',
    file: kernel,
    find: `    v[c] = alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * away * away;
    mu[c]! += (1 - alphaFwd) * away;
`,
    replace: `    mu[c]! += (1 - alphaFwd) * away;
    v[c] = alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * (own.mean[i]! - mu[c]!) ** 2;
`,
    tests,
  },
  {
    name: 'online: the spread between the mean of a sample and the running one is left out of the variance',
    file: kernel,
    find: ' + alphaFwd * (1 - alphaFwd) * away * away;',
    replace: ';',
    tests,
  },
  {
    name: 'online: that spread is not weighted by alphaFwd',
    file: kernel,
    find: '+ alphaFwd * (1 - alphaFwd) * away * away;',
    replace: '+ (1 - alphaFwd) * away * away;',
    tests,
  },
  {
    name: 'online: alphaFwd weighs the new sample',
    file: kernel,
    find: '    mu[c]! += (1 - alphaFwd) * away;',
    replace: '    mu[c]! += alphaFwd * away;',
    tests,
  },
  {
    name: 'online: the variance of a sample is unbiased',
    file: kernel,
    find: '(1 - alphaFwd) * own.variance[i]!',
    replace: '(1 - alphaFwd) * own.variance[i]! * (inner / Math.max(1, inner - 1))',
    tests,
  },
  {
    name: 'online: the batch moves the state once, by its own statistics',
    file: kernel,
    find: 'const own = moments(x.data, { outer: 1, channel: outer * channel, inner });',
    replace: `const pooled = moments(x.data, { outer, channel, inner });
  const own = { mean: Float64Array.from({ length: outer * channel }, (_, i) => pooled.mean[i % channel]!), variance: Float64Array.from({ length: outer * channel }, (_, i) => pooled.variance[i % channel]!) };`,
    tests,
  },
  {
    name: 'online: a sample that is not finite spoils statistics that are held',
    file: kernel,
    find: '    if (alphaFwd === 1) continue;\n',
    replace: '',
    tests,
  },
  {
    name: 'online: errorProj moves before it is fed back',
    file: kernel,
    find: 'const a = g * w - towardsY * y;',
    replace: 'const a = g * w - (towardsY + k * (along / inner)) * y;',
    tests,
  },
  {
    name: 'online: errorProj grows by the mean of dy y, without the feedback',
    file: kernel,
    find: 'along += a * y;',
    replace: 'along += g * w * y;',
    tests,
  },
  {
    name: 'online: errorMean grows by the mean of a / sigma, without the feedback',
    file: kernel,
    find: 'total += d;',
    replace: 'total += a * r;',
    tests,
  },
  {
    name: 'online: errorMean is fed back before the division by sigma',
    file: kernel,
    find: 'const d = a * r - towardsMean;',
    replace: 'const d = (a - towardsMean) * r;',
    tests,
  },
  {
    name: 'online: alphaBkw itself is fed back',
    file: kernel,
    find: 'const k = 1 - alphaBkw;',
    replace: 'const k = alphaBkw;',
    tests,
  },
  {
    name: 'online: the errors decay by alphaBkw',
    file: kernel,
    find: '    errorProj[c]! += along / inner;',
    replace: '    errorProj[c] = alphaBkw * errorProj[c]! + along / inner;',
    tests,
  },
  {
    name: 'online: the errors grow by sums, not by means',
    file: kernel,
    find: '    errorMean[c]! += total / inner;',
    replace: '    errorMean[c]! += total;',
    tests,
  },
  {
    name: 'online: the control process runs from the last sample to the first',
    file: kernel,
    find: `  for (let i = 0, start = 0; i < mean.length; i++, start += inner) {
    const c = i % channel;
    const mu`,
    replace: `  for (let i = mean.length - 1, start = i * inner; i >= 0; i--, start -= inner) {
    const c = i % channel;
    const mu`,
    tests,
  },
  {
    name: 'online: the weight is left out of what is controlled',
    file: kernel,
    find: 'const a = g * w - towardsY * y;',
    replace: 'const a = g - towardsY * y;',
    tests,
  },
  {
    name: 'online: dWeight is taken of the controlled gradient',
    file: kernel,
    find: 'scaled += g * y;',
    replace: 'scaled += (g * w - towardsY * y) * y;',
    tests,
  },
  {
    name: 'online: the errors are those of the forward, not those of the backward',
    file: kernel,
    find: 'const errorProj = Float64Array.from(errors.errorProj.data);',
    replace: 'const errorProj = new Float64Array(channel);',
    tests,
  },
  {
    name: 'online: the errors move when no gradient of x is given out',
    file: kernel,
    find: '  if (!needs[0]) return standardizeBackward(du, saved, needs);\n',
    replace: '',
    tests,
  },
  {
    name: 'online: the backward in evaluation moves the errors',
    file: norm,
    find: '    return record(onlineNormEvalOp, inputs, saved, compensate(standardize(saved), companion));',
    replace: `    const every = sampleView(x);
    const tiled = (values: Float64Array): Float64Array => Float64Array.from({ length: every.channel }, (_, i) => values[i % view.channel]!);
    const wrong = { ...saved, mean: tiled(mean), rstd: tiled(rstd), statistics: every, alphaBkw, errors: state };
    void onlineNormEvalOp;
    return record(onlineNormOp, inputs, wrong, compensate(standardize(saved), companion));`,
    tests: [...tests, 'norms/hygiene'],
  },
  {
    name: 'online: evaluation goes on with the stream',
    file: norm,
    find: '  if (!training) {\n    const mean',
    replace: '  if (!training && x.shape[0] === 0) {\n    const mean',
    tests: [...tests, 'norms/hygiene'],
  },
  {
    name: 'online: a training graph may go backward again',
    file: norm,
    find: "  name: 'onlineNorm',\n  moves: ['errors'],\n",
    replace: "  name: 'onlineNorm',\n",
    tests: [...tests, 'norms/hygiene'],
  },
  {
    name: 'online: the gradient at the bounds of the clamp is 0',
    file: companion,
    find: 'data[i] = data[i]! > bound || data[i]! < -bound ? 0 : g[i]!;',
    replace: 'data[i] = data[i]! >= bound || data[i]! <= -bound ? 0 : g[i]!;',
    tests,
    note: 'what the numpy code of the authors does',
  },
  {
    name: 'online: the clamp passes every gradient',
    file: companion,
    find: 'data[i] = data[i]! > bound || data[i]! < -bound ? 0 : g[i]!;',
    replace: 'data[i] = bound > 0 ? g[i]! : 0;',
    tests,
  },
  {
    name: 'online: the clamp is always at 5',
    file: companion,
    find: 'return data instanceof Float32Array ? Math.fround(clampValue) : clampValue;',
    replace: 'return data instanceof Float32Array ? Math.fround(clampValue) : 5;',
    tests,
    note: 'what a misspelt keyword does to the numpy code of the authors',
  },
  {
    name: 'online: the weight stands behind the clamp',
    file: norm,
    find: '  return record(onlineNormOp, inputs, saved, compensate(standardize(saved), companion));',
    replace: `  const y = compensate(standardize({ ...saved, inputs: [x, null, null] }), companion);
  const inner = view.inner;
  for (let i = 0; i < y.data.length; i++) y.data[i] = y.data[i]! * (weight?.data[Math.floor(i / inner) % view.channel] ?? 1) + (bias?.data[Math.floor(i / inner) % view.channel] ?? 0);
  return record(onlineNormOp, inputs, saved, y);`,
    tests,
  },
  {
    name: 'online: layer scaling has no gradient through the root',
    file: companion,
    find: 'data[i] = (g[i]! - data[i]! * r * along) * r;',
    replace: 'data[i] = (g[i]! - 0 * along) * r;',
    tests,
  },
  {
    name: 'online: layer scaling divides by the root over the whole sample, whatever the block',
    file: companion,
    find: 'length: (lsGroupSize ?? channels) * positions };',
    replace: 'length: channels * positions };',
    tests,
  },
  {
    name: 'online: lsEps stands outside the root',
    file: companion,
    find: 'return 1 / Math.sqrt(squares / (end - start) + lsEps);',
    replace: 'return 1 / (Math.sqrt(squares / (end - start)) + lsEps);',
    tests,
  },
  {
    name: 'online definition: the samples go backward from the last to the first',
    file: composed,
    find: 'for (let t = samples - 1; t >= 0; t--) {',
    replace: 'for (let t = 0; t < samples; t++) {',
    tests: pair,
  },
  {
    name: 'online definition: errorProj moves before it is fed back',
    file: composed,
    find: `    const a = sub(dy, mul(mul(column(errorProj), k), y));
    assign(errorProj, add(errorProj, reshape(mean(mul(a, y), { axis: 2 }), errorProj.shape)));
    return [a];`,
    replace: `    assign(errorProj, add(errorProj, reshape(mean(mul(dy, y), { axis: 2 }), errorProj.shape)));
    const a = sub(dy, mul(mul(column(errorProj), k), y));
    return [a];`,
    tests: pair,
  },
  {
    name: 'engine: an operation that runs once runs again',
    file: engine,
    find: '  if (op.moves) node.spent = true;\n',
    replace: '',
    tests: ['autograd/record', 'norms/online', 'norms/hygiene'],
  },
  {
    name: 'engine: an operation that runs once is differentiated',
    file: engine,
    find: '  if (createGraph) {\n    throw',
    replace: '  if (createGraph && spent) {\n    throw',
    tests: ['autograd/record', 'norms/hygiene'],
  },
  {
    name: 'engine: that an operation has run is noticed when its turn comes, after others have moved',
    file: engine,
    find: `    if (node.op.moves && (wanted.has(node) || !node.saved)) checkOnce(caller, node, createGraph);
`,
    replace: `    if (node === order[0] && node.op.moves) checkOnce(caller, node, createGraph);
`,
    tests: ['autograd/record', 'norms/online', 'norms/hygiene'],
  },
];

export const mutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, norm: 'online' }));
