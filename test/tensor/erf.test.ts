import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { erf, erfc } from '../../src/tensor/erf.ts';

const test = suite('erf');

function assertNear(got: number, want: number, relative: number): void {
  assert.ok(Math.abs(got - want) <= relative * Math.abs(want), `got ${got}, want ${want}`);
}

test('erf has the values of 30-digit arithmetic, on both sides of the change of method', () => {
  assertNear(erf(0.5), 0.520499877813046538, 1e-15);
  assertNear(erf(1), 0.842700792949714869, 1e-15);
  assertNear(erf(1.999), 0.995301556651370512, 1e-15);
  assertNear(erf(2), 0.995322265018952734, 1e-15);
  assertNear(erf(3.5), 0.999999256901627659, 1e-15);
});

test('erfc keeps its digits in the upper tail, where 1 - erf(x) has none', () => {
  assertNear(erfc(0.5), 0.479500122186953462, 1e-15);
  assertNear(erfc(1.999), 0.00469844334862948768, 2e-13);
  assertNear(erfc(2), 0.00467773498104726584, 2e-15);
  assertNear(erfc(5), 1.53745979442803485e-12, 2e-15);
  assertNear(erfc(10), 2.08848758376254476e-45, 2e-15);
  assertNear(erfc(26), 5.66319240885614285e-296, 2e-15);
});

test('erf is odd, and erf(x) + erfc(x) = 1', () => {
  for (let x = 0.01; x < 7; x += 0.13) {
    assert.is(erf(-x), -erf(x));
    assert.ok(Math.abs(erf(x) + erfc(x) - 1) <= 3e-16);
    assert.ok(Math.abs(erf(-x) + erfc(-x) - 1) <= 3e-16);
  }
});

test('erf grows from one double to the next thousandth, also across the change of method', () => {
  for (let x = 0.001; x < 4; x += 0.001) assert.ok(erf(x + 0.001) > erf(x), `at ${x}`);
});

test('zeros, the smallest number, infinities and NaN go through', () => {
  assert.ok(Object.is(erf(0), 0));
  assert.ok(Object.is(erf(-0), -0));
  assert.is(erf(Infinity), 1);
  assert.is(erf(-Infinity), -1);
  assert.is(erfc(Infinity), 0);
  assert.is(erfc(-Infinity), 2);
  assert.is(erfc(0), 1);
  assert.ok(erf(Number.MIN_VALUE) > 0);
  assertNear(erf(1e-200), 1.1283791670955126e-200, 1e-15);
  assert.ok(Number.isNaN(erf(NaN)));
  assert.ok(Number.isNaN(erfc(NaN)));
});

test.run();
