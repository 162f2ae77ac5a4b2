import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RMSProp, type RMSPropSettings } from '../../src/optim/rmsprop.ts';
import { distance, makeParameter, recurrence, setGradient, trajectory } from './_train.ts';

const test = suite('RMSProp');

/** PyTorch's algorithm, transcribed for one number. */
function reference({ lr, alpha, eps, weightDecay, momentum, centered }: RMSPropSettings): number[][] {
  return recurrence(() => {
    let v = 0;
    let average = 0;
    let b = 0;
    return (p, g) => {
      if (weightDecay !== 0) g = g + weightDecay * p;
      v = alpha * v + (1 - alpha) * g ** 2;
      let vTilde = v;
      if (centered) {
        average = average * alpha + (1 - alpha) * g;
        vTilde = vTilde - average ** 2;
      }
      if (momentum > 0) {
        b = momentum * b + g / (Math.sqrt(vTilde) + eps);
        return p - lr * b;
      }
      return p - (lr * g) / (Math.sqrt(vTilde) + eps);
    };
  });
}

for (const alpha of [0.99, 0.5]) {
  for (const centered of [false, true]) {
    for (const momentum of [0, 0.5]) {
      for (const weightDecay of [0, 0.125]) {
        const settings = { lr: 0.01, alpha, eps: 1e-3, weightDecay, momentum, centered };
        test(`follows PyTorch's recurrence with ${JSON.stringify(settings)}`, () => {
          const got = trajectory((parameter) => new RMSProp([parameter], settings));
          assert.ok(distance(got, reference(settings)) < 1e-12);
        });
      }
    }
  }
}

test('stays finite in float32 when centred and the gradient never changes', () => {
  // the difference of the two averages is negative from step 24 on with these numbers
  const parameter = makeParameter([0], 'float32');
  const optimizer = new RMSProp([parameter], { alpha: 0.5, centered: true });
  for (let t = 0; t < 100; t++) {
    setGradient(parameter, [0.3]);
    optimizer.step();
  }
  assert.ok(Number.isFinite(parameter.data[0]!));
});

test('has the defaults of PyTorch', () => {
  const { parameters: _, ...settings } = new RMSProp([makeParameter()]).groups[0]!;
  assert.equal(settings, { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false });
});

test('refuses settings out of range', () => {
  const refuses = (options: Partial<RMSPropSettings>, message: RegExp) =>
    assert.throws(() => new RMSProp([makeParameter()], options), (error: Error) => error instanceof RangeError && message.test(error.message));
  refuses({ lr: -1 }, /^RMSProp: lr must be finite and at least 0, got -1$/);
  refuses({ alpha: 1 }, /RMSProp: alpha must be in \[0, 1\), got 1/);
  refuses({ eps: NaN }, /RMSProp: eps .* got NaN/);
  refuses({ momentum: -1 }, /RMSProp: momentum .* got -1/);
  refuses({ weightDecay: Infinity }, /RMSProp: weightDecay .* got Infinity/);
});

test.run();
