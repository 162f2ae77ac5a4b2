/** Running an optimizer and a scalar recurrence side by side. */
import type { Optimizer, Settings } from '../../src/optim/optimizer.ts';
import { fromArray } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { Parameter } from '../../src/nn/parameter.ts';

/** Gradients that change sign and size, one row per step; the last element is always 0. */
export const gradients: readonly (readonly number[])[] = [
  [0.5, -2, 1e-3, 0],
  [-0.25, -1, 2e-3, 0],
  [1.5, 0.125, -4e-3, 0],
  [0, 3, 1e-3, 0],
  [-0.75, 3, 1e-3, 0],
  [2, -0.5, 8e-3, 0],
];

export const start: readonly number[] = [1, -0.5, 2, 0.25];

export function makeParameter(values: readonly number[] = start, dtype: DType = 'float64'): Parameter {
  return new Parameter(fromArray(values, [values.length], { dtype }));
}

export function setGradient(parameter: Tensor, values: readonly number[]): void {
  parameter.grad = fromArray(values, parameter.shape, { dtype: parameter.dtype });
}

/** The parameter after each step with the gradients above. */
export function trajectory<S extends Settings>(make: (parameter: Parameter) => Optimizer<S>, dtype: DType = 'float64'): number[][] {
  const parameter = makeParameter(start, dtype);
  const optimizer = make(parameter);
  return gradients.map((row) => {
    setGradient(parameter, row);
    optimizer.step();
    return Array.from(parameter.data);
  });
}

/** The same of a recurrence for one number: `make` gives a function from (parameter, gradient, t = 1, 2, …) to the next one. */
export function recurrence(make: () => (p: number, g: number, t: number) => number): number[][] {
  const rows = gradients.map((): number[] => []);
  start.forEach((first, i) => {
    const next = make();
    let p = first;
    gradients.forEach((row, t) => {
      p = next(p, row[i]!, t + 1);
      rows[t]!.push(p);
    });
  });
  return rows;
}

/** The largest relative difference of two tables of numbers. */
export function distance(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  let worst = 0;
  a.forEach((row, t) =>
    row.forEach((value, i) => {
      const other = b[t]![i]!;
      const off = Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other), 1e-300);
      worst = Math.max(worst, value === other ? 0 : Number.isNaN(off) ? Infinity : off);
    }),
  );
  return worst;
}
