/** Online norm in plain numbers: the published recursions, written out one sample and one channel at a time. */

/** One channel's state. */
export interface Channel {
  mu: number;
  v: number;
  errorMean: number;
  errorProj: number;
}

/** Options of the stream. */
export interface Stream {
  readonly alphaFwd: number;
  readonly alphaBkw: number;
  readonly eps: number;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Normalizes samples of one channel; returns y, and what each sample was divided by. Changes the state. */
export function forward(state: Channel, samples: readonly number[][], { alphaFwd: af, eps }: Stream) {
  return samples.map((x) => {
    const sigma = Math.sqrt(state.v + eps);
    const y = x.map((value) => (value - state.mu) / sigma);
    const m = mean(x);
    const s2 = mean(x.map((value) => (value - m) ** 2));
    const away = m - state.mu;
    state.v = af * state.v + (1 - af) * s2 + af * (1 - af) * away ** 2;
    state.mu = state.mu + (1 - af) * away;
    return { y, sigma };
  });
}

/** The gradients of x from those of y. Changes the state. */
export function backward(
  state: Channel,
  normalized: readonly { y: readonly number[]; sigma: number }[],
  gradients: readonly number[][],
  { alphaBkw }: Stream,
): number[][] {
  const k = 1 - alphaBkw;
  return normalized.map(({ y, sigma }, t) => {
    const a = gradients[t]!.map((g, i) => g - k * state.errorProj * y[i]!);
    state.errorProj += mean(a.map((value, i) => value * y[i]!));
    const dx = a.map((value) => value / sigma - k * state.errorMean);
    state.errorMean += mean(dx);
    return dx;
  });
}
