import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { answerable } from '../../../src/norms/catalog.ts';
import { answer } from '../../../src/oracle/answer.ts';
import { replaced } from '../../../src/oracle/mistakes/mistake.ts';
import { standardized } from '../../../src/oracle/mistakes/standardization.ts';
import { viewed, viewOf } from '../../../src/oracle/mistakes/views.ts';
import { unitOf, worstWithin } from '../../../src/oracle/tolerance.ts';
import { normCases } from '../../support/norm-case.ts';
import { check } from '../../support/property.ts';

const test = suite('the standardization with knobs');

for (const slug of viewed()) {
  test(`with all knobs off it is the right answer: ${slug}`, () => {
    let seen = 0;
    const property = fc.property(normCases(answerable(slug)), (found) => {
      const asked = found.toCase('float64');
      const right = answer(asked, 'definition');
      const plain = replaced(right, (_, index) => {
        const view = viewOf(asked, right, index);
        if (!view) return null;
        seen++;
        const result = standardized(view);
        return { outputs: view.outputs(result.y), grads: view.grads(result) };
      });
      const { ratio, where, got, want } = worstWithin(64, plain, asked, { unit: unitOf.float64 });
      assert.ok(ratio <= 64, `${where}: ${got} for ${want}, ${ratio} times what is allowed`);
    });
    check(property, { runs: 40 });
    assert.ok(seen > 10, `only ${seen} calls were a standardization`);
  });
}

test.run();
