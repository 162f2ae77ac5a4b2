import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { entryOf } from '../../src/norms/catalog.ts';
import { answer } from '../../src/oracle/answer.ts';
import type { NormCase } from '../../src/oracle/generate/norm-case.ts';
import { normCases } from './norm-case.ts';
import { seed } from './seed.ts';

const test = suite('generated cases of norms');

function smallest(slug: string, fails: (found: NormCase) => boolean): NormCase {
  const result = fc.check(fc.property(normCases(entryOf(slug)), (found) => !fails(found)), { seed: seed(), numRuns: 500 });
  return result.counterexample![0] as NormCase;
}

test('the same numbers come out in float32 and in float64', () => {
  for (const found of fc.sample(normCases(entryOf('batch')), { seed: seed(), numRuns: 50 })) {
    const wide = found.toCase('float64').calls[0]!.inputs.x!.data;
    found.toCase('float32').calls[0]!.inputs.x!.data.forEach((value: number, i: number) => assert.is(value, wide[i]));
  }
});

test('a failing case shrinks to the smallest that fails, every tensor cut alike', () => {
  const found = smallest('layer', ({ tensors }) => tensors.get('inputs.0.x')!.values().some((value) => Math.abs(value) > 3));
  const x = found.tensors.get('inputs.0.x')!;
  assert.equal(x.shape, [1]);
  assert.ok(Math.abs(x.values()[0]!) > 3);
  assert.is(x.offset, 0);
  for (const [place, data] of found.tensors) assert.equal(data.shape, [1], place);
});

test('a case that needs two of something keeps two', () => {
  const { draft } = smallest('group', ({ draft: { sizes } }) => sizes.C! >= 2 && sizes.N! >= 2);
  assert.equal([draft.sizes.N, draft.sizes.C], [2, 2]);
});

test('whatever it shrinks to is a case that the norm takes', () => {
  for (const slug of ['batch', 'instance', 'group']) {
    const cases = normCases(entryOf(slug));
    for (const start of fc.sample(cases, { seed: seed(), numRuns: 5 })) {
      let tried = 0;
      for (const { value } of cases.shrink(start, undefined)) {
        answer(value.toCase('float64'));
        if (++tried === 60) break;
      }
      assert.ok(tried > 0);
    }
  }
});

test('a condition holds for what is generated and for what it shrinks to', () => {
  const odd = (found: NormCase): boolean => found.draft.sizes.C! % 2 === 1;
  const cases = normCases(entryOf('batch'), { fits: odd });
  for (const start of fc.sample(cases, { seed: seed(), numRuns: 10 })) {
    assert.ok(odd(start));
    let tried = 0;
    for (const { value } of cases.shrink(start, undefined)) {
      assert.ok(odd(value));
      if (++tried === 20) break;
    }
  }
});

test('a case prints as the code and the numbers that make it', () => {
  const found = fc.sample(normCases(entryOf('rms')), { seed: seed(), numRuns: 1 })[0]!;
  assert.match(fc.stringify(found), /^rms \{"normalizedShape":.*\} train\n {2}.*inputs\.0\.x: new TensorCase\(\[/s);
});

test.run();
