/** Shrinking: every step is a case of the same phase, and the smallest is reached. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import type { Entry } from '../../../src/norms/catalog/entry.ts';
import { entryOf } from '../../../src/norms/catalog.ts';
import { answer } from '../../../src/oracle/answer.ts';
import type { Case } from '../../../src/oracle/case.ts';
import { caseAt } from '../../../src/oracle/generate/case-at.ts';
import type { OracleCase } from '../../../src/oracle/generate/oracle-case.ts';
import { type Phase, phases } from '../../../src/oracle/generate/phases.ts';
import { listed } from '../../support/listed.ts';

const test = suite('shrinking of cases');
const dataOf = (asked: Case, name = 'x'): number[] => asked.calls.flatMap(({ inputs }) => Array.from(inputs[name]?.data ?? []));

/** The smallest case that still fails, and the number of steps to it. */
function smallest(start: OracleCase, fails: (asked: Case) => boolean): { found: OracleCase; steps: number } {
  let found = start;
  for (let steps = 0; ; steps++) {
    assert.ok(steps < 2000, 'shrinking does not end');
    let next: OracleCase | undefined;
    for (const candidate of found.smaller()) {
      if (fails(candidate.toCase('float64'))) {
        next = candidate;
        break;
      }
    }
    if (!next) return { found, steps };
    found = next;
  }
}

function first(entry: Entry, phase: Phase, fits: (found: OracleCase) => boolean = () => true): OracleCase {
  for (let i = 0; i < 200; i++) {
    const found = caseAt(entry, i, { seed: 2, runs: 200, phases: [phase] });
    if (found.phase === phase && fits(found)) return found;
  }
  throw new Error(`no fitting case of ${phase}`);
}

test('it ends at the smallest case for any norm and phase, when everything fails', () => {
  for (const slug of ['layer', 'batch']) {
    for (const phase of phases) {
      if (slug === 'batch' && phase === 'single') continue;
      const { found } = smallest(first(entryOf(slug), phase), () => true);
      assert.is(found.phase, phase);
      assert.equal([...found.smaller()].length, 0);
    }
  }
});

test('regular: reaches the one element that matters', () => {
  const { found } = smallest(first(entryOf('layer'), 'regular', (made) => dataOf(made.toCase('float64')).some((value) => value > 2)), (asked) =>
    dataOf(asked).some((value) => value > 2),
  );
  assert.equal(found.toCase('float64').calls[0]!.inputs.x!.shape, [1]);
});

test('of several calls those are left that matter, with the data they had', () => {
  const start = first(entryOf('batch'), 'regular', (made) => made.toCase('float64').calls.length === 2);
  const evaluated = Array.from(start.toCase('float64').calls[1]!.inputs.x!.data);
  const [step] = [...start.smaller()].filter((made) => made.toCase('float64').calls.length === 1 && made.toCase('float64').calls[0]!.mode === 'eval');
  assert.equal(dataOf(step!.toCase('float64')), evaluated);
  const { found } = smallest(start, (asked) => asked.calls.some(({ mode }) => mode === 'eval'));
  assert.equal(found.toCase('float64').calls.map(({ mode }) => mode), ['eval']);
});

test('constant: the data stay level while their value shrinks', () => {
  const start = first(entryOf('layer'), 'constant', (made) => made.flags.includes('constant tensor') && Math.abs(dataOf(made.toCase('float64'))[0]!) > 1);
  const { found } = smallest(start, (asked) => dataOf(asked).every((value) => value !== 0));
  const left = dataOf(found.toCase('float64'));
  assert.is(left.length, 2);
  assert.is(new Set(left).size, 1);
  assert.ok(left[0]! <= 1, String(left));
});

test('non-finite: what is special stays, the rest goes', () => {
  const start = first(entryOf('layer'), 'non-finite', (made) => dataOf(made.toCase('float64')).some(Number.isNaN));
  const { found } = smallest(start, (asked) => dataOf(asked).some(Number.isNaN));
  assert.equal(dataOf(found.toCase('float64')), [NaN]);
});

test('invalid: the case stays rejected, and for the same thing', () => {
  const start = first(entryOf('group'), 'invalid', (made) => made.flags[1] === 'eps is NaN');
  const { found } = smallest(start, () => true);
  assert.is(found.flags[1], 'eps is NaN');
  assert.throws(() => answer(found.toCase('float32')), /groupNorm: eps must be finite/);
  assert.equal(dataOf(found.toCase('float64')), [0]);
});

test('offset: the offset stays', () => {
  const { found } = smallest(first(entryOf('layer'), 'offset'), () => true);
  assert.ok(dataOf(found.toCase('float64')).every((value) => Math.abs(value) >= 900));
});

for (const entry of listed) {
  test(`${entry.slug}: whatever it shrinks to is of the same phase, and answered unless it is invalid`, () => {
    for (const phase of phases) {
      const start = caseAt(entry, 1, { seed: 4, runs: 4, phases: [phase] });
      let tried = 0;
      for (const found of start.smaller()) {
        assert.is(found.phase, start.phase);
        assert.is(found.index, start.index);
        const attempt = (): unknown => answer(found.toCase('float32'));
        if (found.phase === 'invalid') assert.throws(attempt);
        else attempt();
        if (found.phase === 'non-finite') assert.ok(found.flags.some((flag) => / in | of size /.test(flag)), found.flags.join());
        if (++tried === 6) break;
      }
    }
  });
}

test.run();
