import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { mode } from '../../src/norms/catalog/mode.ts';
import type { Call, Form } from '../../src/norms/catalog/entry.ts';
import { modeNorm, modeNormDefinition, type ModeNormOptions, modeNormState } from '../../src/norms/mode.ts';
import { answer } from '../../src/oracle/answer.ts';
import { NormCase } from '../../src/oracle/generate/norm-case.ts';
import { unitOf, worstWithin } from '../../src/oracle/tolerance.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { normCases } from '../support/norm-case.ts';
import { check } from '../support/property.ts';

const test = suite('mode at its edges');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const random = (seed: number, ...shape: number[]): Tensor => normal(new Random(seed), shape, 0.5, 1.5, float64);
const both = [modeNorm, modeNormDefinition];
const mgn = { variant: 'mgn' } as const;

/** The norm where its gates may see measurements of any offset and scale, and so be steps. */
const steep = {
  ...mode,
  plan(draft: Parameters<typeof mode.plan>[0]) {
    const made = mode.plan(draft);
    return made && { ...made, inputs: { x: { ...made.inputs.x!, filling: 'data' as const } } };
  },
};

test('where gates are steps, the fused form equals the definition in float64, up to what rounding moves the definition', () => {
  check(
    fc.property(normCases(steep), (found) => {
      const asked = found.toCase('float64');
      const { ratio, where, got, want } = worstWithin(16, answer(asked), asked, { unit: unitOf.float64 });
      assert.ok(ratio <= 16, `${where}: got ${got}, the definition gives ${want}, ${ratio} times what rounding explains`);
    }),
    { runs: 25 },
  );
});

/** Whether float32 has all results of a case with full digits, or as 0: gates of e^-90 and their like it does not have. */
function isRepresentable(found: NormCase): boolean {
  return answer(found.toCase('float64'), 'definition').every(({ outputs, grads, stateAfter }) =>
    Object.values({ ...outputs, ...grads, ...stateAfter }).every((x) => x.data.every((value) => value === 0 || Math.abs(value) >= 2 ** -126)),
  );
}

test('where gates are steps, float32 is as near to float64 as its rounding unit allows, for all numbers that it has', () => {
  check(
    fc.property(normCases(steep, { fits: isRepresentable }), (found) => {
      const { ratio, where, got, want } = worstWithin(1, answer(found.toCase('float32')), found.toCase('float64'));
      assert.ok(ratio <= 1, `${where}: got ${got}, float64 gives ${want}, ${ratio} times what rounding explains`);
    }),
    { runs: 25 },
  );
});

test('a gradient that float32 does not have is 0 there', () => {
  const gateWeight = leaf(tensor([0, 0.125]));
  const y = modeNorm(tensor([[1000]]), tensor([1]), tensor([0]), gateWeight, tensor([0, 0]), null, mgn);
  assert.equal(toArray(grad([y], [gateWeight], { gradOutputs: [tensor([[1]])] })[0]!), [0, 0]);
});

test('a value near the mean of its mode keeps its digits in evaluation, however far the rest of the sample is', () => {
  const state = { runningMean: double([[0], [3000]]), runningVar: double([[1], [1]]) };
  const x = leaf(double([[[2 ** -20, 974]]]));
  const weight = leaf(double([1]));
  for (const bias of [500, -500]) {
    const y = modeNorm(x, weight, null, zeros([2, 1], float64), double([bias, 0]), state, { eps: 1 / 8, training: false });
    const near = bias > 0 ? 2 ** -20 : 2 ** -20 - 3000;
    assert.ok(Math.abs(y.data[0]! / (near / Math.sqrt(1.125)) - 1) < 1e-15);
    const dWeight = grad([y], [weight], { gradOutputs: [double([[[1, 0]]])] })[0]!;
    assert.ok(Math.abs(dWeight.data[0]! / (near / Math.sqrt(1.125)) - 1) < 1e-15);
  }
});

test('a mode that nobody is in has no part, no gradient, and mean and variance 0; also with an eps of 0', () => {
  const x = leaf(random(1, 4, 3, 5));
  const dy = random(2, 4, 3, 5);
  for (const call of both) {
    for (const eps of [0, 1e-5]) {
      const state = modeNormState(3, float64);
      const [gateWeight, gateBias] = [leaf(zeros([2, 3], float64)), leaf(double([0, -900]))];
      const y = call(x, null, null, gateWeight, gateBias, state, { eps, momentum: 1 });
      assertClose(y, batchNorm(x, null, null, null, { eps }), 1e-14);
      assert.equal(toArray(state.runningMean)[1 as never], [0, 0, 0]);
      assert.equal(toArray(state.runningVar)[1 as never], [0, 0, 0]);
      const [dx, dGateWeight, dGateBias] = grad([y], [x, gateWeight, gateBias], { gradOutputs: [dy] });
      const want = batchNorm(x, null, null, null, { eps });
      assertClose(dx!, grad([want], [x], { gradOutputs: [dy] })[0]!, 1e-13);
      assert.ok([...dGateWeight!.data, ...dGateBias!.data].every((value) => Math.abs(value) === 0));
      const channels = call(x, null, null, double([0, 0]), double([0, -900]), null, { eps, ...mgn });
      assertClose(channels, groupNorm(x, null, null, { numGroups: 1, eps }), 1e-14);
    }
  }
});

test('a mode that is nearly empty has a small part, and gradients that are finite, as the definition gives them', () => {
  for (const bias of [-27, -28, -29, -60, -300, -700, -745]) {
    const [x, dy] = [leaf(random(3, 4, 3, 5)), random(4, 4, 3, 5)];
    for (const [options, shape] of [[{}, [2, 3]], [mgn, [2]]] as const) {
      const gateBias = leaf(double([0, bias]));
      const gateWeight = leaf(zeros(shape, float64));
      const [got, want] = both.map((call) => {
        const y = call(x, null, null, gateWeight, gateBias, null, options);
        return [y, ...grad([y], [x, gateWeight, gateBias], { gradOutputs: [dy] })];
      });
      got!.forEach((y, i) => assertClose(y, want![i]!, 1e-13));
    }
  }
});

test('a single value gives the bias, and no gradient for x', () => {
  for (const call of both) {
    const x = leaf(double([[1 / 3, -7]]));
    const bias = double([2, 3]);
    const y = call(x, ones([2], float64), bias, zeros([3, 2], float64), random(6, 3));
    assertClose(y, [[2, 3]], 1e-12);
    assertClose(grad([y], [x], { gradOutputs: [double([[1, 1]])] })[0]!, [[0, 0]], 1e-9);
  }
  assert.equal(toArray(modeNorm(double([[1 / 3, -7]]), null, double([2, 3]), zeros([3, 2], float64), random(6, 3))), [[2, 3]]);
});

test('one sample has the statistics of its positions in every mode: instance norm, however its gates are', () => {
  const x = random(7, 1, 3, 5);
  assertClose(modeNorm(x, null, null, random(8, 4, 3), random(9, 4)), groupNorm(x, null, null, { numGroups: 3 }), 1e-14);
});

test('a constant channel gives exactly its bias, at any offset, and gates that see nothing else get no gradient', () => {
  for (const offset of [0.1, 1e8 / 3]) {
    const x = full([4, 2, 3], offset, float64);
    const [gateWeight, gateBias] = [leaf(random(10, 3, 2)), leaf(random(11, 3))];
    const y = modeNorm(x, null, double([0.25, -1]), gateWeight, gateBias);
    assert.equal(toArray(y), [0, 1, 2, 3].map(() => [[0.25, 0.25, 0.25], [-1, -1, -1]]));
    for (const found of grad([y], [gateWeight, gateBias], { gradOutputs: [random(21, 4, 2, 3)] })) {
      assert.ok(found.data.every((value) => Math.abs(value) === 0));
    }
  }
});

test('in "mgn" on rows, a mode with a single channel gives nearly 0 there', () => {
  const y = modeNorm(double([[9, 1, 2, -1]]), null, null, double([60, 0]), double([-300, 0]), null, mgn);
  assert.ok(Math.abs(y.data[0]!) < 1e-9);
  assertClose(y, [[0, ...(toArray(groupNorm(double([[1, 2, -1]]), null, null, { numGroups: 1 })) as number[][])[0]!]], 1e-9);
});

test('a NaN spoils the whole batch through the gates, and the state; in "mgn" only its own sample', () => {
  const x = random(12, 3, 2, 4);
  x.data[0] = NaN;
  for (const call of both) {
    const state = modeNormState(2, float64);
    assert.ok(call(x, null, null, random(13, 2, 2), random(14, 2), state).data.every(Number.isNaN));
    assert.ok(state.runningMean.data.every(Number.isNaN));
    const y = call(x, null, null, random(15, 2), random(16, 2), null, mgn);
    y.data.forEach((value, i) => assert.is(Number.isNaN(value), i < 8));
    const evaluated = call(x, null, null, random(13, 2, 2), random(14, 2), modeNormState(2, float64), { training: false });
    evaluated.data.forEach((value, i) => assert.is(Number.isNaN(value), i < 8));
  }
});

test('with a momentum of 0 the state stays, whatever the batch is', () => {
  const state = modeNormState(2);
  modeNorm(full([3, 2], NaN), null, null, zeros([2, 2]), zeros([2]), state, { momentum: 0 });
  assert.equal([toArray(state.runningMean), toArray(state.runningVar)], [[[0, 0], [0, 0]], [[1, 1], [1, 1]]]);
});

test('any number of spatial axes is the same as one', () => {
  const x = random(17, 2, 3, 8);
  for (const [options, shape] of [[{}, [2, 3]], [mgn, [2]]] as readonly [ModeNormOptions, number[]][]) {
    const run = (call: typeof modeNorm, input: Tensor): Tensor => call(input, null, null, random(18, ...shape), random(19, 2), null, options);
    for (const call of both) {
      const deep = run(call, fromArray(x.data, [2, 3, 2, 1, 2, 2, 1]));
      assert.equal(deep.shape, [2, 3, 2, 1, 2, 2, 1]);
      assertClose(fromArray(deep.data, x.shape), run(call, x), 1e-15);
    }
  }
});

test('modes cost no further reading of x, and little memory: nothing of the size of x is kept but x', () => {
  const x = leaf(normal(new Random(20), [4, 3, 64]));
  const kept = (form: Form): number => {
    const call: Call = {
      config: {},
      params: { gateWeight: zeros([5, 3]), gateBias: zeros([5]) },
      state: {},
      mode: 'train',
      inputs: { x },
    };
    return savedBytes(mode.apply(form, call).y!);
  };
  assert.ok(kept('fused') < 4 * x.data.length + 2048);
  assert.ok(kept('definition') > 5 * 4 * x.data.length);
});

test.run();
