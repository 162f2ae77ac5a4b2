/**
 * The auto-encoder of instance-level meta norm, in double: from a feature of each key group to a logit for each.
 *
 *     hidden = relu(feature encoder^T)      logits = hidden decoder^T      for each sample by itself
 *
 * It runs twice over one encoder: on the variances, towards a scale, and on the means, towards a shift. All arrays are
 * as small as samples times key groups, so plain loops do.
 */
import type { FloatArray } from '../tensor/dtype.ts';

/** One run of the auto-encoder: `feature` and `logits` are `[N, keyGroups]`, `hidden` is `[N, embedSize]`. */
export type Code = readonly [feature: Float64Array, hidden: Float64Array, logits: Float64Array];

/** Hidden units and logits of a feature; `encoder`: `[embedSize, keyGroups]`, `decoder`: `[keyGroups, embedSize]`. */
export function encode(feature: Float64Array, encoder: FloatArray, decoder: FloatArray, keyGroups: number): Code {
  const embedSize = encoder.length / keyGroups;
  const hidden = timesTransposed(feature, encoder, keyGroups, embedSize);
  for (let i = 0; i < hidden.length; i++) if (hidden[i]! <= 0) hidden[i] = 0;
  return [feature, hidden, timesTransposed(hidden, decoder, embedSize, keyGroups)];
}

/** The gradients of the feature and of the decoder, from that of the logits; that of the encoder is added to `dEncoder`. */
export function encodeBackward(
  dLogits: Float64Array,
  [feature, hidden]: Code,
  encoder: FloatArray,
  decoder: FloatArray,
  keyGroups: number,
  dEncoder: Float64Array,
): { dFeature: Float64Array; dDecoder: Float64Array } {
  const embedSize = encoder.length / keyGroups;
  const dFeature = new Float64Array(feature.length);
  const dDecoder = new Float64Array(decoder.length);
  for (let n = 0; n * keyGroups < feature.length; n++) {
    for (let e = 0; e < embedSize; e++) {
      const active = hidden[n * embedSize + e]!;
      let dHidden = 0;
      for (let j = 0; j < keyGroups; j++) {
        const d = dLogits[n * keyGroups + j]!;
        dDecoder[j * embedSize + e]! += d * active;
        dHidden += d * decoder[j * embedSize + e]!;
      }
      if (active <= 0) continue;
      for (let j = 0; j < keyGroups; j++) {
        dEncoder[e * keyGroups + j]! += dHidden * feature[n * keyGroups + j]!;
        dFeature[n * keyGroups + j]! += dHidden * encoder[e * keyGroups + j]!;
      }
    }
  }
  return { dFeature, dDecoder };
}

/** `a b^T`, with a `[rows, inner]` and b `[columns, inner]`. */
function timesTransposed(a: Float64Array, b: FloatArray, inner: number, columns: number): Float64Array {
  const rows = a.length / inner;
  const product = new Float64Array(rows * columns);
  for (let r = 0, to = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, to++) {
      let total = 0;
      for (let k = 0; k < inner; k++) total += a[r * inner + k]! * b[c * inner + k]!;
      product[to] = total;
    }
  }
  return product;
}

/** `1 / (1 + e^(-logit))`. */
export function sigmoidOf(logit: number): number {
  const small = Math.exp(-Math.abs(logit));
  return (logit < 0 ? small : 1) / (1 + small);
}

/** The derivative of the sigmoid, as `s (1 - s)` but without the cancellation where s is near 1. */
export function sigmoidSlopeOf(logit: number): number {
  const small = Math.exp(-Math.abs(logit));
  return small / ((1 + small) * (1 + small));
}

/** The derivative of tanh: `1 - tanh^2`, without the cancellation. */
export function tanhSlopeOf(logit: number): number {
  return 4 * sigmoidSlopeOf(2 * logit);
}
