/**
 * A generator learns to put points on a ring of eight clusters, taught by a Wasserstein critic, and the critic's
 * Lipschitz bound is measured along the way:
 *
 *     critic loss    = mean(critic(generated)) - mean(critic(real))
 *     generator loss = -mean(critic(generated))
 *     bound          = product of the largest singular values of the critic's weights
 *
 * The rectifiers between the linear layers stretch nothing, so the bound is one on the slope of the whole critic. With
 * spectral norm it is 1, and minus the critic's loss is at most the distance between the two sets of points; without, the
 * critic can lower its loss by being steeper, and does so for as long as it is trained.
 *
 * Run it: node --import tsx examples/spectral-critic.ts [picture.svg]
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Adam,
  backward,
  concat,
  item,
  LeakyReLU,
  Linear,
  maxSingularValue,
  mean,
  neg,
  noGrad,
  normal,
  parametrize,
  Random,
  ReLU,
  Sequential,
  slice,
  SpectralNorm,
  sub,
  type Tensor,
} from '../src/index.ts';
import { picture } from './spectral-critic-picture.ts';

/** What keeps the critic from being steep: nothing, the published power method, or sigma from a decomposition. */
export type Constraint = 'none' | 'power' | 'svd';

/** What is measured after an update of the critic. */
export interface Measured {
  /** Updates of the generator so far. */
  readonly step: number;
  /** The largest slope that the critic can have. */
  readonly bound: number;
  /** Minus the critic's loss: with a bound of 1 an estimate, from below, of the distance of real and generated points. */
  readonly distance: number;
}

/** A training: the networks as it leaves them, and what was measured. */
export interface Trained {
  readonly critic: Sequential;
  readonly generator: Sequential;
  readonly measured: readonly Measured[];
}

export interface TrainingOptions {
  /** Updates of the generator. */
  readonly steps: number;
  readonly seed: number;
  /** Steps between two measurements. Default 10. */
  readonly every?: number;
}

const CLUSTERS = 8;
const RADIUS = 2;
const SPREAD = 0.1;
const HIDDEN = 24;
const BATCH = 64;
/** Updates of the critic for each one of the generator. */
const CRITIC_UPDATES = 3;

/** Points of the ring, `[count, 2]`. */
export function ring(random: Random, count: number): Tensor {
  const points = normal(random, [count, 2], 0, SPREAD);
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * random.integer(CLUSTERS)) / CLUSTERS;
    points.data[2 * i]! += RADIUS * Math.cos(angle);
    points.data[2 * i + 1]! += RADIUS * Math.sin(angle);
  }
  return points;
}

/** A critic of three linear layers; all constraints begin with the same parameters. */
export function createCritic(constraint: Constraint, random: Random): Sequential {
  const layer = (inputs: number, outputs: number): Linear => {
    const plain = new Linear(inputs, outputs, { random });
    return constraint === 'none' ? plain : parametrize(plain, new SpectralNorm({ mode: constraint }));
  };
  return new Sequential(
    layer(2, HIDDEN),
    new LeakyReLU(),
    layer(HIDDEN, HIDDEN),
    new LeakyReLU(),
    layer(HIDDEN, 1),
  );
}

/** Points of the plane from normal deviates. */
export function createGenerator(random: Random): Sequential {
  return new Sequential(
    new Linear(2, HIDDEN, { random }),
    new ReLU(),
    new Linear(HIDDEN, HIDDEN, { random }),
    new ReLU(),
    new Linear(HIDDEN, 2, { random }),
  );
}

/** The product of the largest singular values of the linear layers, with their weights as evaluation uses them. */
export function lipschitzBound(network: Sequential): number {
  return network.layers.reduce(
    (product, layer) => (layer instanceof Linear ? product * item(maxSingularValue(layer.weight)) : product),
    1,
  );
}

/** What is generated from `count` normal deviates. */
export function generate(generator: Sequential, random: Random, count: number): Tensor {
  return generator.forward(normal(random, [count, 2], 0, 1));
}

/** Trains critic and generator against each other. The same seed gives the same bits. */
export function trainCritic(constraint: Constraint, { steps, seed, every = 10 }: TrainingOptions): Trained {
  const random = new Random(seed);
  const critic = createCritic(constraint, random);
  const generator = createGenerator(random);
  const criticOptimizer = new Adam(critic.parameters(), { lr: 2e-3, betas: [0.5, 0.9] });
  const generatorOptimizer = new Adam(generator.parameters(), { lr: 1.5e-3, betas: [0.5, 0.9] });
  const measured: Measured[] = [];
  for (let step = 0; step <= steps; step++) {
    let distance = 0;
    for (let update = 0; update < CRITIC_UPDATES; update++) {
      const generated = noGrad(() => generate(generator, random, BATCH));
      // one forward for both, so that both are judged with the same weight
      const scores = critic.forward(concat([ring(random, BATCH), generated], 0));
      const loss = sub(mean(slice(scores, 0, BATCH, 2 * BATCH)), mean(slice(scores, 0, 0, BATCH)));
      distance = -item(loss);
      criticOptimizer.zeroGrad();
      backward(loss);
      criticOptimizer.step();
    }
    if (step % every === 0) measured.push({ step, bound: lipschitzBound(critic), distance });
    const loss = neg(mean(critic.forward(generate(generator, random, BATCH))));
    generatorOptimizer.zeroGrad();
    backward(loss);
    generatorOptimizer.step();
  }
  return { critic, generator, measured };
}

/** The middle one of the points' distances from the ring's circle. */
export function offRing(points: Tensor): number {
  const distances = Array.from({ length: points.shape[0]! }, (_, i) =>
    Math.abs(Math.hypot(points.data[2 * i]!, points.data[2 * i + 1]!) - RADIUS),
  ).sort((a, b) => a - b);
  return distances[distances.length >> 1]!;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { steps: 500, seed: 1 };
  const real = ring(new Random(2), 400);
  const results = (['none', 'power', 'svd'] as const).map((constraint) => {
    const { generator, measured } = trainCritic(constraint, options);
    const points = noGrad(() => generate(generator, new Random(3), 400));
    const name = constraint === 'none' ? 'plain critic' : `spectral norm, mode ${constraint}`;
    console.log(`\n${name}\n  step       bound  critic's distance`);
    for (const { step, bound, distance } of measured.filter((_, i) => i % 10 === 0)) {
      console.log(`${String(step).padStart(6)}  ${bound.toPrecision(6).padStart(10)}  ${distance.toPrecision(4).padStart(17)}`);
    }
    const bounds = measured.map(({ bound }) => bound);
    console.log(`  bound from ${Math.min(...bounds).toPrecision(7)} to ${Math.max(...bounds).toPrecision(7)}`);
    console.log(`  half of the generated points are within ${offRing(points).toFixed(2)} of the ring`);
    return { name, measured, points };
  });
  const path = process.argv[2];
  if (path !== undefined) {
    writeFileSync(path, picture(results, real));
    console.log(`\nwrote ${path}`);
  }
}
