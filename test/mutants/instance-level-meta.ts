/** Mistakes in instance-level meta norm: the statistics, the auto-encoder, the way back through both. */
import type { Mutant } from './mutant.ts';

const norm = 'instance-level-meta';
const kernel = 'src/norms/_meta.ts';
const code = 'src/norms/_meta-code.ts';
const file = 'src/norms/instance-level-meta.ts';
const tests = ['norms/vectors', 'norms/instance-level-meta', 'norms/fused'];
const own = ['norms/instance-level-meta'];

const planted = (name: string, patched: string, find: string, replace: string, more: Partial<Mutant> = {}): Mutant => ({
  name: `${norm}: ${name}`,
  file: patched,
  find,
  replace,
  tests,
  norm,
  ...more,
});

export const mutants: readonly Mutant[] = [
  planted('the scale comes from the means, not from the variances', kernel, 'scaleCode: encode(keys.variance,', 'scaleCode: encode(keys.mean,'),
  planted('the shift comes from the variances, not from the means', kernel, 'shiftCode: encode(keys.mean,', 'shiftCode: encode(keys.variance,'),
  planted('one decoder serves scale and shift', kernel, 'encode(keys.mean, encoderWeight.data, biasDecoder.data,', 'encode(keys.mean, encoderWeight.data, weightDecoder.data,'),
  planted(
    'eps enters the key variance',
    kernel,
    'encode(keys.variance, encoderWeight',
    'encode(keys.variance.map((value) => value + eps), encoderWeight',
  ),
  planted('the scale feature is the standard deviation', kernel, 'encode(keys.variance, encoderWeight', 'encode(keys.variance.map(Math.sqrt), encoderWeight'),
  planted(
    'key groups are interleaved channels',
    kernel,
    'const key = Math.floor(i / plan.keyGroupSize);',
    'const key = Math.floor(i / channels) * plan.keyGroups + ((i % channels) % plan.keyGroups);',
    { note: 'repeat the other way round' },
  ),
  planted('blocks of a key group are taken for blocks of the other groups', kernel, 'while (b > 0) [a, b] = [b, a % b];', 'if (b < a) a = b;', {
    tests: own,
    note: 'right unless the two groupings overlap partly',
  }),
  planted('unbiased is ignored', kernel, 'if (unbiased) for', 'if (unbiased && size < 0) for'),
  planted('unbiased holds for the normalization groups only', kernel, 'if (unbiased) for', 'if (unbiased && size === length && size !== keyLength) for'),
  planted('unbiased holds for the key groups only', kernel, 'if (unbiased) for', 'if (unbiased && size === keyLength && size !== length) for'),
  planted('the predicted scale multiplies the weight', kernel, 'weight.data[i % channels]! + sigmoidOf', 'weight.data[i % channels]! * sigmoidOf'),
  planted('without a prediction the scale is 1', kernel, 'sigmoidOf(scaleLogits[key]!);', 'sigmoidOf(scaleLogits[key]!) - 0.5;'),
  planted('the shift goes through a sigmoid too', kernel, 'Math.tanh(shiftLogits[key]!)', 'sigmoidOf(shiftLogits[key]!)'),
  planted('the shift is not bounded', kernel, 'Math.tanh(shiftLogits[key]!)', 'shiftLogits[key]!'),
  planted('hidden units are not rectified', code, 'if (hidden[i]! <= 0) hidden[i] = 0;', 'if (hidden[i]! <= 0) hidden[i] = hidden[i]! * 1;'),
  planted('dead hidden units pass a gradient on', code, 'if (active <= 0) continue;', ''),
  planted('the encoder gets the gradient of one feature only', kernel, 'biasDecoder.data, keyGroups, dEncoder);', 'biasDecoder.data, keyGroups, new Float64Array(dEncoder.length));'),
  planted('the encoder is read transposed on the way back', code, 'dHidden * encoder[e * keyGroups + j]!;', 'dHidden * encoder[j * embedSize + e]!;'),
  planted('the decoder is read transposed on the way back', code, 'd * decoder[j * embedSize + e]!;', 'd * decoder[e * keyGroups + j]!;'),
  planted('the decoder gradient is that of the last sample', code, 'dDecoder[j * embedSize + e]! += d * active;', 'dDecoder[j * embedSize + e] = d * active;'),
  planted('dHidden is taken through one key group only', code, 'dHidden += d * decoder', 'dHidden = d * decoder'),
  planted('the slope of the sigmoid is missing', kernel, 'd * sigmoidSlopeOf(scaleLogits[i]!)', 'd'),
  planted('the slope of tanh is that of the sigmoid', kernel, 'd * tanhSlopeOf(shiftLogits[i]!)', 'd * sigmoidSlopeOf(shiftLogits[i]!)'),
  planted(
    'the slope of the sigmoid is s (1 - s), which cancels',
    code,
    'return small / ((1 + small) * (1 + small));',
    'const s = 1 / (1 + small);\n  return s * (1 - s) + 0 * small;',
    { tests: [...own, 'norms/fused'] },
  ),
  planted('a scale gets the gradient of one channel of its key group', kernel, 'sums[Math.floor(i / length)]! += values[i]!;', 'sums[Math.floor(i / length)] = values[i]!;'),
  planted('no gradient goes through the key means', kernel, 'const level = dKeyMean[key]! / keyLength', 'const level = (0 * dKeyMean[key]!) / keyLength'),
  planted('no gradient goes through the key variances', kernel, 'const keySlope = (2 * dKeyVar', 'const keySlope = (0 * dKeyVar'),
  planted('the key variance lacks its factor 2', kernel, 'const keySlope = (2 * dKeyVar', 'const keySlope = (1 * dKeyVar'),
  planted('the key mean is divided by the size of the normalization group', kernel, 'dKeyMean[key]! / keyLength -', 'dKeyMean[key]! / length -'),
  planted('an unbiased key variance is divided by all values on the way back', kernel, '(keyLength - lost)', 'keyLength'),
  planted('an unbiased variance is divided by all values on the way back', kernel, '(length - lost)', 'length'),
  planted('the key variance moves with x less the other mean', kernel, 'keySlope * (x.data[i]! - keyMu);', 'keySlope * (x.data[i]! - mu);'),
  planted('dx is scaled by the weight, without the prediction', kernel, 'const factor = r * scale.data[a]!;', 'const factor = r * weight.data[a % weight.data.length]!;'),
  planted('the mean term of dx is dropped', kernel, '- (r * scaled[s]!) / length;', '- (0 * scaled[s]!) / length;'),
  planted('the variance term of dx lacks a factor rstd', kernel, '(r * r * projected[s]!)', '(r * projected[s]!)'),
  planted('dWeight and dBias are those of the last sample', kernel, 'sums[i % channels]! += values[i]!;', 'sums[i % channels] = values[i]!;'),
  planted('the default embedding is that of the in and ln files: above, not from, the reduction', file, 'keyGroups >= reduction ?', 'keyGroups > reduction ?', { tests: own }),
  planted('both matrices begin equal', file, 'this.biasDecoder = matrix([keyGroups, embedSize]);', 'this.biasDecoder = new Parameter(this.weightDecoder);', { tests: own }),
  planted('a normalization group of a single value is let through', file, 'if (length < 2) {', 'if (length < 1) {', { tests: own }),
  planted('an unbiased key variance of a single value is let through', file, 'if (unbiased && keyLength < 2) {', 'if (unbiased && keyLength < 1) {', { tests: own }),
  planted('the decoders are not held to the size of the encoder', file, "checkLike(caller, 'biasDecoder', biasDecoder, [keyGroups, embedSize!], x);", '', { tests: own }),
  planted('the class ignores unbiased', file, 'this.unbiased = unbiased;', 'this.unbiased = false;', { tests: own }),
];
