/** The two ways of writing a norm are one function: outputs, every gradient, state, over generated cases. */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { answer } from '../../src/oracle/answer.ts';
import { unitOf, worstWithin } from '../../src/oracle/tolerance.ts';
import { listed } from '../support/listed.ts';
import { normCases } from '../support/norm-case.ts';
import { check } from '../support/property.ts';

const test = suite('fused');

for (const entry of listed) {
  test(`${entry.slug}: the fused form equals the definition in float64, up to what rounding moves the definition`, () => {
    check(
      fc.property(normCases(entry), (found) => {
        const asked = found.toCase('float64');
        const { ratio, where, got, want } = worstWithin(16, answer(asked), asked, { unit: unitOf.float64 });
        assert.ok(ratio <= 16, `${where}: got ${got}, the definition gives ${want}, ${ratio} times what rounding explains`);
      }),
    );
  });

  test(`${entry.slug}: float32 is as near to float64 as its rounding unit allows`, () => {
    check(
      fc.property(normCases(entry), (found) => {
        const { ratio, where, got, want } = worstWithin(1, answer(found.toCase('float32')), found.toCase('float64'));
        assert.ok(ratio <= 1, `${where}: got ${got}, float64 gives ${want}, ${ratio} times what rounding explains`);
      }),
    );
  });
}

test.run();
