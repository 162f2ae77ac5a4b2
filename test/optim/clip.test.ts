import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clipGradNorm, clipGradValue } from '../../src/optim/clip.ts';
import { check } from '../support/property.ts';
import { makeParameter, setGradient } from './_train.ts';

const test = suite('clip');

function withGradients(...rows: number[][]) {
  return rows.map((row) => {
    const parameter = makeParameter(row.map(() => 0));
    setGradient(parameter, row);
    return parameter;
  });
}

test('clipGradNorm gives the joint norm of all gradients and scales them by maxNorm / (norm + 1e-6)', () => {
  const parameters = withGradients([3, 0], [4]);
  assert.is(clipGradNorm(parameters, 2.5), 5);
  const factor = 2.5 / (5 + 1e-6);
  assert.equal(parameters.map((p) => Array.from(p.grad!.data)), [[3 * factor, 0], [4 * factor]]);
});

test('clipGradNorm leaves gradients alone that are short enough, bit for bit', () => {
  const parameters = withGradients([3, 0.1], [4]);
  clipGradNorm(parameters, 6);
  assert.equal(parameters.map((p) => Array.from(p.grad!.data)), [[3, 0.1], [4]]);
  assert.ok(clipGradNorm(parameters, Infinity) > 5);
});

test('clipGradNorm passes over parameters without gradient and gives 0 when there is none', () => {
  assert.is(clipGradNorm([makeParameter(), ...withGradients([3, 4])], 10), 5);
  assert.is(clipGradNorm([makeParameter()], 1), 0);
  assert.is(clipGradNorm([], 1), 0);
});

test('clipGradNorm measures magnitudes whose squares overflow or vanish', () => {
  assert.ok(Math.abs(clipGradNorm(withGradients([3e200, 4e200]), Infinity) / 5e200 - 1) < 1e-15);
  assert.ok(Math.abs(clipGradNorm(withGradients([3e-200, 4e-200]), 1) / 5e-200 - 1) < 1e-15);
});

test('clipGradNorm lets non-finite gradients through: NaN to all, and 0 for the finite ones beside Infinity', () => {
  const nan = withGradients([NaN, 1]);
  assert.ok(Number.isNaN(clipGradNorm(nan, 1)));
  assert.equal(Array.from(nan[0]!.grad!.data), [NaN, NaN]);
  const infinite = withGradients([Infinity, 1]);
  assert.is(clipGradNorm(infinite, 1), Infinity);
  assert.equal(Array.from(infinite[0]!.grad!.data), [NaN, 0]);
});

test('after clipGradNorm the norm is at most maxNorm and the direction is kept', () => {
  const rows = fc.array(fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 });
  check(
    fc.property(rows, fc.integer({ min: 1, max: 64 }), (values, max) => {
      const parameters = withGradients(...values);
      const before = clipGradNorm(parameters, max);
      const after = clipGradNorm(parameters, Infinity);
      assert.ok(after <= max * (1 + 1e-12));
      const ratio = before > 0 ? after / before : 1;
      values.forEach((row, k) =>
        row.forEach((value, i) => assert.ok(Math.abs(parameters[k]!.grad!.data[i]! - value * ratio) <= 1e-12 * Math.abs(value))),
      );
    }),
  );
});

test('clipGradNorm scales a gradient that two parameters share once', () => {
  const [a] = withGradients([8]);
  const b = makeParameter([0]);
  b.grad = a!.grad;
  assert.is(clipGradNorm([a!, b], 4), 8);
  assert.is(a!.grad!.data[0], 8 * (4 / (8 + 1e-6)));
});

test('clipGradValue limits each element and keeps NaN', () => {
  const parameters = withGradients([3, -3, 0.5, NaN, -Infinity]);
  clipGradValue(parameters, 2);
  assert.equal(Array.from(parameters[0]!.grad!.data), [2, -2, 0.5, NaN, -2]);
});

test('clipping is noticed by a graph that needs the old gradient', () => {
  const [parameter] = withGradients([3, 4]);
  const { version } = parameter!.grad!.storage;
  clipGradNorm([parameter!], 1);
  clipGradValue([parameter!], 0.5);
  assert.is(parameter!.grad!.storage.version, version + 2);
});

test('both refuse a limit that is not above 0', () => {
  for (const bad of [0, -1, NaN]) {
    assert.throws(() => clipGradNorm([], bad), new RegExp(`clipGradNorm: maxNorm must be above 0, got ${bad}`));
    assert.throws(() => clipGradValue([], bad), new RegExp(`clipGradValue: limit must be above 0, got ${bad}`));
  }
});

test.run();
