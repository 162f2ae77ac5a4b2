import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SGD, type SGDSettings } from '../../src/optim/sgd.ts';
import { distance, makeParameter, recurrence, setGradient, trajectory } from './_train.ts';

const test = suite('SGD');

/** PyTorch's algorithm, transcribed for one number. */
function reference({ lr, momentum, dampening, nesterov, weightDecay }: SGDSettings): number[][] {
  return recurrence(() => {
    let b = 0;
    return (p, g, t) => {
      if (weightDecay !== 0) g = g + weightDecay * p;
      if (momentum !== 0) {
        if (t > 1) b = momentum * b + (1 - dampening) * g;
        else b = g;
        if (nesterov) g = g + momentum * b;
        else g = b;
      }
      return p - lr * g;
    };
  });
}

for (const momentum of [0, 0.5, 0.9]) {
  for (const dampening of [0, 0.25]) {
    for (const weightDecay of [0, 0.125]) {
      for (const nesterov of momentum > 0 && dampening === 0 ? [false, true] : [false]) {
        const settings = { lr: 0.1, momentum, dampening, nesterov, weightDecay };
        test(`follows PyTorch's recurrence with ${JSON.stringify(settings)}`, () => {
          const got = trajectory((parameter) => new SGD([parameter], settings));
          assert.ok(distance(got, reference(settings)) < 1e-14);
        });
      }
    }
  }
}

test('takes the first gradient undamped into the velocity', () => {
  const parameter = makeParameter([0]);
  const optimizer = new SGD([parameter], { lr: 1, momentum: 0.5, dampening: 0.75 });
  setGradient(parameter, [4]);
  optimizer.step();
  assert.is(parameter.data[0], -4);
  setGradient(parameter, [4]);
  optimizer.step();
  assert.is(parameter.data[0], -4 - (0.5 * 4 + 0.25 * 4));
});

test('without momentum remembers no tensor', () => {
  const parameter = makeParameter();
  const optimizer = new SGD([parameter]);
  setGradient(parameter, [1, 1, 1, 1]);
  optimizer.step();
  assert.equal(optimizer.stateDict().tensors, {});
});

test('refuses settings out of range', () => {
  const make = (options: Partial<SGDSettings>) => () => new SGD([makeParameter()], options);
  const refuses = (options: Partial<SGDSettings>, message: RegExp) =>
    assert.throws(make(options), (error: Error) => error instanceof RangeError && message.test(error.message));
  refuses({ lr: -1 }, /^SGD: lr must be finite and at least 0, got -1$/);
  refuses({ lr: NaN }, /SGD: lr .* got NaN/);
  refuses({ lr: Infinity }, /SGD: lr .* got Infinity/);
  refuses({ momentum: -0.5 }, /SGD: momentum .* got -0.5/);
  refuses({ weightDecay: -1 }, /SGD: weightDecay .* got -1/);
  refuses({ dampening: NaN }, /SGD: dampening must be finite, got NaN/);
  refuses({ nesterov: true }, /SGD: nesterov needs momentum above 0 and dampening 0, got momentum 0 and dampening 0/);
  refuses({ nesterov: true, momentum: 0.9, dampening: 0.1 }, /got momentum 0.9 and dampening 0.1/);
  assert.throws(make({ nesterov: 1 as unknown as boolean }), /SGD: nesterov must be true or false, got 1/);
});

test('accepts 0 for every setting that allows it', () => {
  const parameter = makeParameter([3]);
  const optimizer = new SGD([parameter], { lr: 0, momentum: 0, weightDecay: 0 });
  setGradient(parameter, [1]);
  optimizer.step();
  assert.is(parameter.data[0], 3);
});

test.run();
