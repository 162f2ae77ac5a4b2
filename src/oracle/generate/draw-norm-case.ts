/** Draws a case of a norm: choices by its entry, data by a regime. */
import type { Chooser, Draft, Entry } from '../../norms/catalog/entry.ts';
import { type Shape, sizeOf } from '../../tensor/shape.ts';
import { generateData, type Regime, regimes } from './data.ts';
import { NormCase } from './norm-case.ts';
import { extentOf, type Place, placesOf } from './places.ts';
import { TensorCase } from './tensor-case.ts';

/** What to draw. */
export interface NormCaseOptions {
  /** Kinds of data. Default: all. */
  readonly among?: readonly Regime[];
  /** A further condition, kept while shrinking. */
  readonly fits?: (found: NormCase) => boolean;
}

/** A case of a norm. Throws when no case in 1000 fits. */
export function drawNormCase(entry: Entry, choose: Chooser, { among = regimes, fits = () => true }: NormCaseOptions = {}): NormCase {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const found = fillDraft(entry, entry.draw(choose), choose, among);
    if (found && fits(found)) return found;
  }
  throw new Error(`drawNormCase: no case of ${entry.slug} in 1000 fits; its draft or the condition is too narrow`);
}

/** The case of a draft, with data of one of the regimes; null when its choices do not go together. */
export function fillDraft(entry: Entry, draft: Draft, choose: Chooser, among: readonly Regime[]): NormCase | null {
  const plan = entry.plan(draft);
  if (!plan) return null;
  const regime = choose.oneOf(among);
  const tensors = new Map<string, TensorCase>();
  for (const [place, { axes, filling, below }] of placesOf(plan)) {
    tensors.set(place, fill(choose, axes.map((axis) => extentOf(draft, axis)), filling, regime, below));
  }
  return new NormCase(entry, draft, plan, tensors);
}

function fill(choose: Chooser, shape: Shape, filling: Place['filling'], regime: Regime, below = 1): TensorCase {
  const size = sizeOf(shape);
  const draw = (low: number, high: number): number[] => Array.from({ length: size }, () => choose.integer(low, high));
  switch (filling) {
    case 'data':
      return generateData(choose, shape, regime);
    case 'weights':
      return generateData(choose, shape, 'benign');
    case 'parameter':
      return new TensorCase(shape, draw(-32, 32), -4);
    case 'positive':
      return new TensorCase(shape, draw(1, 32), -4);
    case 'nonzero':
      return new TensorCase(shape, draw(-32, 31).map((integer) => (integer < 0 ? integer : integer + 1)), -4);
    case 'zero':
      return new TensorCase(shape, new Array<number>(size).fill(0));
    case 'minus one':
      return new TensorCase(shape, new Array<number>(size).fill(-1));
    case 'one':
      return new TensorCase(shape, new Array<number>(size).fill(1));
    case 'index':
      return new TensorCase(shape, draw(0, below - 1));
  }
}
