import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Adam } from '../../src/optim/adam.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import type { AdamSettings } from '../../src/optim/_adaptive.ts';
import { distance, makeParameter, recurrence, setGradient, trajectory } from './_train.ts';

const test = suite('AdamW');

/** PyTorch's algorithm, transcribed for one number. */
function reference({ lr, betas: [beta1, beta2], eps, weightDecay, amsgrad }: AdamSettings): number[][] {
  return recurrence(() => {
    let m = 0;
    let v = 0;
    let vMax = 0;
    return (p, g, t) => {
      p = p - lr * weightDecay * p;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g ** 2;
      const mHat = m / (1 - beta1 ** t);
      vMax = Math.max(vMax, v);
      const vHat = (amsgrad ? vMax : v) / (1 - beta2 ** t);
      return p - (lr * mHat) / (Math.sqrt(vHat) + eps);
    };
  });
}

for (const weightDecay of [0, 0.01, 0.5]) {
  for (const amsgrad of [false, true]) {
    const settings = { lr: 0.1, betas: [0.75, 0.5] as const, eps: 1e-3, weightDecay, amsgrad };
    test(`follows PyTorch's recurrence with ${JSON.stringify(settings)}`, () => {
      const got = trajectory((parameter) => new AdamW([parameter], settings));
      assert.ok(distance(got, reference(settings)) < 1e-13);
    });
  }
}

test('without decay is Adam, bit for bit', () => {
  const settings = { lr: 0.1, weightDecay: 0 };
  assert.equal(
    trajectory((parameter) => new AdamW([parameter], settings)),
    trajectory((parameter) => new Adam([parameter], settings)),
  );
});

test('shrinks a parameter whose gradient is 0 by 1 - lr * weightDecay, and has 0.01 as default', () => {
  const parameter = makeParameter([2]);
  const optimizer = new AdamW([parameter], { lr: 0.5 });
  setGradient(parameter, [0]);
  optimizer.step();
  assert.is(parameter.data[0], 2 * (1 - 0.5 * 0.01));
});

test('names itself in its errors', () => {
  assert.throws(() => new AdamW([makeParameter()], { lr: -1 }), /^AdamW: lr must be finite and at least 0, got -1$/);
});

test.run();
