/**
 * A batch norm as somebody may have written it, without a library: the function under test. It knows nothing of the
 * oracle. `x` is [N, C, ...spatial] in row-major order.
 */

/** The values of channel `c`, one position after the other. */
function positions(shape, c) {
  const [samples, channels] = shape;
  const space = shape.slice(2).reduce((a, b) => a * b, 1);
  const found = [];
  for (let n = 0; n < samples; n++) for (let s = 0; s < space; s++) found.push((n * channels + c) * space + s);
  return found;
}

/** y, and what the backward needs. In training `running` ({mean, variance}) moves; in evaluation it is used. */
export function forward(x, shape, { weight, bias, eps, momentum, training, running }) {
  const y = x.slice();
  const saved = { xHat: x.slice(), rstd: [], own: training || !running };
  for (let c = 0; c < shape[1]; c++) {
    const at = positions(shape, c);
    let mean = running?.mean[c];
    let variance = running?.variance[c];
    if (saved.own) {
      mean = at.reduce((sum, i) => sum + x[i], 0) / at.length;
      variance = at.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / at.length;
    }
    // with momentum 0 a batch that is not finite does no harm
    if (training && running && momentum > 0) {
      const unbiased = (variance * at.length) / (at.length - 1);
      running.mean[c] = (1 - momentum) * running.mean[c] + momentum * mean;
      running.variance[c] = (1 - momentum) * running.variance[c] + momentum * unbiased;
    }
    const rstd = 1 / Math.sqrt(variance + eps);
    saved.rstd.push(rstd);
    for (const i of at) {
      const xHat = (x[i] - mean) * rstd;
      saved.xHat[i] = xHat;
      y[i] = xHat * (weight?.[c] ?? 1) + (bias?.[c] ?? 0);
    }
  }
  return { y, saved };
}

/** The gradients of x, weight and bias from that of y. */
export function backward(dy, shape, { weight }, { xHat, rstd, own }) {
  const grads = { x: dy.slice(), weight: dy.slice(0, shape[1]), bias: dy.slice(0, shape[1]) };
  for (let c = 0; c < shape[1]; c++) {
    const at = positions(shape, c);
    const dBias = at.reduce((sum, i) => sum + dy[i], 0);
    const dWeight = at.reduce((sum, i) => sum + dy[i] * xHat[i], 0);
    grads.bias[c] = dBias;
    grads.weight[c] = dWeight;
    const scale = (weight?.[c] ?? 1) * rstd[c];
    for (const i of at) grads.x[i] = scale * (own ? dy[i] - (dBias + xHat[i] * dWeight) / at.length : dy[i]);
  }
  return grads;
}
