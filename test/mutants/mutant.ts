/**
 * A mutant: a small, plausible mistake planted in the source to see whether the tests notice it.
 *
 * Mutants live in `test/mutants/<topic>.ts`, each file exporting `mutants: readonly Mutant[]`. `npm run test:mutants`
 * plants each one in a copy of the tree, runs the named tests on it with 100 cases a property, and demands that they
 * fail. A patch whose text is not found exactly once is an error: a mutant that no longer applies proves nothing.
 */
export interface Mutant {
  /** What is wrong, as a short sentence: `the mean(g) term is dropped`. Unique among all mutants. */
  readonly name: string;
  /** The file to patch, from the root of the project: `src/autograd/sub.ts`. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
  /** Path filters of the tests that must notice, as `npm test` takes them: `['autograd/sub']`. */
  readonly tests: readonly string[];
  /** Restricts the tests that run over the whole catalogue to these norms: `layer,group`. */
  readonly norm?: string;
  /** More replacements in the same file. */
  readonly also?: readonly { readonly find: string; readonly replace: string }[];
  /** The name of the catalogued mistake (src/oracle/mistakes) that the diagnosis has to find in it. */
  readonly mistake?: string;
  /** Norms that the diagnosis is asked about, where they are fewer than those of `norm`; and in which dtype. */
  readonly asked?: string;
  readonly dtype?: 'float64';
  /** Why the mistake is worth planting, where the name does not say. */
  readonly note?: string;
}
