/** Mistakes in mixture norm: seeding, EM, its three gradients, the state. */
import type { Mutant } from './mutant.ts';

const em = 'src/norms/_mixture-em.ts';
const back = 'src/norms/_mixture-em-backward.ts';
const kernel = 'src/norms/_mixture.ts';
const plan = 'src/norms/_mixture-plan.ts';
const seeding = 'src/norms/_mixture-seeding.ts';
const norm = 'src/norms/mixture.ts';
const own = ['norms/mixture'];
const all = ['norms/vectors', 'norms/fused', 'norms/mixture'];
const gradients = ['norms/vectors', 'norms/fused', 'norms/mixture'];

/** A mistake in one place. */
function mutant(name: string, file: string, find: string, replace: string, tests: readonly string[], note?: string): Mutant {
  return { name: `mixture: ${name}`, file, find, replace, tests, norm: 'mixture', ...(note !== undefined && { note }) };
}

export const mutants: readonly Mutant[] = [
  mutant('posteriors leave the weights out', em, 'constant[k] = Math.log(weight[k]!) - 0.5 * logs;', 'constant[k] = -0.5 * logs;', all),
  mutant('posteriors leave the determinant out', em, '      logs += Math.log(variance[at]!);\n', '', all),
  mutant('posteriors without the largest logarithm subtracted', em, 'let most = -Infinity;', 'let most = Infinity;', all, 'overflow'),
  mutant('covEps is left out of the M step', em, 'variance.map((v) => v + covEps)', 'variance.map((v) => v + 0 * covEps)', all),
  mutant('one round of EM too few', em, 'for (let step = 0; step < emSteps; step++)', 'for (let step = 0; step < emSteps - 1; step++)', all),
  mutant('variances of components are differences of squares', em, 'Math.max(0, variance[at]! / total[k]! - shift * shift)', '(variance[at]! / total[k]! + mean[at]! * mean[at]!) - mean[at]! * mean[at]! - shift * shift', all),
  mutant('the mean is not corrected by the second pass of a dead component either', em, 'const shift = share[k] === 1 ?', 'const shift = share[k] !== 0 ?', all),
  mutant('the floor of the sums is missing', em, 'if (total[k]! < floor) {', 'if (total[k]! < -floor) {', all),
  mutant('components without variance are let through', em, 'if (!(variance[at]! > 0 && variance[at]! < Infinity)) {', 'if (variance[at]! < 0) {', own),
  mutant('the result is divided by the weight, not by its root', kernel, '  const scale = mixture.weight.map((share) => 1 / Math.sqrt(share));\n  const { count, channels, values } = rows;\n  const y', '  const scale = mixture.weight.map((share) => 1 / share);\n  const { count, channels, values } = rows;\n  const y', all),
  mutant('the result is not divided by the weight', kernel, '  const scale = mixture.weight.map((share) => 1 / Math.sqrt(share));\n  const { count, channels, values } = rows;\n  const y', '  const scale = mixture.weight.map(() => 1);\n  const { count, channels, values } = rows;\n  const y', all),
  mutant('positions and channels are exchanged in the result', kernel, 'return sample * channels * inner + (row - sample * inner);', 'return sample * channels * inner + (row - sample * inner) * channels;', all),
  mutant('the mean of the last M step normalizes, not that of the last posteriors', kernel, '  const { mean, variance } = normalizing(rows, p, plan);\n  const rstd', '  const { variance } = normalizing(rows, p, plan);\n  const { mean } = mixture;\n  const rstd', all),
  mutant('dVariance lacks its factor 1/2', kernel, 'dVariance[at]! -= 0.5 * share', 'dVariance[at]! -= share', gradients),
  mutant('dWeight from the last component alone', kernel, 'xHat += share * own;', 'xHat = share * own;', gradients),
  mutant('dp leaves the weight of the component out', kernel, 'dp[j + k]! += gh * own * scale[k]!;', 'dp[j + k]! += gh * own;', gradients),
  mutant("'none' goes through the last E step", back, "if (emGradient === 'none') return;", '', gradients),
  mutant("'posterior' goes through all of EM", back, "const whole = emGradient === 'full' && !running;", 'const whole = !running;', gradients),
  mutant("'full' stops at the last E step", back, "const whole = emGradient === 'full' && !running;", 'const whole = false;', gradients),
  mutant("'full' goes through one round alone", norm, "rounds: plan.emGradient === 'full' ? rounds : [mixture]", "rounds: plan.emGradient === 'full' ? rounds.slice(-2) : [mixture]", gradients),
  mutant('a gradient goes into the state through EM', back, '  if (start.variance) return;\n', '', gradients, 'the variance of the batch is no start of a later batch'),
  mutant('the variance of the batch that EM starts with gets no gradient', back, 'dx[at]! += (2 * (values', 'dx[at]! += (0 * (values', gradients),
  mutant('the weights under the root get no gradient', back, '  dShare.forEach((d, k) => (gradient!.weight[k]! += d));\n', '', gradients),
  mutant('the weights inside the posteriors get no gradient', back, 'dWeight[k]! += dl / weight[k]!', 'dWeight[k]! += 0 / weight[k]!', gradients),
  mutant('the softmax of the E step is differentiated without its sum', back, 'const dl = dLogs[i * components + k]!;', 'const dl = r[i * components + k]! * dr[i * components + k]!;', gradients),
  mutant('the variance of the mixture gets no gradient', back, 'dVariance[at]! += 0.5 * dl', 'dVariance[at]! += 0 * dl', gradients),
  mutant('the determinant has no part in the gradient of the variance', back, '(away * away - 1 / variance[at]!)', '(away * away)', gradients),
  mutant('the sum that moments are divided by has no gradient', back, "(away * away - variance[at]!)\n", '(away * away)\n', gradients),
  mutant('the weight of a dead component has a gradient', back, 'alive && dTotal ?', 'dTotal ?', gradients),
  mutant('the mean of a dead component is differentiated as that of a live one', back, 'const alive = share[k] === 1;', 'const alive = share[k] !== 2;', gradients),
  mutant('deviations of a dead component are taken to add up to 0', back, '- 2 * dVariance[at]! * missing * mean[at]!;', '- 0 * dVariance[at]! * missing * mean[at]!;', gradients),
  mutant('the first seed is a rounded one', seeding, 'const chosen = [Math.floor(uniforms[0]! * count)];', 'const chosen = [Math.min(count - 1, Math.round(uniforms[0]! * count))];', all),
  mutant('a sum equal to the threshold exceeds it', seeding, 'reached <= threshold && row', 'reached < threshold && row', own),
  mutant('seeds are drawn by distances, not by their squares', seeding, 'distance += (rows[at]! - rows[last + c]!) ** 2;', 'distance += Math.abs(rows[at]! - rows[last + c]!);', all),
  mutant('seeds look at the last chosen row alone', seeding, 'if (distance < nearest[i]!) nearest[i] = distance;', 'nearest[i] = distance;', own),
  mutant('when all rows are chosen the first one is chosen again', seeding, 'chosen.push(Math.floor(uniforms[j]! * count));', 'chosen.push(0);', own),
  mutant('the seed is ignored', plan, 'const random = new Random(seed);', 'const random = new Random(0 * seed);', own),
  mutant('the first batch is averaged with the fresh state', plan, 'const share = count === 0 ? 1 : momentum;', 'const share = momentum;', all),
  mutant('momentum weighs the old value', plan, 'const share = count === 0 ? 1 : momentum;', 'const share = count === 0 ? 1 : 1 - momentum;', all),
  mutant('the mixture of the last M step is tracked', norm, 'trackMixture(update, mixture.weight, mean, variance);', 'trackMixture(update, mixture.weight, mixture.mean, mixture.variance);', all),
  mutant('later batches start anew', plan, "if (init === 'running' && held && state!.numBatchesTracked.data[0]! > 0) {", "if (init === 'running' && held && state!.numBatchesTracked.data[0]! > 1e9) {", all),
  mutant('the first batch starts from the fresh state', plan, 'state!.numBatchesTracked.data[0]! > 0) {', 'state!.numBatchesTracked.data[0]! >= 0) {', all),
  mutant("covEps is left out of the start from the state", plan, "  if (init === 'running' && held && state!.numBatchesTracked.data[0]! > 0) {\n    const start = { ...held, variance: held.variance.map((v) => v + covEps) };", "  if (init === 'running' && held && state!.numBatchesTracked.data[0]! > 0) {\n    const start = { ...held, variance: held.variance.map((v) => v + 0 * covEps) };", all),
  mutant('evaluation fits the batch', plan, 'if (held && !training) {', 'if (held && !training && seed < 0) {', [...all, 'norms/hygiene']),
  mutant('evaluation runs EM from the state', plan, 'return { plan: { ...common, emSteps: 0, start, running: held }, update: null };', 'return { plan: { ...common, start, running: held }, update: null };', all),
  mutant('evaluation updates the state', plan, 'running: held }, update: null };', 'running: held }, update: state && { state, momentum } };', [...all, 'norms/hygiene']),
  mutant('data that are not finite are let through', plan, "  checkFinite(caller, 'x', x);\n", '', own),
  mutant('the initial means are shared with the caller', norm, 'this.initMeans = initMeans && copy(initMeans);', 'this.initMeans = initMeans;', own),
];
