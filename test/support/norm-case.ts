/** Generated cases of norms for properties: the cases of `src/oracle/generate`, with fast-check's choices. */
import * as fc from 'fast-check';
import type { Entry } from '../../src/norms/catalog/entry.ts';
import { drawNormCase, type NormCaseOptions } from '../../src/oracle/generate/draw-norm-case.ts';
import { NormCase } from '../../src/oracle/generate/norm-case.ts';
import { smallerNormCases } from '../../src/oracle/generate/smaller-norm-cases.ts';
import { chooserOf } from './chooser.ts';

/** Cases of a norm. */
export function normCases(entry: Entry, options: NormCaseOptions = {}): fc.Arbitrary<NormCase> {
  return new NormCaseArbitrary(entry, options);
}

class NormCaseArbitrary extends fc.Arbitrary<NormCase> {
  readonly #entry: Entry;
  readonly #options: NormCaseOptions;

  constructor(entry: Entry, options: NormCaseOptions) {
    super();
    this.#entry = entry;
    this.#options = options;
  }

  generate(random: fc.Random): fc.Value<NormCase> {
    return new fc.Value(drawNormCase(this.#entry, chooserOf(random), this.#options), undefined);
  }

  canShrinkWithoutContext(value: unknown): value is NormCase {
    return value instanceof NormCase;
  }

  shrink(value: NormCase): fc.Stream<fc.Value<NormCase>> {
    return new fc.Stream(this.#smaller(value));
  }

  *#smaller(value: NormCase): IterableIterator<fc.Value<NormCase>> {
    const { fits = () => true } = this.#options;
    for (const candidate of smallerNormCases(value)) {
      if (fits(candidate)) yield new fc.Value(candidate, undefined);
    }
  }
}
