import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { abs } from '../../src/autograd/abs.ts';
import { add } from '../../src/autograd/add.ts';
import { amax } from '../../src/autograd/amax.ts';
import { cast } from '../../src/autograd/cast.ts';
import { clamp } from '../../src/autograd/clamp.ts';
import { div } from '../../src/autograd/div.ts';
import { exp } from '../../src/autograd/exp.ts';
import { assertGradcheck, gradcheck, type GradcheckResult } from '../../src/autograd/gradcheck.ts';
import { log } from '../../src/autograd/log.ts';
import { mean } from '../../src/autograd/mean.ts';
import { mul } from '../../src/autograd/mul.ts';
import { neg } from '../../src/autograd/neg.ts';
import { detach, type Op, record } from '../../src/autograd/record.ts';
import { relu } from '../../src/autograd/relu.ts';
import { rsqrt } from '../../src/autograd/rsqrt.ts';
import { sigmoid } from '../../src/autograd/sigmoid.ts';
import { sqrt } from '../../src/autograd/sqrt.ts';
import { square } from '../../src/autograd/square.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { copy, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { runsOf } from '../support/property.ts';
import { seed } from '../support/seed.ts';
import { type Arrangement, arrangements, layoutOf, type Mistake, mistakes, slicesOf, wrongNorm } from '../support/wrong-norms.ts';

const test = suite('gradcheck');
const leaf = { dtype: 'float64', requiresGrad: true } as const;

/** Kinds of data; a norm has to be right in all of these. */
const regimes = {
  benign: (deviate) => deviate,
  'offset 10': (deviate) => 10 + deviate,
  'offset -1e4': (deviate) => -1e4 + deviate,
  'offset 1e6': (deviate) => 1e6 + deviate,
  'scale 1e-20': (deviate) => 1e-20 * deviate,
  'scale 1e-3': (deviate) => 1e-3 * deviate,
  'scale 1e4': (deviate) => 1e4 * deviate,
  'scale 1e10': (deviate) => 1e10 * deviate,
  constant: (_, _slice, value) => value,
  'constant slice': (deviate, slice, value) => (slice === 0 ? value : deviate),
  'slices of different scales': (deviate, slice) => deviate * 10 ** (3 * (slice % 3) - 3),
  'one element': (deviate) => deviate,
} satisfies Record<string, (deviate: number, slice: number, value: number) => number>;
type Regime = keyof typeof regimes;
const names = Object.keys(regimes) as Regime[];

/** Extents that leave one element to each slice. */
const single: Record<Arrangement, (n: number) => [number, number, number]> = {
  layer: (n) => [n, 1, 1],
  batch: (n) => [1, n, 1],
  instance: (n) => [2, n, 1],
  group: (n) => [n, 2, 1],
};

/** A case of a regime, checked: arrangement, shape, weight, bias and eps are drawn. */
function checked(random: Random, regime: Regime, mistake: Mistake, known = true): GradcheckResult {
  const arrangement = arrangements[random.integer(arrangements.length)]!;
  const [samples, channels, positions] = [1 + random.integer(4), 1 + random.integer(6), 1 + random.integer(5)];
  const shape: [number, number, number] = regime === 'one element' ? single[arrangement](channels) : [samples, channels, positions];
  const layout = layoutOf(shape, arrangement);
  const eps = [1, 2 ** -3, 2 ** -10, 1e-5][random.integer(4)]!;
  const value = [0, 1, 1000, 1e6][random.integer(4)]!;
  const x = zeros(shape, leaf);
  for (let i = 0; i < x.data.length; i++) x.data[i] = regimes[regime](random.normal(), layout.slice[i]!, value);
  const grid = (): Tensor => {
    const parameter = zeros([layout.weights], leaf);
    for (let i = 0; i < layout.weights; i++) parameter.data[i] = (random.integer(65) - 32) / 16;
    return parameter;
  };
  const smallest = slicesOf(x, layout).variance.reduce((a, b) => Math.min(a, b));
  return gradcheck((a, b, c) => wrongNorm(a, b, c, layout, eps, mistake), [x, grid(), grid()], {
    random,
    directions: 1,
    ...(known && { spread: [Math.sqrt(smallest + eps), undefined, undefined] }),
  });
}

for (const known of [true, false]) {
  test(`a right backward raises no false alarm, whatever the data${known ? '' : ', also when the spread is not told'}`, () => {
    const random = new Random(seed());
    let inconclusive = 0;
    let checks = 0;
    for (let run = 0; run < runsOf(20); run++) {
      for (const regime of names) {
        const result = checked(random, regime, 'none', known);
        assert.ok(result.passed, `${regime}: ${result.message}`);
        checks += result.checks.length;
        inconclusive += result.checks.filter((check) => check.verdict === 'inconclusive').length;
      }
    }
    assert.ok(checks >= 720);
    assert.ok(inconclusive <= 0.02 * checks, `${inconclusive} of ${checks} are inconclusive`);
  });
}

/** The first run in which a mistake is noticed. */
function runsUntilNoticed(random: Random, mistake: Mistake): number {
  const first = random.integer(names.length);
  for (let run = 0; run < 30; run++) if (!checked(random, names[(first + 5 * run) % names.length]!, mistake).passed) return run + 1;
  return Infinity;
}

for (const mistake of mistakes) {
  test(`it notices within a few runs: ${mistake}`, () => {
    assert.ok(runsUntilNoticed(new Random(seed()), mistake) <= 30, 'not noticed in 30 runs');
  });
}

test('most mistakes are noticed in the first run', () => {
  const random = new Random(seed());
  const runs = mistakes.map((mistake) => runsUntilNoticed(random, mistake));
  assert.ok(runs.filter((run) => run === 1).length > 0.6 * mistakes.length, runs.join());
});

test('the message names the input, both derivatives and the worst elements', () => {
  const x = tensor([1, 2, 3], leaf);
  const result = gradcheck((a) => mul(a, detach(a)), [x]);
  assert.is(result.passed, false);
  assert.match(result.message, /^input 0: the derivative in a random direction is .*, the gradient says .*; they may be .* apart\n {2}element \[\d\]: differences give \d/);
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

test('a backward that writes into its saved values is noticed by a second pass over one graph', () => {
  const wearing = (a: Tensor): Tensor => {
    const slope = mul(detach(a), 2);
    const op: Op<{ slope: Tensor }> = {
      name: 'wearing',
      pullback(dy, saved) {
        const dx = mul(dy, saved.slope);
        saved.slope.data[0]! += 1;
        return [dx];
      },
    };
    return record(op, [a], { slope }, square(detach(a)));
  };
  assert.match(gradcheck(wearing, [tensor([1, 2], leaf)]).message, /^input 0: a second run over the same graph/);
});

test('one wrong element among hundreds is noticed and named by its place', () => {
  const x = normal(new Random(4), [12, 5, 8], 0, 1, leaf);
  const at = 7 * 40 + 3 * 8 + 6;
  const f = (a: Tensor): Tensor =>
    record({ name: 'square', pullback(dy: Tensor, { a }: { a: Tensor }) {
      const dx = mul(dy, mul(a, 2));
      dx.data[at]! *= 1 + 2 ** -20;
      return [dx];
    } }, [a], { a }, square(detach(a)));
  assert.match(gradcheck(f, [x]).message, /^input 0: .*\n {2}element \[7, 3, 6\]: differences give/);
});

test('an error of one part in 10^10 is noticed where rounding allows', () => {
  const off = (by: number) => (a: Tensor): Tensor =>
    record({ name: 'square', pullback: (dy: Tensor, { a }: { a: Tensor }) => [mul(dy, mul(a, 2 * (1 + by)))] }, [a], { a }, square(detach(a)));
  const x = normal(new Random(4), [50], 0, 1, leaf);
  assert.ok(gradcheck(off(0), [x]).passed);
  assert.not(gradcheck(off(1e-10), [x]).passed);
});

/** A rectifier with other slopes at ties and elsewhere. */
function rectifier(a: Tensor, atZero: number, above = 1): Tensor {
  const slope = copy(a);
  for (let i = 0; i < slope.data.length; i++) slope.data[i] = a.data[i]! > 0 ? above : a.data[i] === 0 ? atZero : 0;
  return record({ name: 'rectifier', pullback: (dy: Tensor) => [mul(dy, slope)] }, [a], {}, relu(detach(a)));
}

test('at kinks any slope between the two sides is right, and no other, element by element', () => {
  for (let run = 0; run < 10; run++) {
    const random = new Random(run);
    for (const x of [tensor([0, 0, 0], leaf), tensor([0, 2, 0, -1, 0.5], leaf)]) {
      for (const atZero of [0, 0.25, 1]) assert.ok(gradcheck((a) => rectifier(a, atZero), [x], { random }).passed);
      assert.ok(gradcheck((a) => abs(a), [x], { random }).passed);
      const factors = normal(random, x.shape, 0, 1, { dtype: 'float64' });
      assert.ok(gradcheck((a) => sum(mul(relu(a), factors)), [x], { random }).passed);
      assert.ok(gradcheck((a) => [relu(a), relu(neg(a)), clamp(add(a, 1), { min: 0, max: 1 })], [x], { random }).passed);
      assert.not(gradcheck((a) => rectifier(a, 3), [x], { random }).passed);
      assert.not(gradcheck((a) => rectifier(a, -0.5), [x], { random }).passed);
    }
    assert.not(gradcheck((a) => rectifier(a, 0, 0.75), [tensor([0, 2, 0, -1, 0.5], leaf)], { random }).passed);
  }
});

test('a maximum may give its ties any shares that add up', () => {
  const x = tensor([2, 2, 1], leaf);
  const shared = (...shares: number[]) => (a: Tensor): Tensor =>
    record({ name: 'largest', pullback: (dy: Tensor) => [mul(dy, tensor(shares, { dtype: 'float64' }))] }, [a], {}, amax(detach(a)));
  for (let run = 0; run < 10; run++) {
    const random = new Random(run);
    const result = gradcheck((a) => amax(a), [x], { random });
    assert.ok(result.passed, result.message);
    for (const shares of [[1, 0, 0], [0, 1, 0], [0.25, 0.75, 0]]) assert.ok(gradcheck(shared(...shares), [x], { random }).passed);
    for (const shares of [[1, 1, 0], [0, 0, 0], [2, -1, 0], [0.5, 0, 0.5]]) assert.not(gradcheck(shared(...shares), [x], { random }).passed);
  }
});

test('a function that is not finite at the inputs is inconclusive and does not pass, and the message says where', () => {
  const result = gradcheck((a) => [square(a), log(a)], [tensor([1, -1], leaf)]);
  assert.equal([result.passed, result.inconclusive], [false, true]);
  assert.match(result.message, /not finite at the inputs: output 1 is NaN at element 1/);
});

test('a gradient that is not finite where the function is does not pass', () => {
  assert.match(gradcheck((a) => sqrt(a), [tensor([0, 1], leaf)]).message, /^input 0: the gradient is Infinity at element 0/);
});

test('steps stay where the function has values, however near its edge is', () => {
  assert.ok(gradcheck((a) => log(a), [tensor([1e-9, 5, 1000], leaf)]).passed);
  assert.ok(gradcheck((a) => rsqrt(a), [tensor([1e-12, 1, 2], leaf)]).passed);
});

test('a slope without a curvature, as that of a norm with eps outside the root at a constant slice, is found', () => {
  for (let run = 0; run < 50; run++) {
    const x = normal(new Random(run), [6], 0, 1, leaf);
    for (let i = 0; i < 6; i += 2) x.data[i] = 0;
    const result = gradcheck((a) => div(a, add(abs(a), 2 ** -10)), [x], { random: new Random(run) });
    assert.ok(result.passed, result.message);
  }
});

test('magnitudes at both ends of the range of numbers raise no false alarm', () => {
  for (const scale of [1e-310, 1e-150, 1e150, 1e300]) {
    const x = normal(new Random(4), [20], 0, scale, leaf);
    const result = gradcheck((a) => (scale === 1e-150 || scale === 1e150 ? square(a) : mul(a, 2)), [x]);
    assert.ok(result.passed, `${scale}: ${result.message}`);
  }
  assert.ok(gradcheck((a) => exp(a), [normal(new Random(4), [20], 0, 100, leaf)]).passed);
});

test('inputs without elements or of one element, and constant functions, are nothing special', () => {
  assert.ok(gradcheck((a) => square(a), [zeros([0], leaf)]).passed);
  assert.ok(gradcheck((a) => square(a), [tensor(3, leaf)]).passed);
  assert.ok(gradcheck(() => zeros([2], { dtype: 'float64' }), [tensor([1, 2], leaf)]).passed);
});

test('rounding that hides the derivative is inconclusive, says so, and does not throw', () => {
  const cancelling = (a: Tensor): Tensor => sub(mean(square(a)), square(mean(a)));
  const result = assertGradcheck(cancelling, [normal(new Random(4), [50], 1e9, 1, leaf)]);
  assert.equal([result.passed, result.inconclusive], [true, true]);
  assert.match(result.message, /too far to tell a right gradient from a wrong one/);
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

test('options out of their range are refused', () => {
  const x = tensor([1], leaf);
  for (const directions of [0, -1, 1.5, NaN]) {
    assertThrows(() => gradcheck(square, [x], { directions }), 'RangeError', /^gradcheck: directions must be an integer of at least 1, got/);
  }
  for (const spread of [-1, NaN, Infinity]) {
    assertThrows(() => gradcheck(square, [x], { spread }), 'RangeError', /^gradcheck: spread must be finite and not negative, got/);
    assertThrows(() => gradcheck(square, [x], { spread: [spread] }), 'RangeError', /got/);
  }
  assert.ok(gradcheck(square, [x], { spread: 0 }).passed);
});

test('float32 is refused: differences mean nothing there', () => {
  assertThrows(() => gradcheck((a) => cast(a, 'float32'), [tensor([1], leaf)]), 'TypeError', /^gradcheck: outputs must be in float64, got float32 for output 0/);
  assertThrows(() => gradcheck((a) => a, [tensor([1], { requiresGrad: true })]), 'TypeError', /must be in float64.*got float32 for input 0/);
});

test.run();
