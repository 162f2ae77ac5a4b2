/** The example runs, and is what it says: with spectral norm the critic's bound stays where it was, without it grows. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { picture } from '../../examples/spectral-critic-picture.ts';
import {
  type Constraint,
  createCritic,
  lipschitzBound,
  offRing,
  ring,
  type Trained,
  trainCritic,
} from '../../examples/spectral-critic.ts';
import { item, Linear, mean, noGrad, normal, parametrizationOf, Random, tensor } from '../../src/index.ts';

const test = suite('spectral-critic');

const options = { steps: 60, seed: 1, every: 5 };
const made = new Map<Constraint, Trained>();

/** A short training, made once. */
function trained(constraint: Constraint): Trained {
  let found = made.get(constraint);
  if (!found) made.set(constraint, (found = trainCritic(constraint, options)));
  return found;
}

const bounds = (constraint: Constraint): number[] => trained(constraint).measured.map(({ bound }) => bound);

test('the same seed gives the same training, another one another', () => {
  const short = (seed: number) => trainCritic('power', { steps: 3, seed, every: 1 }).measured;
  assert.is(short(1).length, 4);
  assert.equal(short(1), short(1));
  assert.not.equal(short(1), short(2));
});

test('all critics begin with the same parameters', () => {
  const weights = (constraint: Constraint): number[] =>
    createCritic(constraint, new Random(1)).layers.flatMap((layer) =>
      layer instanceof Linear ? Array.from((parametrizationOf(layer)?.original ?? layer.weight).data) : [],
    );
  assert.is(weights('none').length, 24 * (2 + 24 + 1));
  assert.equal(weights('power'), weights('none'));
  assert.equal(weights('svd'), weights('none'));
});

test('with sigma from a decomposition the bound is 1 all along, to the rounding of float32', () => {
  assert.is(bounds('svd').length, 13);
  for (const bound of bounds('svd')) assert.ok(Math.abs(bound - 1) < 1e-6, `${bound}`);
});

test('with the power method it is never below 1 and stays near it', () => {
  for (const bound of bounds('power')) assert.ok(bound > 1 - 1e-6 && bound < 1.4, `${bound}`);
});

test('and comes to 1 when the weights rest while the vectors move on', () => {
  const { critic } = trainCritic('power', { ...options, steps: 10 });
  const before = lipschitzBound(critic);
  const points = ring(new Random(4), 1);
  noGrad(() => {
    for (let i = 0; i < 300; i++) critic.forward(points);
  });
  const after = lipschitzBound(critic);
  assert.ok(before > 1.001 && Math.abs(after - 1) < 1e-4, `${before}, then ${after}`);
});

test('without spectral norm the bound grows, to more than twenty times what it was', () => {
  const all = bounds('none');
  assert.ok(all[12]! > 20 * all[0]!, `${all[0]} to ${all[12]}`);
});

test('no two points have scores further apart than the bound allows', () => {
  const random = new Random(5);
  for (const constraint of ['none', 'power', 'svd'] as const) {
    const critic = trained(constraint).critic.eval();
    const bound = lipschitzBound(critic);
    const [a, b] = [normal(random, [200, 2], 0, 2), normal(random, [200, 2], 0, 2)];
    const [fa, fb] = [critic.forward(a), critic.forward(b)];
    for (let i = 0; i < 200; i++) {
      const apart = Math.hypot(a.data[2 * i]! - b.data[2 * i]!, a.data[2 * i + 1]! - b.data[2 * i + 1]!);
      assert.ok(Math.abs(fa.data[i]! - fb.data[i]!) <= bound * apart + 1e-4 * bound, constraint);
    }
  }
});

test("so a critic's estimate is at most the distance: points moved by 1 are rated at most 1 apart with it, not without", () => {
  const here = ring(new Random(6), 64);
  const rated = (constraint: Constraint): number => {
    const { critic } = trained(constraint);
    let most = 0;
    for (let k = 0; k < 16; k++) {
      const [dx, dy] = [Math.cos((k * Math.PI) / 8), Math.sin((k * Math.PI) / 8)];
      const there = tensor(Array.from({ length: 64 }, (_, i) => [here.data[2 * i]! + dx, here.data[2 * i + 1]! + dy]));
      const [at, moved] = [mean(critic.eval().forward(here)), mean(critic.forward(there))];
      most = Math.max(most, item(moved) - item(at));
    }
    return most;
  };
  assert.ok(rated('svd') > 0.05 && rated('svd') <= 1 + 1e-5, `${rated('svd')}`);
  assert.ok(rated('none') > 2, `${rated('none')}`);
});

test('the distance from the ring is 0 on it', () => {
  assert.is(offRing(tensor([[2, 0], [0, -2], [-2, 0]])), 0);
  assert.is(offRing(tensor([[0, 0], [3, 4], [0, 1.5]])), 2);
  assert.ok(offRing(ring(new Random(7), 500)) < 0.1);
});

test('the picture has a curve for each training and the points of two', () => {
  const points = ring(new Random(8), 20);
  const drawn = (['none', 'power', 'svd'] as const).map((name) => ({ name, measured: trained(name).measured, points }));
  const svg = picture(drawn, points);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<\/svg>\n$/);
  assert.not.match(svg, /NaN|Infinity|undefined/);
  assert.is(svg.match(/<circle /g)!.length, 80);
  const curves = [...svg.matchAll(/<path d="M([\d. L]+)" fill="none" stroke="#\w+" stroke-width="2.25"/g)].map(([, path]) => path!.split('L'));
  assert.equal(curves.map((curve) => curve.length), [13, 13, 13]);
  const heights = curves.map((curve) => Number(curve[12]!.split(' ')[1]));
  assert.ok(heights[0]! < heights[1]! - 50 && heights[1]! <= heights[2]!);
});

test.run();
