import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { answer } from '../../src/oracle/answer.ts';
import { caseFromJson } from '../../src/oracle/case.ts';
import { judged, ratioOf, unitOf, worstOf } from '../../src/oracle/tolerance.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('tolerance by Monte-Carlo arithmetic');

function layerCase(data: readonly number[], dtype: 'float32' | 'float64' = 'float64') {
  const x = { shape: [1, data.length], data };
  const y = { shape: [1, data.length], data: data.map((_, i) => i - 1) };
  return caseFromJson({ norm: 'layer', config: { normalizedShape: [data.length] }, calls: [{ inputs: { x }, gradOutputs: { y } }] }, dtype);
}

test('what is allowed grows with the cancellation in the data', () => {
  const at = (offset: number): number => {
    const { allowed } = judged(layerCase([1 + offset, 2 + offset, 4 + offset]));
    return Math.max(...allowed[0]!.outputs.y!.data);
  };
  assert.ok(at(0) < 1e-6);
  assert.ok(at(1000) > 20 * at(0));
});

test('an exact answer has ratio 0, and float32 one of at most 1', () => {
  const data = [1000.25, 1001.5, 999.75, 1003];
  const reference = judged(layerCase(data));
  assert.is(worstOf(reference.want, reference).ratio, 0);
  const { ratio } = worstOf(answer(layerCase(data, 'float32')), reference);
  assert.ok(ratio > 0 && ratio <= 1, `ratio ${ratio}`);
});

test('the worst element is named, with what came and what was wanted', () => {
  const reference = judged(layerCase([1, 2, 4]));
  const got = answer(layerCase([1, 2, 4]));
  got[0]!.grads.x!.data[2]! += 1;
  const worst = worstOf(got, reference);
  assert.is(worst.where, 'call 0, grads x[2]');
  assert.is(worst.got, got[0]!.grads.x!.data[2]);
  assert.ok(worst.ratio > 1000);
});

test('a missing tensor, another shape and a number that is not finite are infinitely far off', () => {
  const reference = judged(layerCase([1, 2, 4]));
  const spoilt = (change: (call: ReturnType<typeof answer>[number]) => void): string => {
    const got = answer(layerCase([1, 2, 4]));
    change(got[0]!);
    const { ratio, where } = worstOf(got, reference);
    assert.is(ratio, Infinity);
    return where;
  };
  assert.is(spoilt((call) => delete call.outputs.y), 'call 0, outputs y: missing');
  assert.is(spoilt((call) => (call.outputs.y = answer(layerCase([1, 2]))[0]!.outputs.y!)), 'call 0, outputs y: of another shape');
  assert.is(spoilt((call) => (call.outputs.y!.data[1] = NaN)), 'call 0, outputs y[1]');
});

test('the same seed gives the same bounds, another seed others of the same size', () => {
  const bound = (seed: number): number => judged(layerCase([1, 2, 4]), { seed }).allowed[0]!.outputs.y!.data[0]!;
  assert.is(bound(1), bound(1));
  assert.is.not(bound(1), bound(2));
  assert.ok(bound(1) < 4 * bound(2) && bound(2) < 4 * bound(1));
});

test('in float64 the bounds are as small as its rounding unit', () => {
  const { allowed } = judged(layerCase([1, 2, 4]), { unit: unitOf.float64 });
  assert.ok(Math.max(...allowed[0]!.outputs.y!.data) < 1e-14);
});

test('below the normal numbers the nearest one is near enough, and one two steps further is not', () => {
  // gradients of about 1e-42, where float32 has steps of 1.4e-45
  const tiny = (dtype: 'float32' | 'float64') => {
    const size = (shape: number[], data: number[]) => ({ shape, data });
    const params = { weight: size([2], [2 ** -140, 2 ** -141]), bias: size([2], [0, 0]) };
    const calls = [{ inputs: { x: size([2, 2], [1, 2, 5, 3]) }, gradOutputs: { y: size([2, 2], [0.3, 0.7, 0.9, -0.1]) } }];
    return caseFromJson({ norm: 'layer', config: { normalizedShape: [2], eps: 0.7 }, params, calls }, dtype);
  };
  const reference = judged(tiny('float64'));
  const got = answer(tiny('float32'));
  const { ratio } = worstOf(got, reference);
  assert.ok(ratio > 0 && ratio <= 1, `ratio ${ratio}`);
  got[0]!.grads.x!.data[0]! += 2 ** -148;
  assert.ok(worstOf(got, reference).ratio > 1);
});

test('a result below the range of float32 may be rounded to 0, and be no farther off', () => {
  const tiny = layerCase([1, 2, 4]);
  tiny.calls[0]!.gradOutputs.y!.data.set([0, 0, 1e-300]);
  const { want, allowed } = judged(tiny);
  const ratioOf = (value: number): number => {
    const [got] = answer(tiny);
    got!.grads.x!.data[0] = value;
    return worstOf([got!], { want, allowed }).ratio;
  };
  assert.ok(ratioOf(0) <= 1);
  assert.ok(ratioOf(2 ** -149) > 1);
});

test('a case in float32 is refused: its answers would be rounded already', () => {
  assertThrows(() => judged(layerCase([1, 2, 4], 'float32')), 'TypeError', /must be in float64, got float32/);
});

test('a number that is not finite is off unless it is the same', () => {
  const asked = layerCase([1, 2, NaN]);
  const reference = judged(asked);
  const got = answer(asked);
  assert.is(worstOf(got, reference).ratio, 0);
  got[0]!.outputs.y!.data[0] = 1;
  assert.is(worstOf(got, reference).ratio, Infinity);
  assert.is(ratioOf(1, Infinity, 0), Infinity);
  assert.is(ratioOf(-Infinity, Infinity, 0), Infinity);
  assert.is(ratioOf(Infinity, Infinity, 0), 0);
  assert.equal([ratioOf(Infinity, 1, Infinity), ratioOf(5, Infinity, Infinity), ratioOf(NaN, 1, Infinity)], [0, 0, Infinity]);
});

test.run();
