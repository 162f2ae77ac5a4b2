/**
 * A normalizing flow with ActNorm: an invertible map z = f(x) whose log-determinants add up, so that
 *
 *     log p(x) = log N(f(x); 0, 1) + log|det df/dx|
 *
 * is a density: it integrates to 1 whatever the parameters are. A step of the flow is ActNorm, a rotation and an affine
 * coupling; two of them are fitted here to points along a parabola, by maximum likelihood.
 *
 * Run it: node --import tsx examples/invertible-flow.ts
 */
import { fileURLToPath } from 'node:url';
import {
  ActNorm,
  Adam,
  add,
  backward,
  concat,
  div,
  exp,
  fromArray,
  Linear,
  matmul,
  mean,
  Module,
  mul,
  neg,
  noGrad,
  normal,
  Random,
  slice,
  square,
  sub,
  sum,
  tanh,
  tensor,
  Tensor,
  zeros,
} from '../src/index.ts';

const dtype = 'float64';

/** A result and the log-determinant of each sample's Jacobian: `[N]`, or one number for all. */
export interface Mapped {
  readonly value: Tensor;
  readonly logdet: Tensor;
}

/** An invertible map of points in the plane, `[N, 2]`. */
export abstract class Invertible extends Module {
  abstract override forward(x: Tensor): Mapped;
  abstract inverse(z: Tensor): Mapped;
}

/** A rotation by a fixed angle: it mixes the two coordinates and keeps areas. */
export class Rotation extends Invertible {
  readonly turn: Tensor;
  readonly back: Tensor;

  constructor(angle: number) {
    super();
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    this.turn = tensor([[c, s], [-s, c]], { dtype });
    this.back = tensor([[c, -s], [s, c]], { dtype });
  }

  forward(x: Tensor): Mapped {
    return { value: matmul(x, this.turn), logdet: zeros([], { dtype }) };
  }

  inverse(z: Tensor): Mapped {
    return { value: matmul(z, this.back), logdet: zeros([], { dtype }) };
  }
}

/** `z = [a, b * exp(scale(a)) + shift(a)]` for x = [a, b]: as free as a network of a can make it, and easy to undo. */
export class Coupling extends Invertible {
  readonly hidden: Linear;
  readonly out: Linear;

  constructor(random: Random) {
    super();
    this.hidden = new Linear(1, 16, { random, dtype });
    this.out = new Linear(16, 2, { random, dtype });
  }

  forward(x: Tensor): Mapped {
    const [a, b] = halves(x);
    const [scale, shift] = this.#given(a);
    return { value: concat([a, add(mul(b, exp(scale)), shift)], 1), logdet: sum(scale, { axis: 1 }) };
  }

  inverse(z: Tensor): Mapped {
    const [a, b] = halves(z);
    const [scale, shift] = this.#given(a);
    return { value: concat([a, div(sub(b, shift), exp(scale))], 1), logdet: neg(sum(scale, { axis: 1 })) };
  }

  /** Scale, between -1 and 1, and shift of the second coordinate, for the first one. */
  #given(a: Tensor): [Tensor, Tensor] {
    const [scale, shift] = halves(this.out.forward(tanh(this.hidden.forward(a))));
    return [tanh(scale), shift];
  }
}

/** ActNorm, then a rotation, then a coupling. */
export class FlowStep extends Invertible {
  readonly norm: ActNorm;
  readonly rotation: Rotation;
  readonly coupling: Coupling;

  constructor(angle: number, random: Random) {
    super();
    this.norm = new ActNorm(2, { dtype });
    this.rotation = new Rotation(angle);
    this.coupling = new Coupling(random);
  }

  forward(x: Tensor): Mapped {
    const normed = this.norm.forwardWithLogdet(x);
    const turned = this.rotation.forward(normed.y);
    const coupled = this.coupling.forward(turned.value);
    return { value: coupled.value, logdet: add(add(normed.logdet, turned.logdet), coupled.logdet) };
  }

  inverse(z: Tensor): Mapped {
    const uncoupled = this.coupling.inverse(z);
    const turned = this.rotation.inverse(uncoupled.value);
    const { x, logdet } = this.norm.inverse(turned.value);
    return { value: x, logdet: add(add(uncoupled.logdet, turned.logdet), logdet) };
  }
}

/** Steps one after the other. */
export class Flow extends Invertible {
  readonly steps: readonly Invertible[];

  constructor(...steps: readonly Invertible[]) {
    super();
    this.steps = steps;
  }

  forward(x: Tensor): Mapped {
    let mapped: Mapped = { value: x, logdet: zeros([x.shape[0]!], { dtype }) };
    for (const step of this.steps) {
      const { value, logdet } = step.forward(mapped.value);
      mapped = { value, logdet: add(mapped.logdet, logdet) };
    }
    return mapped;
  }

  inverse(z: Tensor): Mapped {
    let mapped: Mapped = { value: z, logdet: zeros([z.shape[0]!], { dtype }) };
    for (let i = this.steps.length - 1; i >= 0; i--) {
      const { value, logdet } = this.steps[i]!.inverse(mapped.value);
      mapped = { value, logdet: add(mapped.logdet, logdet) };
    }
    return mapped;
  }
}

function halves(x: Tensor): [Tensor, Tensor] {
  return [slice(x, 1, 0, 1), slice(x, 1, 1, 2)];
}

/** `log p(x)` of each point, `[N]`, under a flow to the standard normal distribution of the plane. */
export function logDensity(flow: Invertible, x: Tensor): Tensor {
  const { value, logdet } = flow.forward(x);
  return add(sub(mul(sum(square(value), { axis: 1 }), -0.5), Math.log(2 * Math.PI)), logdet);
}

/** The integral of the density over the square [-extent, extent]^2, as a sum over `points` times `points` cells. */
export function integral(flow: Invertible, extent: number, points: number): number {
  const width = (2 * extent) / points;
  const at = (i: number): number => -extent + (i + 0.5) * width;
  const row = new Float64Array(2 * points);
  let total = 0;
  for (let i = 0; i < points; i++) {
    for (let j = 0; j < points; j++) row.set([at(i), at(j)], 2 * j);
    const density = noGrad(() => exp(logDensity(flow, fromArray(row, [points, 2]))));
    for (const value of density.data) total += value;
  }
  return total * width * width;
}

/** Points along a parabola. */
export function parabola(random: Random, count: number): Tensor {
  const points = normal(random, [count, 2], 0, 1, { dtype });
  for (let i = 0; i < count; i++) points.data[2 * i + 1] = points.data[2 * i]! ** 2 / 2 - 1 + 0.3 * points.data[2 * i + 1]!;
  return points;
}

/** A flow of two steps. */
export function createFlow(random: Random): Flow {
  return new Flow(new FlowStep(Math.PI / 2, random), new FlowStep(Math.PI / 3, random));
}

/** Raises the mean log-likelihood of the points; returns it before each update. The first call initializes ActNorm. */
export function fit(flow: Flow, points: Tensor, updates: number): number[] {
  const optimizer = new Adam(flow.parameters(), { lr: 0.02 });
  const likelihoods: number[] = [];
  flow.train();
  for (let i = 0; i < updates; i++) {
    const likelihood = mean(logDensity(flow, points));
    likelihoods.push(likelihood.data[0]!);
    optimizer.zeroGrad();
    backward(neg(likelihood));
    optimizer.step();
  }
  flow.eval();
  return likelihoods;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const random = new Random(1);
  const flow = createFlow(random);
  const likelihoods = fit(flow, parabola(random, 256), 200);
  console.log(`mean log-likelihood: ${likelihoods[0]!.toFixed(3)} at first, ${likelihoods[likelihoods.length - 1]!.toFixed(3)} fitted`);
  console.log(`integral of the density: ${integral(flow, 12, 120).toFixed(6)}`);
  const points = noGrad(() => flow.inverse(normal(random, [5, 2], 0, 1, { dtype })).value);
  for (let i = 0; i < 5; i++) console.log(`a sample: ${points.data[2 * i]!.toFixed(2)}, ${points.data[2 * i + 1]!.toFixed(2)}`);
}
