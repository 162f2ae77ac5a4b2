/** Golden vectors: independent references, every option, state after each call, in both dtypes and forms. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { catalog, ops } from '../../src/norms/catalog.ts';
import type { Form } from '../../src/norms/catalog/entry.ts';
import { answer } from '../../src/oracle/answer.ts';
import { caseFromJson } from '../../src/oracle/case.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { listed } from '../support/listed.ts';
import { limitOf } from '../support/vector-limits.ts';
import { distance, type VectorCase, vectorSlugs, vectorsOf } from '../support/vectors.ts';

const test = suite('vectors');

for (const entry of listed) {
  for (const dtype of ['float64', 'float32'] as const) {
    for (const form of ['fused', 'definition'] as const) {
      test(`${entry.slug}: the ${form} form in ${dtype} gives what the reference gives`, () => {
        const cases = vectorsOf(entry.slug);
        assert.ok(cases.length > 0, 'has golden vectors');
        for (const found of cases) compare(entry.slug, found, dtype, form);
      });
    }
  }
}

function compare(slug: string, found: VectorCase, dtype: DType, form: Form): void {
  const answers = answer(caseFromJson({ ...found, norm: slug }, dtype), form);
  found.calls.forEach((call, i) => {
    for (const part of ['outputs', 'grads', 'stateAfter'] as const) {
      for (const [name, want] of Object.entries(call[part])) {
        const { error, size } = distance(answers[i]![part][name], want);
        const limit = limitOf(slug)(dtype, found, call, size, `${part}.${name}`);
        assert.ok(error <= limit, `${found.name}, call ${i}, ${part} ${name}: off by ${error}, ${limit} is allowed`);
      }
    }
  });
}

test('every file of vectors belongs to a norm of the catalogue or an operation beside it', () => {
  assert.equal(vectorSlugs().filter((slug) => ![...catalog, ...ops].some((entry) => entry.slug === slug)), []);
});

test.run();
