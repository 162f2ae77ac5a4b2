import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { answer } from '../../src/oracle/answer.ts';
import { caseFromJson } from '../../src/oracle/case.ts';
import { judged, unitOf, worstOf } from '../../src/oracle/tolerance.ts';
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

test('below the normal numbers of float32 half of the smallest one is allowed, and no more', () => {
  const tail = (dtype: 'float32' | 'float64') => {
    // softmax of -93 and 0, through a head of attentive norm: 4e-41
    const tensorOf = (shape: readonly number[], data: readonly number[]) => ({ shape, data });
    const params = {
      weight: tensorOf([2, 1], [0, 0]),
      bias: tensorOf([2, 1], [0, 0]),
      attentionWeight: tensorOf([2, 1], [1, 0]),
      attentionBias: tensorOf([2], [0, 0]),
    };
    const config = { backbone: 'group', numGroups: 1, attention: 'softmax', descriptor: 'mean' };
    return caseFromJson({ norm: 'attentive', config, params, calls: [{ inputs: { x: tensorOf([1, 1, 1], [-93]) } }] }, dtype);
  };
  const { want, allowed } = judged(tail('float64'));
  const got = answer(tail('float32'));
  const [a, b] = [got, want].map((calls) => calls[0]!.outputs.attention!.data[0]!);
  assert.ok(b! > 1e-41 && b! < 1e-40 && Math.abs(a! - b!) <= 2 ** -150);
  assert.ok(worstOf(got, { want, allowed }).ratio <= 1);
  const { allowed: exact } = judged(layerCase([0, 0]));
  assert.is(exact[0]!.outputs.y!.data[0], 2 ** -150);
});

test('a case in float32 is refused: its answers would be rounded already', () => {
  assertThrows(() => judged(layerCase([1, 2, 4], 'float32')), 'TypeError', /must be in float64, got float32/);
});

test.run();
