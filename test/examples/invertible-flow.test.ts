/** The example runs, and is what it says: an invertible map whose log-determinants make a density. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { createFlow, fit, type Flow, FlowStep, integral, logDensity, parabola } from '../../examples/invertible-flow.ts';
import { ActNorm, detach, item, mean, normal, Random, type Tensor, tensor, toArray } from '../../src/index.ts';
import { assertClose } from '../support/assertions.ts';

const test = suite('invertible-flow');
const float64 = { dtype: 'float64' } as const;

interface Fitted {
  readonly flow: Flow;
  readonly points: Tensor;
  readonly likelihoods: readonly number[];
}

const made = new Map<number, Fitted>();

/** A flow after so many updates, made once. */
function fitted(updates: number): Fitted {
  let found = made.get(updates);
  if (!found) {
    const random = new Random(1);
    const flow = createFlow(random);
    const points = parabola(random, 128);
    made.set(updates, (found = { flow, points, likelihoods: fit(flow, points, updates) }));
  }
  return found;
}

test('the first training call initializes every ActNorm, each from what reaches it', () => {
  const { flow, points } = fitted(1);
  const norms = flow.modules().filter((module): module is ActNorm => module instanceof ActNorm);
  assert.equal(norms.map((norm) => item(norm.state.initialized)), [1, 1]);

  const random = new Random(1);
  const fresh = createFlow(random);
  fresh.forward(points);
  const y = (fresh.steps[0] as FlowStep).norm.forward(points);
  assertClose(mean(y, { axis: 0 }), [0, 0], 1e-12);
});

test('the inverse gives the points back, and its log-determinants are the negative ones', () => {
  const { flow, points } = fitted(60);
  const there = flow.forward(points);
  const back = flow.inverse(there.value);
  assertClose(back.value, detach(points), 1e-12);
  points.data.forEach((_, i) => i < 128 && assert.ok(Math.abs(there.logdet.data[i]! + back.logdet.data[i]!) < 1e-12));
});

test('the log-determinant is that of the Jacobian, from differences', () => {
  const { flow } = fitted(60);
  const h = 2 ** -17;
  for (const [a, b] of [[0, 0], [1.5, -1], [-0.7, 2]] as const) {
    const at = (p: number, q: number): Float64Array => flow.forward(tensor([[p, q]], float64)).value.data as Float64Array;
    const column = (plus: Float64Array, minus: Float64Array): number[] => Array.from(plus, (v, i) => (v - minus[i]!) / (2 * h));
    const [xx, xy] = column(at(a + h, b), at(a - h, b));
    const [yx, yy] = column(at(a, b + h), at(a, b - h));
    const logdet = flow.forward(tensor([[a, b]], float64)).logdet.data[0]!;
    assert.ok(Math.abs(Math.log(Math.abs(xx! * yy! - xy! * yx!)) - logdet) < 1e-8);
  }
});

test('the density integrates to 1, fitted or not', () => {
  for (const [updates, tolerance] of [[1, 1e-10], [60, 1e-5]] as const) {
    const total = integral(fitted(updates).flow, 12, 120);
    assert.ok(Math.abs(total - 1) < tolerance, `${total}`);
  }
});

test('without the log-determinants of ActNorm it would not', () => {
  const { flow } = fitted(1);
  const [first, second] = (flow.steps as FlowStep[]).map(({ norm }) => norm);
  const missing = item(first!.forwardWithLogdet(tensor([[0, 0]], float64)).logdet) + item(second!.forwardWithLogdet(tensor([[0, 0]], float64)).logdet);
  assert.ok(Math.abs(integral(flow, 12, 120) * Math.exp(-missing) - 1) > 0.1);
});

test('fitting raises the likelihood of the points', () => {
  const { flow, points, likelihoods } = fitted(60);
  assert.ok(likelihoods[59]! > likelihoods[0]! + 0.2, `${likelihoods[0]} to ${likelihoods[59]}`);
  assert.ok(item(mean(logDensity(flow, points))) > likelihoods[0]! + 0.2);
});

test('samples are the inverse of normal deviates, and lie along the parabola', () => {
  const { flow } = fitted(60);
  const samples = toArray(flow.inverse(normal(new Random(2), [200, 2], 0, 1, float64)).value) as number[][];
  const off = samples.map(([a, b]) => Math.abs(b! - (a! ** 2 / 2 - 1))).sort((p, q) => p - q);
  assert.ok(off[100]! < 0.5, `half of them are within ${off[100]}`);
});

test.run();
