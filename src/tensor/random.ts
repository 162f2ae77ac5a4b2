/**
 * Seeded random numbers. There is no global generator: one is made from a seed and handed to whatever needs it.
 * Only integer operations, comparisons and `+ − × /` are used, so the same seed gives the same bits in every engine.
 *
 * Source: D. Blackman, S. Vigna, Scrambled linear pseudorandom number generators, 2018 (xoshiro128**); the normal
 * deviates are exact, without logarithm or cosine: C. F. F. Karney, Sampling exactly from the normal distribution, 2013.
 */
import { checkShape, type Shape } from './shape.ts';
import { type TensorOptions, zeros } from './create.ts';
import type { Tensor } from './tensor.ts';

/** A stream of random numbers, the same for the same seed. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Throws a RangeError unless `seed` is an integer in [0, 2^53). */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Random: seed must be an integer in [0, 2^53), got ${seed}`);
    }
    let state = (seed ^ Math.imul(Math.floor(seed / 4294967296), 0x9e3779b1)) >>> 0;
    const split = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = split();
    this.#b = split();
    this.#c = split();
    this.#d = split();
  }

  /** The next 32 random bits, as an integer in [0, 2^32). */
  bits(): number {
    const five = Math.imul(this.#b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** A multiple of 2^-53, uniform in [0, 1). */
  uniform(): number {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  /** An integer, uniform in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** A deviate of the normal distribution with mean 0 and variance 1. */
  normal(): number {
    for (;;) {
      const k = this.#halves();
      if (!this.#halvesAll(k * (k - 1))) continue;
      const x = this.uniform();
      let accepted = true;
      for (let i = 0; i <= k && accepted; i++) accepted = this.#exponential((x * (2 * k + x)) / (2 * k + 2));
      if (accepted) return this.bits() & 1 ? k + x : -(k + x);
    }
  }

  /** The numbers 0 … count − 1 in random order (Fisher, Yates). */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const moved = order[i]!;
      order[i] = order[j]!;
      order[j] = moved;
    }
    return order;
  }

  /** True with probability exp(-p), for p in [0, 1]: von Neumann's falling run of uniforms. */
  #exponential(p: number): boolean {
    let length = 0;
    for (let last = p; ; length++) {
      const next = this.uniform();
      if (next >= last) return (length & 1) === 0;
      last = next;
    }
  }

  /** How often exp(-1/2) comes true before it first fails. */
  #halves(): number {
    let count = 0;
    while (this.#exponential(0.5)) count++;
    return count;
  }

  #halvesAll(count: number): boolean {
    for (let i = 0; i < count; i++) if (!this.#exponential(0.5)) return false;
    return true;
  }
}

/** A tensor of independent deviates, uniform in [low, high). */
export function uniform(random: Random, shape: Shape, low = 0, high = 1, options: TensorOptions = {}): Tensor {
  checkShape('uniform', shape);
  const out = zeros(shape, options);
  for (let i = 0; i < out.data.length; i++) out.data[i] = low + (high - low) * random.uniform();
  return out;
}

/** A tensor of independent normal deviates. */
export function normal(random: Random, shape: Shape, mean = 0, std = 1, options: TensorOptions = {}): Tensor {
  checkShape('normal', shape);
  const out = zeros(shape, options);
  for (let i = 0; i < out.data.length; i++) out.data[i] = mean + std * random.normal();
  return out;
}
