/** Equalities of the norms that learn how to normalize. */
import { batchNorm } from '../../../src/norms/batch.ts';
import { groupNorm } from '../../../src/norms/group.ts';
import { instanceNorm } from '../../../src/norms/instance.ts';
import { sparseSwitchableNorm } from '../../../src/norms/sparse-switchable.ts';
import { switchableNorm } from '../../../src/norms/switchable.ts';
import { tensor } from '../../../src/tensor/create.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type Equality, images, numbers, rounding } from './equality.ts';

const [weight, bias] = [numbers(31, 4), numbers(32, 4)];
const double = (values: number[]): Tensor => tensor(values, { dtype: 'float64' });

/** What one statistic alone gives. */
const alone: readonly { name: 'in' | 'ln' | 'bn'; is: string; as?: string; run: (x: Tensor) => Tensor }[] = [
  { name: 'in', is: 'instance', run: (x) => instanceNorm(x, weight, bias) },
  { name: 'ln', is: 'group', as: 'with one group', run: (x) => groupNorm(x, weight, bias, { numGroups: 1 }) },
  { name: 'bn', is: 'batch', run: (x) => batchNorm(x, weight, bias) },
];

export const learned: readonly Equality[] = [
  ...alone.map(
    ({ name, is, as, run }): Equality => ({
      norm: 'switchable',
      given: `with \`statistics: ['${name}']\``,
      is,
      ...(as !== undefined && { as }),
      shapes: images,
      left: (x) => switchableNorm(x, weight, bias, double([0.5]), double([-1]), null, { statistics: [name] }),
      right: run,
      within: rounding,
    }),
  ),
  ...alone.map(
    ({ name, is, as, run }, k): Equality => ({
      norm: 'sparse-switchable',
      given: `when both ratios have chosen \`'${name}'\``,
      is,
      ...(as !== undefined && { as }),
      shapes: images,
      left: (x) => {
        const chosen = double([0, 1, 2].map((i) => (i === k ? 3 : 0)));
        return sparseSwitchableNorm(x, weight, bias, chosen, chosen, null, { radius: 0.9 });
      },
      right: run,
      within: rounding,
    }),
  ),
];
