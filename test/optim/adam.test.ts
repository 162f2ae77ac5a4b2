import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Adam } from '../../src/optim/adam.ts';
import type { AdamSettings } from '../../src/optim/_adaptive.ts';
import { distance, gradients, makeParameter, recurrence, setGradient, start, trajectory } from './_train.ts';

const test = suite('Adam');

/** PyTorch's algorithm, transcribed for one number. */
function reference({ lr, betas: [beta1, beta2], eps, weightDecay, amsgrad }: AdamSettings): number[][] {
  return recurrence(() => {
    let m = 0;
    let v = 0;
    let vMax = 0;
    return (p, g, t) => {
      if (weightDecay !== 0) g = g + weightDecay * p;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g ** 2;
      const mHat = m / (1 - beta1 ** t);
      vMax = Math.max(vMax, v);
      const vHat = (amsgrad ? vMax : v) / (1 - beta2 ** t);
      return p - (lr * mHat) / (Math.sqrt(vHat) + eps);
    };
  });
}

for (const betas of [[0.9, 0.999], [0.5, 0.25], [0, 0.5]] as const) {
  for (const eps of [1e-8, 0.5]) {
    for (const weightDecay of [0, 0.125]) {
      for (const amsgrad of [false, true]) {
        const settings = { lr: 0.1, betas, eps, weightDecay, amsgrad };
        test(`follows PyTorch's recurrence with ${JSON.stringify(settings)}`, () => {
          const got = trajectory((parameter) => new Adam([parameter], settings));
          assert.ok(distance(got, reference(settings)) < 1e-13);
        });
      }
    }
  }
}

test('amsgrad keeps the largest average of squares, which makes a difference after a large gradient', () => {
  const run = (amsgrad: boolean) => trajectory((parameter) => new Adam([parameter], { betas: [0.5, 0.25], amsgrad }));
  assert.ok(distance(run(true), run(false)) > 1e-6);
});

test('first moves each parameter by the learning rate against the sign of its gradient', () => {
  const [first] = trajectory((parameter) => new Adam([parameter], { lr: 0.01, eps: 0 }));
  gradients[0]!.slice(0, 3).forEach((g, i) => assert.ok(Math.abs(first![i]! - (start[i]! - 0.01 * Math.sign(g))) < 1e-15));
});

test('leaves a parameter alone whose gradient is always 0', () => {
  assert.is(trajectory((parameter) => new Adam([parameter], { lr: 1 }))[5]![3], start[3]);
});

test('has the defaults of PyTorch', () => {
  const { parameters: _, ...settings } = new Adam([makeParameter()]).groups[0]!;
  assert.equal(settings, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false });
});

test('counts steps for each parameter by itself', () => {
  const late = makeParameter([1]);
  const early = makeParameter([1]);
  const optimizer = new Adam([early, late], { lr: 0.5, eps: 0 });
  setGradient(early, [1]);
  optimizer.step();
  setGradient(late, [7]);
  optimizer.step();
  assert.ok(Math.abs(late.data[0]! - 0.5) < 1e-15);
  assert.equal(optimizer.stateDict().steps, [2, 1]);
});

test('refuses settings out of range', () => {
  const refuses = (options: Partial<AdamSettings>, message: RegExp, kind: typeof RangeError | typeof TypeError = RangeError) =>
    assert.throws(() => new Adam([makeParameter()], options), (error: Error) => error instanceof kind && message.test(error.message));
  refuses({ lr: -1 }, /^Adam: lr must be finite and at least 0, got -1$/);
  refuses({ betas: [1, 0.5] }, /Adam: betas\[0\] must be in \[0, 1\), got 1/);
  refuses({ betas: [0.5, -0.1] }, /Adam: betas\[1\] must be in \[0, 1\), got -0.1/);
  refuses({ betas: [0.5] as unknown as [number, number] }, /Adam: betas must be two numbers, got 0.5/, TypeError);
  refuses({ eps: -1e-8 }, /Adam: eps .* got -1e-8/);
  refuses({ weightDecay: -1 }, /Adam: weightDecay .* got -1/);
  refuses({ amsgrad: 0 as unknown as boolean }, /Adam: amsgrad must be true or false, got 0/, TypeError);
});

test.run();
