/** A mistake of decorrelated batch norm: eigenvalues that are equal. */
import { symmetricEigen } from '../../tensor/eigen.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { mapped, type Mistake, of, replaced } from './mistake.ts';

/** Whether the covariance of a group of channels has an eigenvalue twice. */
function repeats(x: Tensor, group: number, size: number): boolean {
  const [samples, channels] = x.shape as [number, number];
  const inner = x.data.length / (samples * channels);
  const at = (c: number, i: number): number => (Math.floor(i / inner) * channels + c) * inner + (i % inner);
  const row = (c: number): Float64Array => Float64Array.from({ length: samples * inner }, (_, i) => x.data[at(c, i)]!);
  const centred = Array.from({ length: size }, (_, k) => {
    const values = row(group * size + k);
    const mean = values.reduce((total, value) => total + value, 0) / values.length;
    return values.map((value) => value - mean);
  });
  const product = (a: Float64Array, b: Float64Array): number => a.reduce((total, value, i) => total + value * b[i]!, 0);
  const covariance = centred.flatMap((a) => centred.map((b) => product(a, b) / a.length));
  const { values } = symmetricEigen(covariance, size);
  return values.some((value, i) => i > 0 && Math.abs(value - values[i - 1]!) <= 1e-9 * Math.abs(values[0]!));
}

export const whitening = (): readonly Mistake[] => [
  {
    name: 'eigenvalue-gaps-divide',
    says: 'with a derivative that divides by differences of eigenvalues, and is NaN where two are equal',
    fits: (asked) => of('decorrelated-batch')(asked) && asked.config.method === 'zca',
    answer: (asked, right) =>
      replaced(right, ({ grads }, index) => {
        const { mode, inputs } = asked.calls[index]!;
        const x = inputs.x!;
        if ((mode === 'eval' && asked.state.runningMean) || !grads.x) return null;
        const [samples, channels] = x.shape as [number, number];
        const inner = x.data.length / (samples * channels);
        const size = channels / ((asked.config.numGroups as number | undefined) ?? 1);
        const spoilt = Array.from({ length: channels / size }, (_, g) => size > 1 && repeats(x, g, size));
        const groupOf = (i: number): number => Math.floor((Math.floor(i / inner) % channels) / size);
        return { grads: { x: mapped(grads.x, (value, i) => (spoilt[groupOf(i)] ? NaN : value)) } };
      }),
  },
];
