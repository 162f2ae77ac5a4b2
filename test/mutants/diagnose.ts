/** Mistakes in the diagnosis: what counts as an explanation, and which one is named first. */
import type { Mutant } from './mutant.ts';

const file = 'src/oracle/diagnose.ts';
const tests = ['oracle/diagnose'];

export const mutants: readonly Mutant[] = [
  {
    name: 'diagnosis: one tensor that matches is enough',
    file,
    find: 'if (!rounding && !plausible(factor, found, mistaken, right, limit)) return null;',
    replace: 'if (!rounding && !plausible(factor, found, mistaken, right, limit)) continue;',
    also: [
      {
        find: 'if (!withinBound(factor, found.data, mistaken!.data, bound)) return null;',
        replace: 'if (withinBound(factor, found.data, mistaken!.data, bound)) return changed;',
      },
    ],
    tests,
  },
  {
    name: 'diagnosis: what is plausible is believed',
    file,
    find: 'if (!withinBound(factor, found.data, mistaken!.data, bound)) return null;',
    replace: 'void [withinBound, bound];',
    tests,
  },
  {
    name: 'diagnosis: a right answer has one too',
    file,
    find: 'if (!patient.fails) return [];',
    replace: '',
    tests,
  },
  {
    name: 'diagnosis: the mistake that changes the most tensors comes first',
    file,
    find: 'a.changed - b.changed',
    replace: 'b.changed - a.changed',
    tests,
  },
  {
    name: 'diagnosis: mistakes of rounding come first',
    file,
    find: 'last(a.mistake) - last(b.mistake)',
    replace: 'last(b.mistake) - last(a.mistake)',
    tests,
  },
  {
    name: 'diagnosis: only the first case counts',
    file,
    find: 'for (const { asked, got } of cases) {',
    replace: 'for (const { asked, got } of cases.slice(0, 1)) {',
    tests,
  },
  {
    name: 'diagnosis: the rounding unit is that of float64',
    file,
    find: 'this.#unit = unitOf[asked.dtype];',
    replace: 'this.#unit = unitOf.float64;',
    tests,
  },
  {
    name: 'diagnosis: a mistake writes into the right answers',
    file: 'src/oracle/mistakes/mistake.ts',
    find: 'return new Tensor(Float64Array.from(x.data, (value, i) => change(value, i)), x.shape);',
    replace: 'for (let i = 0; i < x.data.length; i++) x.data[i] = change(x.data[i]!, i);\n  return x;',
    tests,
  },
  {
    name: 'standardization with knobs: an unbiased variance is followed as a biased one',
    file: 'src/oracle/mistakes/standardization.ts',
    find: 'return v === 0 ? 0 : share * (deviation(v) / Math.sqrt(v));',
    replace: 'return v === 0 ? 0 : deviation(v) / Math.sqrt(v);',
    tests: ['oracle/mistakes/standardization'],
  },
  {
    name: 'standardization with knobs: what goes through has no gradient',
    file: 'src/oracle/mistakes/standardization.ts',
    find: '(first - second - third) + through * dy[i]!;',
    replace: '(first - second - third);',
    tests: ['oracle/mistakes/standardization'],
  },
  {
    name: 'standardization with knobs: given statistics move with x',
    file: 'src/oracle/mistakes/standardization.ts',
    find: 'const own = knobs.own ?? !given.given;',
    replace: 'const own = knobs.own ?? true;',
    tests: ['oracle/mistakes/standardization'],
  },
];
