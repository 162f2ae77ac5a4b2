/** A bound that is kept is known to be kept before all perturbed runs are made. */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { entryOf } from '../../src/norms/catalog.ts';
import type { Tensors } from '../../src/norms/catalog/entry.ts';
import { type Answer, answer } from '../../src/oracle/answer.ts';
import { type Case, caseFromJson, mapTensors } from '../../src/oracle/case.ts';
import { type Judged, judged, judgedByRuns, worstOf, worstWithin } from '../../src/oracle/tolerance.ts';
import { copy } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { normCases } from '../support/norm-case.ts';
import { seed } from '../support/seed.ts';

const test = suite('an early end of the perturbed runs');

/** Numbers that lose digits to their offset, so that what is allowed comes from the runs. */
function offset(dtype: 'float32' | 'float64' = 'float64'): Case {
  const x = { shape: [1, 4], data: [1000.25, 1001.5, 999.75, 1003] };
  const y = { shape: [1, 4], data: [-1, 0, 1, 2] };
  return caseFromJson({ norm: 'layer', config: { normalizedShape: [4] }, calls: [{ inputs: { x }, gradOutputs: { y } }] }, dtype);
}

/** A right answer with one element off by a multiple of what is allowed. */
function offBy({ want, allowed }: Judged, times: number, at: number): Answer[] {
  const got = want.map(copied);
  const tensors = got.flatMap(tensorsOf);
  const chosen = at % tensors.length;
  const { data } = tensors[chosen]!;
  if (data.length > 0) data[at % data.length]! += times * allowed.flatMap(tensorsOf)[chosen]!.data[at % data.length]!;
  return got;
}

function tensorsOf({ outputs, grads, stateAfter }: Answer): Tensor[] {
  return [outputs, grads, stateAfter].flatMap((tensors) => Object.values(tensors));
}

function copied({ outputs, grads, stateAfter }: Answer): Answer {
  const each = (tensors: Tensors): Tensors => mapTensors(tensors, (x) => copy(x));
  return { outputs: each(outputs), grads: each(grads), stateAfter: each(stateAfter) };
}

for (const slug of ['layer', 'batch', 'online', 'sparse-switchable']) {
  test(`${slug}: whether a ratio is within a limit is known early exactly as in the end, for right answers and wrong ones`, () => {
    for (const [i, found] of fc.sample(normCases(entryOf(slug)), { seed: seed(), numRuns: 3 }).entries()) {
      const asked = found.toCase('float64');
      const reference = judged(asked);
      const answers = [0.5, 0.999, 1.001, 1.5, 100].map((times, k) => offBy(reference, times, 7 * i + 3 * k));
      for (const got of [answer(asked), answer(found.toCase('float32')), ...answers]) {
        const late = worstOf(got, reference);
        const early = worstWithin(1, got, asked);
        assert.is(early.ratio <= 1, late.ratio <= 1, `${early.ratio}, ${late.ratio}`);
        if (late.ratio > 1) assert.equal(early, late);
      }
    }
  });
}

test('an answer that only the last runs explain is found to be within the limit', () => {
  const asked = offset();
  const { ratio } = worstWithin(1, offBy(judged(asked), 0.999, 0), asked);
  assert.ok(ratio > 0.9 && ratio <= 1, `ratio ${ratio}`);
});

test('what is allowed never shrinks from run to run, and ends as judged has it', () => {
  const asked = offset();
  const stages = [...judgedByRuns(asked)].length;
  assert.is(stages, 25);
  let before = new Float64Array(4);
  for (const { allowed } of judgedByRuns(asked)) {
    const now = Float64Array.from(allowed[0]!.outputs.y!.data);
    now.forEach((limit, i) => assert.ok(limit >= before[i]!));
    before = now;
  }
  assert.equal(before, Float64Array.from(judged(asked).allowed[0]!.outputs.y!.data));
});

test('for a right answer fewer runs are made', () => {
  const got = answer(offset('float32'));
  // fewer runs allow less
  assert.ok(worstWithin(1, got, offset()).ratio > worstOf(got, judged(offset())).ratio);
});

test.run();
