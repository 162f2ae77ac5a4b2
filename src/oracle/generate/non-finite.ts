/**
 * Cases with NaN, infinities, huge or tiny numbers in data that are otherwise regular: what is lost must be lost where the
 * definition loses it, and nowhere else.
 */
import type { Chooser } from '../../norms/catalog/entry.ts';
import { answer } from '../answer.ts';
import { judged, worstOf } from '../tolerance.ts';
import { drawNormCase } from './draw-norm-case.ts';
import { firstOf, type Maker } from './made.ts';
import type { NormCase } from './norm-case.ts';
import { isAnswered, isSound } from './sound.ts';
import type { TensorCase } from './tensor-case.ts';

/** What is put at single elements. The square of 1e30 is beyond float32, that of 1e15 is not. */
const planted: readonly number[] = [NaN, Infinity, -Infinity, NaN, Infinity, -Infinity, 1e15, -1e15, 1e30];

/** Powers of two for a whole tensor. None makes numbers that float32 holds with fewer digits: many engines make these 0. */
const exponents: readonly number[] = [40, 55, 100, -70, -100, -120];

/** Exponents from this size on are unusual. */
const unusual = 40;

export const nonFinite: Maker = (entry, choose) =>
  firstOf(() => {
    const drawn = drawNormCase(entry, choose, { among: ['benign'] });
    if (drawn.data.length === 0 || !isSound(drawn)) return null;
    const chosen = choose.oneOf(drawn.data);
    const change = choose.integer(0, 3) === 0 ? scaledBy(choose.oneOf(exponents)) : plantedBy(choose);
    const found = drawn.withData((data, place) => (place === chosen ? change(data) : data));
    return keeps(found) ? { found, keeps, says } : null;
  });

function scaledBy(exponent: number): (data: TensorCase) => TensorCase {
  return (data) => data.with({ exponent });
}

function plantedBy(choose: Chooser): (data: TensorCase) => TensorCase {
  return (data) => {
    const specials = new Map<number, number>();
    for (let count = choose.oneOf([1, 1, 2]); count > 0; count--) {
      specials.set(choose.integer(0, data.integers.length - 1), choose.oneOf(planted));
    }
    return data.with({ specials });
  };
}

function keeps(found: NormCase): boolean {
  return says(found).length > 0 && isAnswered(found) && isSettled(found);
}

/**
 * Whether float32 is enough for the case, and both ways of writing the norm agree on it: where a square overflows, or one
 * order of the same sums gives NaN and another an infinity, right implementations may differ.
 */
function isSettled(found: NormCase): boolean {
  const bounds = judged(found.toCase('float64'), { runs: 8 });
  const asked = found.toCase('float32');
  return worstOf(answer(asked), bounds).ratio <= 1 && worstOf(answer(asked, 'definition'), bounds).ratio <= 16;
}

/** Where the unusual numbers are. */
function says(found: NormCase): string[] {
  return found.data.flatMap((place) => {
    const { specials, exponent } = found.tensors.get(place)!;
    const name = place.slice(place.lastIndexOf('.') + 1);
    const size = Math.abs(exponent) < unusual ? [] : [`${name} of size 2^${exponent}`];
    return [...size, ...[...new Set(specials.values())].map((value) => `${shown(value)} in ${name}`)];
  });
}

function shown(value: number): string {
  return Number.isFinite(value) ? value.toExponential().replace('+', '') : String(value);
}
