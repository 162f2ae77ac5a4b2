import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { abs } from '../../src/autograd/abs.ts';
import { add } from '../../src/autograd/add.ts';
import { exp } from '../../src/autograd/exp.ts';
import { assertGradcheck, gradcheck } from '../../src/autograd/gradcheck.ts';
import { log } from '../../src/autograd/log.ts';
import { mul } from '../../src/autograd/mul.ts';
import { detach, type Op, record } from '../../src/autograd/record.ts';
import { relu } from '../../src/autograd/relu.ts';
import { sigmoid } from '../../src/autograd/sigmoid.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { copy, fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { runsOf } from '../support/property.ts';
import { mistakes, type Mistake, wrongNorm } from '../support/wrong-norms.ts';

const test = suite('gradcheck');
const leaf = { dtype: 'float64', requiresGrad: true } as const;

/** Offset and scale of the data; a norm has to be right in all of these. */
const regimes = [
  [0, 1], [10, 1], [1e3, 1], [1e6, 1], [0, 1e-20], [0, 1e-3], [0, 1e4], [0, 1e10], [-1e4, 0.1],
] as const;

function drawn(random: Random, [offset, scale]: readonly [number, number], rows = 3, n = 5) {
  return {
    x: normal(random, [rows, n], offset, scale, leaf),
    weight: normal(random, [n], 0, 1, leaf),
    bias: normal(random, [n], 0, 1, leaf),
    eps: [1, 2 ** -3, 2 ** -10, 1e-5][random.integer(4)]!,
  };
}

function checked(random: Random, regime: readonly [number, number], mistake: Mistake, shape?: readonly [number, number]) {
  const { x, weight, bias, eps } = drawn(random, regime, ...(shape ?? []));
  const spread = [Math.sqrt(regime[1] ** 2 + eps), undefined, undefined];
  return gradcheck((a, b, c) => wrongNorm(a, b, c, eps, mistake), [x, weight, bias], { random, spread, directions: 1 });
}

test('a right backward raises no false alarm, whatever the offset and scale', () => {
  const random = new Random(2);
  let inconclusive = 0;
  let checks = 0;
  for (let run = 0; run < runsOf(20); run++) {
    for (const regime of regimes) {
      const result = checked(random, regime, 'none');
      assert.ok(result.passed, `offset ${regime[0]}, scale ${regime[1]}: ${result.message}`);
      checks += result.checks.length;
      inconclusive += result.checks.filter((check) => check.verdict === 'inconclusive').length;
    }
  }
  assert.ok(inconclusive <= 0.02 * checks, `${inconclusive} of ${checks} are inconclusive`);
});

test('constant and one-element slices raise no false alarm either', () => {
  const random = new Random(3);
  for (let run = 0; run < 20; run++) {
    const { weight, bias, eps } = drawn(random, [0, 1]);
    for (const value of [0, 1, 1e6]) {
      const x = fromArray(new Float64Array(15).fill(value), [3, 5], { requiresGrad: true });
      const result = gradcheck((a, b, c) => wrongNorm(a, b, c, eps, 'none'), [x, weight, bias], { random, spread: Math.sqrt(eps) });
      assert.ok(result.passed, result.message);
    }
    assert.ok(checked(random, [5, 1], 'none', [4, 1]).passed);
  }
});

for (const mistake of mistakes) {
  test(`it notices within eight runs: ${mistake}`, () => {
    const random = new Random(5);
    for (let run = 0; run < 8; run++) {
      if (!checked(random, regimes[[0, 5, 1, 6][run % 4]!]!, mistake).passed) return;
    }
    assert.unreachable('not noticed');
  });
}

test('the message names the input, both derivatives and the worst elements', () => {
  const x = tensor([1, 2, 3], leaf);
  const result = gradcheck((a) => mul(a, detach(a)), [x]);
  assert.is(result.passed, false);
  assert.match(result.message, /^input 0: the derivative in a random direction is .*, the gradient says .*; they may be .* apart\n {2}element \d: differences give \d/);
  assertThrows(() => assertGradcheck((a) => mul(a, detach(a)), [x]), 'Error', /^gradcheck: input 0/);
});

test('each input is judged by itself, and inputs without a gradient are held', () => {
  const x = tensor([1, 2], leaf);
  const y = tensor([3, 4], leaf);
  const wrongInSecond = (a: Tensor, b: Tensor): Tensor => add(square(a), mul(b, detach(b)));
  assert.match(gradcheck(wrongInSecond, [x, y]).message, /^input 1/);
  assert.ok(gradcheck(wrongInSecond, [x, detach(y)]).passed);
  assertThrows(() => gradcheck(square, [detach(x)]), 'TypeError', /no input requires a gradient/);
});

test('several outputs are checked together', () => {
  const x = tensor([0.5, -1], leaf);
  assert.ok(gradcheck((a) => [exp(a), sum(square(a))], [x]).passed);
  assert.not(gradcheck((a) => [exp(a), mul(sum(a), detach(sum(a)))], [x]).passed);
});

/** An identity whose pullback misbehaves. */
function identity(x: Tensor, pullback: Op<object>['pullback']): Tensor {
  return record({ name: 'identity', pullback }, [x], {}, copy(x));
}

test('a gradient that changes from run to run is noticed', () => {
  let run = 0;
  const x = tensor([1, 2], leaf);
  assert.match(gradcheck((a) => identity(a, (dy) => [mul(dy, 1 + 2 ** -40 * run++)]), [x]).message, /second run/);
});

test('a backward that writes into the weights of the outputs, or into an input, is noticed', () => {
  const x = tensor([1, 2], leaf);
  const onCotangent = (a: Tensor): Tensor => identity(a, (dy) => {
    const dx = copy(dy);
    dy.data[0] = 7;
    return [dx];
  });
  assert.match(gradcheck(onCotangent, [x]).message, /weights of the outputs are written to|second run/);
  const onInput = (a: Tensor): Tensor => identity(a, (dy) => {
    a.data[0] = 7;
    return [copy(dy)];
  });
  assert.match(gradcheck(onInput, [x]).message, /an input is written to/);
});

test('a gradient that is not linear in the weights of the outputs is noticed', () => {
  const x = tensor([1, 2], leaf);
  assert.match(gradcheck((a) => identity(a, (dy) => [add(dy, 1)]), [x]).message, /weights of 0/);
  assert.match(gradcheck((a) => identity(a, (dy) => [mul(dy, abs(dy))]), [x]).message, /not linear/);
});

test('at a kink any slope between the two sides is right, and no other', () => {
  const x = tensor([0, 0, 0], leaf);
  assert.ok(gradcheck((a) => relu(a), [x]).passed);
  assert.ok(gradcheck((a) => abs(a), [x]).passed);
  const steep = (a: Tensor): Tensor => record({ name: 'steep', pullback: (dy) => [mul(dy, 3)] }, [a], {}, relu(detach(a)));
  assert.not(gradcheck(steep, [x]).passed);
});

test('a function that is not finite at the inputs is inconclusive and does not pass', () => {
  const result = gradcheck((a) => log(a), [tensor([1, -1], leaf)]);
  assert.equal([result.passed, result.inconclusive], [false, true]);
  assert.match(result.message, /not finite/);
});

test('a derivative that vanishes is right when it is 0', () => {
  assert.ok(gradcheck((a) => mul(a, zeros([2], { dtype: 'float64' })), [tensor([1, 2], leaf)]).passed);
  assert.ok(gradcheck((a) => sigmoid(mul(a, 1e3)), [tensor([1, -1], leaf)]).passed);
});

test('inputs of the caller keep data, gradient and history', () => {
  const x = tensor([1, 2], leaf);
  gradcheck((a) => square(a), [x]);
  assert.is(x.grad, null);
  assert.equal([...x.data], [1, 2]);
});

test('float32 is refused: differences mean nothing there', () => {
  assertThrows(() => gradcheck((a) => a, [tensor([1], { requiresGrad: true })]), 'TypeError', /must be in float64.*got float32 for input 0/);
});

test.run();
