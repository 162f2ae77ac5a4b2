import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cosineDecay, oneCycle, type Schedule, stepDecay, warmup } from '../../src/optim/schedules.ts';

const test = suite('schedules');

function near(got: number, want: number): void {
  assert.ok(Math.abs(got - want) <= 1e-14 * Math.max(1e-4, Math.abs(want)), `${got} is not ${want}`);
}

function table(schedule: Schedule, count: number): number[] {
  return Array.from({ length: count }, (_, step) => schedule(step));
}

test('stepDecay multiplies by the factor after every so many steps', () => {
  assert.equal(table(stepDecay({ every: 2, factor: 0.5 }), 7), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]);
});

test("stepDecay gives the values of PyTorch's StepLR page: 0.05, 0.005 and 0.0005 from epochs 0, 30 and 60", () => {
  const schedule = stepDecay({ every: 30 });
  for (const [epoch, lr] of [[0, 0.05], [29, 0.05], [30, 0.005], [59, 0.005], [60, 0.0005], [89, 0.0005]] as const) {
    near(0.05 * schedule(epoch), lr);
  }
});

test('cosineDecay goes from 1 through the middle at half time to its end, and stays there', () => {
  const schedule = cosineDecay({ steps: 12, end: 0.2 });
  assert.is(schedule(0), 1);
  near(schedule(4), 0.2 + 0.8 * 0.75);
  near(schedule(6), 0.6);
  assert.is(schedule(12), 0.2);
  assert.is(schedule(1000), 0.2);
});

test('warmup rises in a straight line, then hands over with the count from there', () => {
  const after = stepDecay({ every: 1, factor: 0.5 });
  assert.equal(table(warmup({ steps: 4, after }), 7), [0, 0.25, 0.5, 0.75, 1, 0.5, 0.25]);
  assert.equal(table(warmup({ steps: 2, start: 0.5 }), 4), [0.5, 0.75, 1, 1]);
});

/** PyTorch's get_lr for anneal_strategy='cos' and three_phase=False, with max_lr 1. */
function pytorchOneCycle(step: number, total: number, pctStart: number, div: number, finalDiv: number): number {
  const initial = 1 / div;
  const anneal = (a: number, b: number, pct: number) => b + ((a - b) / 2) * (Math.cos(Math.PI * pct) + 1);
  const phases = [
    { end: pctStart * total - 1, from: initial, to: 1 },
    { end: total - 1, from: 1, to: initial / finalDiv },
  ];
  let from = 0;
  for (const [i, phase] of phases.entries()) {
    if (step <= phase.end || i === 1) return anneal(phase.from, phase.to, (step - from) / (phase.end - from));
    from = phase.end;
  }
  return NaN;
}

test("oneCycle follows PyTorch's two phases", () => {
  for (const [total, rise, divide, finalDivide] of [[10, 0.3, 25, 1e4], [100, 0.25, 10, 100], [7, 0.5, 4, 8], [3, 0, 2, 2]] as const) {
    const schedule = oneCycle({ steps: total, rise, divide, finalDivide });
    for (let step = 0; step < total; step++) {
      near(schedule(step), pytorchOneCycle(step, total, rise, divide, finalDivide));
    }
  }
});

test('oneCycle starts at 1 / divide, peaks at 1 and stays at its last value', () => {
  const schedule = oneCycle({ steps: 10 });
  assert.is(schedule(0), 1 / 25);
  assert.is(schedule(2), 1);
  assert.is(schedule(9), 1 / 25 / 1e4);
  assert.is(schedule(50), 1 / 25 / 1e4);
});

test('oneCycle has a finite factor at every step of the shortest trainings', () => {
  for (let steps = 1; steps < 8; steps++) {
    for (const rise of [0, 1 / steps, 0.3, 0.5, 1]) {
      const factors = table(oneCycle({ steps, rise }), steps + 2);
      assert.ok(factors.every((factor) => factor > 0 && factor <= 1), `${steps}, ${rise}: ${factors}`);
    }
  }
});

test('all refuse options out of range', () => {
  assert.throws(() => stepDecay({ every: 0 }), /stepDecay: every must be a positive integer, got 0/);
  assert.throws(() => stepDecay({ every: 1, factor: 0 }), /stepDecay: factor must be finite and above 0, got 0/);
  assert.throws(() => cosineDecay({ steps: 1.5 }), /cosineDecay: steps must be a positive integer, got 1.5/);
  assert.throws(() => cosineDecay({ steps: 1, end: 2 }), /cosineDecay: end must be in \[0, 1\], got 2/);
  assert.throws(() => warmup({ steps: 1, start: -1 }), /warmup: start must be in \[0, 1\], got -1/);
  assert.throws(() => oneCycle({ steps: 1, rise: NaN }), /oneCycle: rise must be in \[0, 1\], got NaN/);
  assert.throws(() => oneCycle({ steps: 1, divide: 0 }), /oneCycle: divide must be finite and at least 1, got 0/);
});

test.run();
