/** Mistakes in batch-channel norm: its two stages, its estimates, its rows. */
import type { Mutant } from './mutant.ts';

const kernel = 'src/norms/_batch-channel.ts';
const norm = 'src/norms/batch-channel.ts';

function mutant(name: string, file: string, find: string, replace: string, note?: string): Mutant {
  const tests = ['norms/vectors', 'norms/batch-channel'];
  return { name: `batch-channel: ${name}`, file, find, replace, tests, norm: 'batch-channel', ...(note !== undefined && { note }) };
}

export const mutants: readonly Mutant[] = [
  mutant(
    'the estimates are used before they are moved',
    norm,
    `moveEstimates(state!, batch!.mean, deviation, movingSpeed);
  }
  const mean = own ? batch!.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(own ? batch!.variance : state!.runningVar.data, bnEps);`,
    `}
  const mean = own ? batch!.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(own ? batch!.variance : state!.runningVar.data, bnEps);
  if (update && estimate) {
    const old = state!.runningMean.data;
    moveEstimates(state!, batch!.mean, batch!.variance.map((v, c) => v + (batch!.mean[c]! - old[c]!) ** 2), movingSpeed);
  }`,
  ),
  mutant('the estimated variance is that of the batch', norm, '=> v + (batch!.mean[c]! - old[c]!) ** 2);', '=> v + 0 * (batch!.mean[c]! - old[c]!) ** 2);'),
  mutant(
    'the estimated variance is about the moved mean',
    norm,
    '=> v + (batch!.mean[c]! - old[c]!) ** 2);',
    '=> v + ((1 - movingSpeed) * (batch!.mean[c]! - old[c]!)) ** 2);',
    'what moving the mean first gives',
  ),
  mutant('the estimated variance is unbiased', norm, '=> v + (batch!.mean[c]! - old[c]!) ** 2);', '=> (v + (batch!.mean[c]! - old[c]!) ** 2) * (count / Math.max(1, count - 1)));'),
  mutant('the gradient goes through the estimates as if they were the batch', norm, 'rstdOf(group.variance, eps), own, eps, bnEps };', 'rstdOf(group.variance, eps), own: own || estimate, eps, bnEps };'),
  mutant('the estimates move with momentum', norm, 'moveEstimates(state!, batch!.mean, deviation, movingSpeed);', 'moveEstimates(state!, batch!.mean, deviation, momentum);'),
  mutant('the estimates do not move unless asked to', norm, '    movingSpeed = 0.1,', '    movingSpeed = 0,', 'the trap of the released code'),
  mutant('a call with estimates is not counted', norm, '  state.numBatchesTracked.data[0]! += 1;\n', ''),
  mutant('training with estimates uses the batch', norm, 'const own = !estimate && (training || !state);', 'const own = training || !state;'),
  mutant('evaluation uses the batch', norm, 'const own = !estimate && (training || !state);', 'const own = !estimate;'),
  mutant('evaluation moves the state', norm, 'update: training && state !== null', 'update: state !== null'),
  mutant('what is saved for the backward is the state itself', norm, ': Float64Array.from(state!.runningMean.data);', ': (state!.runningMean.data as Float64Array);'),
  mutant('the running variance is biased', norm, 'track(state!, batch!.mean, batch!.variance, count, momentum);', 'track(state!, batch!.mean, batch!.variance.map((v) => v * ((count - 1) / count)), count, momentum);'),
  mutant('the eps of the groups is that of the channels too', norm, 'state!.runningVar.data, bnEps);', 'state!.runningVar.data, eps);'),
  mutant('the eps of the groups stands outside the root', norm, 'rstdOf(group.variance, eps)', 'group.variance.map((v) => 1 / (Math.sqrt(v) + eps))'),
  mutant('a group of a single value is let through', norm, '* positions < 2)', '* positions < 1)'),
  mutant('the spread within rows is left out of the variance of a channel', kernel, '+= rowVariance[s]! / samples;', '+= (0 * rowVariance[s]!) / samples;'),
  mutant(
    'the variance of a channel is a difference of mean squares',
    kernel,
    '  return { mean, variance };\n}\n\n/** Mean and biased variance of u',
    `  const squares = new Float64Array(channels);
  for (let s = 0; s < rowMean.length; s++) squares[s % channels]! += (rowMean[s]! * rowMean[s]! + (rowVariance ? rowVariance[s]! : 0)) / samples;
  return { mean, variance: variance.map((_, c) => Math.max(0, Math.fround(squares[c]!) - Math.fround(mean[c]! * mean[c]!))) };
}

/** Mean and biased variance of u`,
    'in float32',
  ),
  mutant(
    'the estimated variance is a difference of mean squares',
    norm,
    '=> v + (batch!.mean[c]! - old[c]!) ** 2);',
    '=> Math.fround(v + batch!.mean[c]! ** 2) - Math.fround(2 * batch!.mean[c]! * old[c]! - old[c]! ** 2));',
    'in float32',
  ),
  mutant('the spread within rows is left out of the variance of a group', kernel, 'variance[k]! += within / size;', 'variance[k]! += 0 * within;'),
  mutant('the spread between the rows of a group is left out', kernel, 'variance[k]! += within / size;', 'variance[k] = within / size;'),
  mutant('the spread within rows is scaled by the slope, not its square', kernel, 'within += slope[c]! * slope[c]! * rowVariance[s]!;', 'within += Math.abs(slope[c]!) * rowVariance[s]!;'),
  mutant('the groups are counted by samples', kernel, 'const first = (k % numGroups) * size;', 'const first = (Math.floor(k / Math.max(1, mean.length / numGroups)) % numGroups) * size;'),
  mutant('every group has the weight of the first', kernel, 'const gain = groupRstd[k]! * (weight ? weight.data[g]! : 1);', 'const gain = groupRstd[k]! * (weight ? weight.data[0]! : 1);'),
  mutant('bnBias is left out of the result', kernel, '+ shift[c]! - groupMean[k]!) * gain + base;', '- groupMean[k]!) * gain + base;'),
  mutant('mean(h) over the group is dropped', kernel, 'const h = (scaled[k] = (w * sum) / (size * inner));', 'const h = (scaled[k] = 0 * sum);'),
  mutant('mean(h vHat) over the group is dropped', kernel, 'const hv = (projected[k] = (w * along) / (size * inner));', 'const hv = (projected[k] = 0 * along);'),
  mutant('the means over a group are divided by its channels alone', kernel, 'const hv = (projected[k] = (w * along) / (size * inner));', 'const hv = (projected[k] = (w * along) / size);'),
  mutant('dWeight forgets what is between the rows', kernel, 'along += r * (slope[c]! * p + (', 'along += r * (slope[c]! * p + 0 * ('),
  mutant('dBnWeight is taken of x less the mean of its row', kernel, '(duAlong + away * du);', 'duAlong;'),
  mutant('dBnWeight forgets that vHat moves within a row', kernel, '- inner * tilt * rowVariance[row]!) : 0;', ') : 0;'),
  mutant('dBnBias is the sum of dy', kernel, 'dBnBias[c]! += du;', 'dBnBias[c]! += totals[c - first]!;'),
  mutant('the weight of the group is missing in front of its means', kernel, 'let du = r * (w * totals[c - first]!', 'let du = r * (totals[c - first]!'),
  mutant('the gradient of x forgets that the mean of the channel moves', kernel, '? sums.dBnBias[c]! / count + bend * away : 0;', '? bend * away : 0;'),
  mutant('the gradient of x forgets that the deviation of the channel moves', kernel, 'const bend = own ? (rstd[c]! * sums.dBnWeight[c]!) / count : 0;', 'const bend = 0 * rstd[c]!;'),
  mutant('the means over a channel are divided by the samples alone', kernel, 'const count = x.shape[0]! * inner;', 'const count = x.shape[0]!;'),
  mutant('the gradient of x lacks bnWeight', kernel, 'dx[i] = a * (r', 'dx[i] = rstd[c]! * (r'),
  mutant('a gradient that is not finite goes through estimates', kernel, 'const base = own ? sums.dBnBias[c]! / count + bend * away : 0;', 'const base = (sums.dBnBias[c]! / count + bend * away) * (own ? 1 : 0);', '0 times infinity'),
  mutant('rows of two values are summed by other roundings than dx has', kernel, 'if (inner <= 2) {', 'if (inner < 0) {', 'noticed where both stages take nearly all away'),
  mutant('the last position of an odd row is skipped', kernel, 'p0 += dy[i]! * (data[i]! - mu);\n        i++;', 'i++;'),
];
