/**
 * Backward of a softmax over the rows of plain numbers:
 *
 *     dLogits[k] = y[k] (dy[k] - sum over j of y[j] dy[j])
 *
 * with all dy less the one of the largest share of their row, which changes nothing as shares sum to 1: where one of
 * them is near 1, its dy and the mean would be nearly equal, and their difference nothing but rounding.
 */

/** Gradients of the logits of `y`, rows of `count` shares, from those of the shares. */
export function sharesBackward(y: Float64Array, dy: Float64Array, count: number): Float64Array {
  const dLogits = new Float64Array(y.length);
  for (let row = 0; row < y.length; row += count) {
    let largest = row;
    for (let at = row + 1; at < row + count; at++) if (y[at]! > y[largest]!) largest = at;
    const apart = dy[largest]!;
    let average = 0;
    for (let at = row; at < row + count; at++) average += y[at]! * (dy[at]! - apart);
    for (let at = row; at < row + count; at++) dLogits[at] = y[at]! * (dy[at]! - apart - average);
  }
  return dLogits;
}
