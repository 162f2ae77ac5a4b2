import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Scheduler } from '../../src/optim/scheduler.ts';
import { stepDecay, warmup } from '../../src/optim/schedules.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { makeParameter } from './_train.ts';

const test = suite('Scheduler');

function make() {
  return new SGD([{ parameters: [makeParameter()], lr: 8 }, { parameters: [makeParameter()] }], { lr: 2 });
}

const rates = (optimizer: SGD) => optimizer.groups.map((group) => group.lr);

test('sets the first rate when made and the next at each step, in proportion for every group', () => {
  const optimizer = make();
  const scheduler = new Scheduler(optimizer, warmup({ steps: 2, start: 0.5, after: stepDecay({ every: 1, factor: 0.5 }) }));
  const seen = [rates(optimizer)];
  for (let i = 0; i < 3; i++) {
    scheduler.step();
    seen.push(rates(optimizer));
  }
  assert.equal(seen, [[4, 1], [6, 1.5], [8, 2], [4, 1]]);
});

test('goes on from a saved state, whatever the rates of the new optimizer are', () => {
  const schedule = stepDecay({ every: 2, factor: 0.5 });
  const first = make();
  const scheduler = new Scheduler(first, schedule);
  for (let i = 0; i < 3; i++) scheduler.step();
  const second = make();
  second.groups[0]!.lr = 77;
  const resumed = new Scheduler(second, schedule);
  resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())) as ReturnType<typeof scheduler.stateDict>);
  assert.equal(rates(second), rates(first));
  scheduler.step();
  resumed.step();
  assert.equal(rates(second), rates(first));
  assert.equal(rates(second), [2, 0.5]);
});

test('refuses a saved state that does not fit before changing anything', () => {
  const optimizer = make();
  const scheduler = new Scheduler(optimizer, stepDecay({ every: 1 }));
  assert.throws(() => scheduler.loadStateDict({ step: -1, baseLrs: [1, 1] }), /step must be an integer of at least 0, got -1/);
  assert.throws(() => scheduler.loadStateDict({ step: 1, baseLrs: [1] }), /baseLrs must be 2 finite numbers, got \[1\]/);
  assert.throws(() => scheduler.loadStateDict({ step: 1, baseLrs: [1, NaN] }), /baseLrs must be 2 finite numbers, got \[1, NaN\]/);
  assert.equal(rates(optimizer), [8, 2]);
  assert.equal(scheduler.stateDict(), { step: 0, baseLrs: [8, 2] });
});

test.run();
