import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { type Case, caseFromJson } from '../../src/oracle/case.ts';
import { judge } from '../../src/oracle/judge.ts';
import { judged } from '../../src/oracle/tolerance.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { layerCase, results } from '../support/replies.ts';

const test = suite('the verdict on numbers that are not finite');

type Values = readonly (number | string)[];

function rows(x: Values, { weight = [1, 1], bias = [0, 0], eps = 1e-5, dtype = 'float32' as DType } = {}): Case {
  const of = (shape: number[], data: Values) => ({ shape, data });
  const params = { weight: of([2], weight), bias: of([2], bias) };
  const config = { normalizedShape: [2], eps };
  return caseFromJson({ norm: 'layer', config, params, calls: [{ inputs: { x: of([x.length / 2, 2], x) } }] }, dtype);
}

/** The outcome where the first element of y is replaced. */
function outcomeWith(asked: Case, value: number, at = 0): string {
  const reply = results(asked, ([call]) => void (call!.outputs.y!.data[at] = value));
  return judge(asked, reply, { dtype: asked.dtype, factor: 16 }).outcome;
}

test('what is NaN has to be NaN', () => {
  const asked = rows(['NaN', 1, 2, 3]);
  assert.is(outcomeWith(asked, NaN), 'passed');
  for (const value of [0, 1e300, Infinity, -Infinity]) assert.is(outcomeWith(asked, value), 'failed', String(value));
});

test('what is an infinity has to be the same one', () => {
  const asked = rows([1, 2, 5, 3], { bias: [Infinity, -Infinity] });
  assert.is(judge(asked, results(asked), { dtype: 'float32', factor: 16 }).outcome, 'passed');
  assert.is(outcomeWith(asked, Infinity), 'passed');
  for (const value of [-Infinity, NaN, 0, 3e38]) assert.is(outcomeWith(asked, value), 'failed', String(value));
});

test('what is finite stays finite, and a finding of NaN is infinitely far off', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const reply = results(layerCase(), ([call]) => void (call!.grads.x!.data[4] = value));
    const { outcome, findings } = judge(layerCase(), reply, { dtype: 'float32', factor: 256 });
    assert.is(outcome, 'failed');
    assert.equal([findings[0]!.index, findings[0]!.got, findings[0]!.ratio, findings[0]!.absolute], [[1, 1], value, Infinity, Infinity]);
  }
});

test('a NaN in one row is none in the others', () => {
  const asked = rows(['NaN', 1, 2, 3]);
  assert.is(outcomeWith(asked, NaN, 2), 'failed');
});

test('where the definition disagrees with itself anything is right', () => {
  // 0 / 0 in exact arithmetic, and after a rounding 1 or -1
  const asked = rows([0.1, 0.1, 1, 3], { eps: 0 });
  const { want, allowed } = judged(rows([0.1, 0.1, 1, 3], { eps: 0, dtype: 'float64' }));
  assert.ok(Number.isNaN(want[0]!.outputs.y!.data[0]!), 'the definition gives NaN');
  assert.ok(Number.isNaN(allowed[0]!.outputs.y!.data[0]!), 'and a number after a rounding');
  for (const value of [NaN, 0, 1, -Infinity]) assert.is(outcomeWith(asked, value), 'passed', String(value));
  assert.is(outcomeWith(asked, NaN, 2), 'failed', 'elsewhere it agrees');
});

test('a result beyond the range of the dtype may be infinite, with the same sign', () => {
  const huge = { weight: [3.4e38, 3.4e38], bias: [-1e38, 1e38] };
  const asked = rows([1, 2, 5, 3], huge);
  assert.is(outcomeWith(asked, -Infinity), 'passed');
  for (const value of [Infinity, NaN, -3.4e38, 0]) assert.is(outcomeWith(asked, value), 'failed', String(value));
  assert.is(outcomeWith(rows([1, 2, 5, 3], { ...huge, dtype: 'float64' }), -Infinity), 'failed');
  assert.is(outcomeWith(rows([1, 2, 5, 3], { weight: [3e38, 3e38] }), -Infinity), 'failed', 'within the range it may not');
});

test.run();
