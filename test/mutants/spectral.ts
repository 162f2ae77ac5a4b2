/** Mistakes in spectral norm. */
import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'spectral: without the term of sigma',
    mistake: 'sigma-term-missing',
    file: 'src/norms/spectral.ts',
    find: 'const scale = floored ? 0 : along * u[run % channel]!;',
    replace: 'const scale = 0;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the term of sigma counts twice',
    mistake: 'sigma-term-doubled',
    file: 'src/norms/spectral.ts',
    find: 'const scale = floored ? 0 : along * u[run % channel]!;',
    replace: 'const scale = floored ? 0 : 2 * along * u[run % channel]!;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the term of sigma also where the floor holds',
    file: 'src/norms/spectral.ts',
    find: 'const scale = floored ? 0 : along * u[run % channel]!;',
    replace: 'const scale = along * u[run % channel]! + (floored ? 1 : 0);',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the gradient is not divided by sigma',
    mistake: 'sigma-not-divided',
    file: 'src/norms/spectral.ts',
    find: '(dy.data[i]! - scale * v[column + j]!) / divisor;',
    replace: '(dy.data[i]! - scale * v[column + j]!);',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the projection is onto the weight, not the result',
    file: 'src/norms/spectral.ts',
    find: `  along /= divisor;
`,
    replace: '',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the vectors move in evaluation',
    file: 'src/norms/spectral.ts',
    find: `    if (options.training ?? true) advance(state!, m, options.nPowerIterations ?? 1, eps);
    // copies`,
    replace: `    advance(state!, m, options.nPowerIterations ?? 1, eps);
    // copies`,
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the vectors never move',
    file: 'src/norms/spectral.ts',
    find: `    if (options.training ?? true) advance(state!, m, options.nPowerIterations ?? 1, eps);
    // copies`,
    replace: '    // copies',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: one step whatever is asked for',
    file: 'src/norms/spectral.ts',
    find: `    if (options.training ?? true) advance(state!, m, options.nPowerIterations ?? 1, eps);
    // copies`,
    replace: `    if (options.training ?? true) advance(state!, m, 1, eps);
    // copies`,
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: backward reads the vectors as they are by then',
    file: 'src/norms/spectral.ts',
    find: 'u = Float64Array.from(state!.u.data);',
    replace: 'u = state!.u.data as Float64Array;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: eps is added to sigma',
    file: 'src/norms/spectral.ts',
    find: 'const divisor = floored ? eps : sigma;',
    replace: 'const divisor = sigma + eps + 1e-6;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: the floor is not kept',
    file: 'src/norms/spectral.ts',
    find: 'const floored = Math.abs(sigma) <= eps;',
    replace: 'const floored = false;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: a negative estimate is made positive',
    file: 'src/norms/spectral.ts',
    find: 'const divisor = floored ? eps : sigma;',
    replace: 'const divisor = floored ? eps : Math.abs(sigma);',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: warm-up is left out',
    file: 'src/norms/spectral.ts',
    find: 'warmupIterations, eps);',
    replace: '0, eps);',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
  {
    name: 'spectral: a vector of length 0 is taken for a direction',
    file: 'src/tensor/power-iteration.ts',
    find: 'if (!(length > eps && length < Infinity)) return;',
    replace: 'if (length < 0) return;',
    tests: ['norms/spectral', 'norms/vectors'],
    norm: 'spectral',
  },
];
