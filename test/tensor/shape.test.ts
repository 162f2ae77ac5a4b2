import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  broadcastShapes, checkShape, keepAxes, normalizeAxes, normalizeAxis, sameShape, showShape, sizeOf, stridesOf,
} from '../../src/tensor/shape.ts';
import { assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';

const test = suite('shape');

test('the size is the product of the extents, and 1 for a scalar', () => {
  assert.is(sizeOf([]), 1);
  assert.is(sizeOf([2, 3]), 6);
  assert.is(sizeOf([2, 0, 3]), 0);
});

test('strides step to the neighbour along each axis', () => {
  assert.equal(stridesOf([2, 3, 4]), [12, 4, 1]);
  assert.equal(stridesOf([]), []);
});

test('shapes are the same when rank and extents are', () => {
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.not.ok(sameShape([2, 3], [3, 2]));
  assert.not.ok(sameShape([2], [2, 1]));
  assert.ok(sameShape([], []));
});

test('a shape prints as in its literal', () => assert.is(showShape([2, 3]), '[2, 3]'));

test('negative axes count from the back', () => {
  assert.is(normalizeAxis('f', -1, 3), 2);
  assert.is(normalizeAxis('f', 0, 3), 0);
  assert.is(normalizeAxis('f', -3, 3), 0);
});

test('an axis outside the rank is a RangeError naming the function and the range', () => {
  assertThrows(() => normalizeAxis('f', 3, 3), 'RangeError', /^f: axis must be an integer in \[-3, 2\] for rank 3, got 3/);
  assertThrows(() => normalizeAxis('f', -4, 3), 'RangeError', /got -4/);
  assertThrows(() => normalizeAxis('f', 0.5, 3), 'RangeError', /got 0\.5/);
  assertThrows(() => normalizeAxis('f', 0, 0), 'RangeError', /rank 0/);
});

test('axes come out increasing; none given means all', () => {
  assert.equal(normalizeAxes('f', undefined, 3), [0, 1, 2]);
  assert.equal(normalizeAxes('f', [-1, 0], 3), [0, 2]);
  assert.equal(normalizeAxes('f', 1, 3), [1]);
  assert.equal(normalizeAxes('f', [], 3), []);
  const given = [2, 0];
  normalizeAxes('f', given, 3);
  assert.equal(given, [2, 0]);
});

test('a repeated axis is a RangeError, also under two names', () => {
  assertThrows(() => normalizeAxes('f', [1, -2], 3), 'RangeError', /^f: axes must be different, got \[1,-2\]/);
});

test('kept axes have extent 1', () => assert.equal(keepAxes([2, 3, 4], [0, 2]), [1, 3, 1]));

test('broadcasting aligns at the last axis and stretches extents of 1', () => {
  assert.equal(broadcastShapes('f', [2, 1, 4], [3, 1]), [2, 3, 4]);
  assert.equal(broadcastShapes('f', [], [2, 3]), [2, 3]);
  assert.equal(broadcastShapes('f', [5], [5]), [5]);
});

test('an extent of 1 shrinks to 0, and 0 does not stretch', () => {
  assert.equal(broadcastShapes('f', [0, 3], [1, 3]), [0, 3]);
  assertThrows(() => broadcastShapes('f', [0], [2]), 'ShapeError', /got 0 and 2/);
});

test('shapes that do not broadcast are a ShapeError with both shapes and the extents', () => {
  assertThrows(() => broadcastShapes('f', [2, 3], [2]), 'ShapeError', /^f: shapes \[2, 3\] and \[2\] .*got 3 and 2; reshape/);
});

test('broadcasting does not depend on the order of the two, and absorbs either', () => {
  const extents = fc.array(fc.constantFrom(1, 1, 2, 3), { maxLength: 4 });
  check(
    fc.property(extents, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.nat(4), (shape, ones, drop) => {
      const other = shape.map((extent, axis) => (ones[axis] ? 1 : extent)).slice(Math.min(drop, shape.length));
      const both = broadcastShapes('f', shape, other);
      assert.equal(both, broadcastShapes('f', other, shape));
      assert.equal(both, shape);
    }),
  );
});

test('a shape is made of non-negative integers', () => {
  checkShape('f', [0, 2]);
  assertThrows(() => checkShape('f', [1, -1]), 'RangeError', /^f: .*got \[1, -1\]/);
  assertThrows(() => checkShape('f', [1.5]), 'RangeError', /got \[1\.5\]/);
});

test.run();
