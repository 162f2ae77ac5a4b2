import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { showNumber, showPair } from '../../src/oracle/show-number.ts';

const test = suite('numbers in reports');

test('three digits, and powers of ten where zeros would hide the number', () => {
  const shown = [0, -0, 1, 0.5, 12.345, -1234.5, 999999, 999999.9, 1e6, 0.001, 0.000999, 1.234e-7, -2.5e-310, 1e300].map((value) => showNumber(value));
  assert.equal(shown, ['0', '-0', '1', '0.5', '12.3', '-1230', '1e6', '1e6', '1e6', '0.001', '9.99e-4', '1.23e-7', '-2.5e-310', '1e300']);
});

test('what is no number has a short name', () => {
  assert.equal([NaN, Infinity, -Infinity].map((value) => showNumber(value)), ['NaN', 'inf', '-inf']);
});

test('two numbers are told apart, with two digits of their difference', () => {
  assert.equal(showPair(1.00001234, 1), ['1.000012', '1.000000']);
  assert.equal(showPair(1 + 2 ** -52, 1), ['1.0000000000000002', '1.0000000000000000']);
  assert.equal(showPair(3, 1), ['3', '1']);
  assert.equal(showPair(-1.37896, -1.3788226), ['-1.378960', '-1.378823']);
});

test('the same numbers, and those that are not finite, have four digits', () => {
  assert.equal(showPair(0.123456, 0.123456), ['0.1235', '0.1235']);
  assert.equal(showPair(NaN, 0.123456), ['NaN', '0.1235']);
  assert.equal(showPair(Infinity, 1e-9), ['inf', '1e-9']);
  assert.equal(showPair(0, 0), ['0', '0']);
});

test.run();
