import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import type { Parameter } from '../../src/nn/parameter.ts';
import { Adam } from '../../src/optim/adam.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import type { Optimizer, Settings } from '../../src/optim/optimizer.ts';
import { RMSProp } from '../../src/optim/rmsprop.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { tensor } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { gradients, makeParameter, setGradient } from './_train.ts';

const test = suite('Optimizer');

test('gives each group its own settings over the common ones, and obeys a change between steps', () => {
  const fast = makeParameter([0]);
  const slow = makeParameter([0]);
  const optimizer = new SGD([{ parameters: [fast], lr: 1 }, { parameters: [slow] }], { lr: 0.25 });
  const step = () => {
    setGradient(fast, [1]);
    setGradient(slow, [1]);
    optimizer.step();
  };
  step();
  assert.equal([fast.data[0], slow.data[0]], [-1, -0.25]);
  optimizer.groups[1]!.lr = 2;
  step();
  assert.equal([fast.data[0], slow.data[0]], [-2, -2.25]);
});

test('leaves a parameter without gradient alone, weight decay included', () => {
  const parameter = makeParameter([4]);
  const other = makeParameter([1]);
  const optimizer = new SGD([parameter, other], { lr: 1, weightDecay: 0.5 });
  setGradient(other, [0]);
  optimizer.step();
  assert.equal([parameter.data[0], other.data[0]], [4, 0.5]);
  assert.equal(optimizer.stateDict().steps, [0, 1]);
});

test('zeroGrad drops gradients, and step does not', () => {
  const parameter = makeParameter([1]);
  const optimizer = new SGD([parameter]);
  setGradient(parameter, [1]);
  optimizer.step();
  assert.ok(parameter.grad);
  optimizer.zeroGrad();
  assert.is(parameter.grad, null);
});

test('does not write into gradients', () => {
  for (const make of kinds) {
    const parameter = makeParameter();
    const optimizer = make([parameter]);
    setGradient(parameter, gradients[0]!);
    optimizer.step();
    assert.equal(Array.from(parameter.grad!.data), gradients[0]);
  }
});

test('a step is noticed by a graph that needs the old values', () => {
  const parameter = makeParameter([1, 2]);
  const loss = sum(square(parameter));
  setGradient(parameter, [1, 1]);
  new SGD([parameter]).step();
  assert.throws(() => backward(loss), /overwritten/);
});

test('refuses a gradient of another shape before changing anything', () => {
  const first = makeParameter([1]);
  const second = makeParameter([1]);
  const optimizer = new SGD([first, second], { lr: 1 });
  setGradient(first, [1]);
  second.grad = tensor([1, 2], { dtype: 'float64' });
  assert.throws(
    () => optimizer.step(),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message === 'SGD: a gradient must have the shape of its parameter, [1], got [2]; let backward make it',
  );
  assert.is(first.data[0], 1);
});

test('refuses a setting that went out of range before changing anything', () => {
  const first = makeParameter([1]);
  const second = makeParameter([1]);
  const optimizer = new SGD([{ parameters: [first] }, { parameters: [second] }], { lr: 1 });
  setGradient(first, [1]);
  optimizer.groups[1]!.lr = NaN;
  assert.throws(() => optimizer.step(), /SGD: lr must be finite and at least 0, got NaN/);
  assert.is(first.data[0], 1);
});

test('refuses parameters that are none, twice there, no tensors or results of operations', () => {
  const parameter = makeParameter();
  assert.throws(() => new SGD([]), /^SGD: there must be parameters, got none; pass model.parameters\(\)$/);
  assert.throws(() => new SGD([{ parameters: [] }]), /there must be parameters, got none/);
  assert.throws(() => new SGD([parameter, parameter]), /a parameter may be given once, got one of them twice/);
  assert.throws(() => new SGD([{ parameters: [parameter] }, { parameters: [parameter] }]), /once/);
  assert.throws(() => new SGD([{ parameters: [1 as unknown as Tensor] }]), /a parameter must be a tensor, got number/);
  assert.throws(() => new SGD([mul(parameter, 2)]), /a parameter must be a leaf, got the result of an operation/);
  assert.throws(() => new SGD([parameter, { parameters: [makeParameter()] }]), /all tensors or all groups, got both/);
});

const kinds: ((parameters: Parameter[]) => Optimizer<Settings>)[] = [
  (parameters) => new SGD(parameters, { momentum: 0.9, weightDecay: 0.01 }) as unknown as Optimizer<Settings>,
  (parameters) => new Adam(parameters, { lr: 0.1 }) as unknown as Optimizer<Settings>,
  (parameters) => new AdamW(parameters, { lr: 0.1, amsgrad: true }) as unknown as Optimizer<Settings>,
  (parameters) => new RMSProp(parameters, { centered: true, momentum: 0.5 }) as unknown as Optimizer<Settings>,
  (parameters) => new RMSProp(parameters) as unknown as Optimizer<Settings>,
];

kinds.forEach((make, kind) => {
  for (const dtype of ['float32', 'float64'] as const) {
    test(`a saved optimizer goes on bit for bit, its settings through JSON (kind ${kind}, ${dtype})`, () => {
      const whole = [makeParameter(undefined, dtype), makeParameter([1, 2, 3, 4], dtype)];
      const optimizer = make(whole);
      const step = (parameters: Parameter[], to: Optimizer<Settings>, t: number) => {
        setGradient(parameters[0]!, gradients[t]!);
        if (t % 2 === 0) setGradient(parameters[1]!, gradients[gradients.length - 1 - t]!);
        else parameters[1]!.grad = null;
        to.step();
      };
      for (let t = 0; t < 3; t++) step(whole, optimizer, t);
      const resumed = whole.map((parameter) => makeParameter(Array.from(parameter.data), dtype));
      const saved = optimizer.stateDict();
      const { groups, steps } = JSON.parse(JSON.stringify({ groups: saved.groups, steps: saved.steps })) as typeof saved;
      const next = make(resumed);
      next.groups[0]!.lr = 123;
      next.loadStateDict({ groups, steps, tensors: saved.tensors });
      for (let t = 3; t < 6; t++) {
        step(whole, optimizer, t);
        step(resumed, next, t);
      }
      assert.equal(resumed.map(toArray), whole.map(toArray));
    });
  }
});

test('a saved state shares no memory with the optimizer', () => {
  const parameter = makeParameter([1]);
  const optimizer = new SGD([parameter], { momentum: 0.5 });
  setGradient(parameter, [1]);
  optimizer.step();
  const saved = optimizer.stateDict();
  optimizer.step();
  assert.equal(toArray(saved.tensors['0.momentumBuffer']!), [1]);
  optimizer.loadStateDict(saved);
  saved.tensors['0.momentumBuffer']!.data[0] = 77;
  assert.equal(toArray(optimizer.stateDict().tensors['0.momentumBuffer']!), [1]);
});

test('forgets at a load what it remembered about a parameter that the saved state knows nothing of', () => {
  const parameter = makeParameter([0]);
  const optimizer = new SGD([parameter], { momentum: 0.5, lr: 1 });
  const fresh = optimizer.stateDict();
  setGradient(parameter, [1]);
  optimizer.step();
  optimizer.loadStateDict(fresh);
  assert.equal(optimizer.stateDict(), fresh);
  optimizer.step();
  assert.is(parameter.data[0], -2);
});

test('refuses a saved state that does not fit, and then keeps its own', () => {
  const parameter = makeParameter([1]);
  const optimizer = new SGD([parameter], { momentum: 0.5, lr: 0.5 });
  setGradient(parameter, [1]);
  optimizer.step();
  const good = optimizer.stateDict();
  const refuses = (change: Partial<typeof good>, message: RegExp, kind: typeof RangeError | typeof ShapeError = RangeError) =>
    assert.throws(
      () => optimizer.loadStateDict({ ...good, ...change }),
      (error: Error) => error instanceof kind && message.test(error.message),
    );
  const group = good.groups[0]!;
  refuses({ groups: [] }, /^SGD.loadStateDict: groups must have \[1\] parameters, got \[\]; build the optimizer/);
  refuses({ groups: [{ ...group, lr: 9, parameters: [0, 1] }] }, /groups must have \[1\] parameters, got \[2\]/);
  refuses({ groups: [{ ...group, lr: -9 }] }, /SGD: lr must be finite and at least 0, got -9/);
  refuses({ groups: [{ ...group, lr: 9 }], steps: [1.5] }, /steps must be integers of at least 0, got 1.5 at 0/);
  refuses({ groups: [{ ...group, lr: 9 }], steps: [1, 1] }, /steps must be one per parameter, 1, got 2/);
  refuses({ groups: [{ ...group, lr: 9 }], tensors: {} }, /tensors must have 0.momentumBuffer, got undefined/);
  refuses({ groups: [{ ...group, lr: 9 }], tensors: { ...good.tensors, '1.x': tensor(1) } }, /got also 1.x/);
  refuses({ tensors: { '0.momentumBuffer': tensor([1, 2]) } }, /0.momentumBuffer must have the shape .*\[1\], got \[2\]/, ShapeError);
  assert.is(optimizer.groups[0]!.lr, 0.5);
  assert.equal(optimizer.stateDict(), good);
});

test.run();
