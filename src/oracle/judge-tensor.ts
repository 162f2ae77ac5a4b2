/** One tensor of an answer against the right one: its worst element. */
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { showPair } from './show-number.ts';
import { ratioOf } from './tolerance.ts';

/** The worst element of a failing tensor. */
export interface Finding {
  readonly call: number;
  readonly part: 'outputs' | 'grads' | 'stateAfter';
  readonly name: string;
  readonly index: readonly number[];
  readonly got: number;
  readonly want: number;
  readonly absolute: number;
  /** absolute / |want| */
  readonly relative: number;
  /** absolute error in units of what rounding explains */
  readonly ratio: number;
  /** What is wrong with the tensor as a whole: `missing`, `of shape [2] instead of [3]`. The numbers say nothing then. */
  readonly note?: string;
}

/** The dtype of an answer, and how many times what rounding explains is allowed. */
export interface Limits {
  readonly dtype: DType;
  readonly factor: number;
}

const largest: Readonly<Record<DType, number>> = { float32: 3.4028234663852886e38, float64: 1.7976931348623157e308 };

/** The element of `got` that is farthest off for what it is allowed; among those infinitely far, the one most off. */
export function worstElement(
  got: Tensor,
  want: Tensor,
  allowed: Tensor,
  limits: Limits,
): Pick<Finding, 'index' | 'got' | 'want' | 'absolute' | 'relative' | 'ratio'> {
  let at = 0;
  let ratio = -1;
  let absolute = 0;
  for (let k = 0; k < want.data.length; k++) {
    const off = errorOf(got.data[k]!, want.data[k]!);
    const here = ratioAt(got.data[k]!, want.data[k]!, allowed.data[k]!, limits);
    if (here > ratio || (here === ratio && here > 0 && off > absolute)) {
      at = k;
      ratio = here;
      absolute = off;
    }
  }
  const value = want.data[at] ?? NaN;
  return {
    index: indexOf(at, want.shape),
    got: got.data[at] ?? NaN,
    want: value,
    absolute,
    relative: absolute === 0 ? 0 : absolute / Math.abs(value),
    ratio: Math.max(ratio, 0),
  };
}

/** |got - want|: 0 for the same, Infinity where one is no number. */
function errorOf(got: number, want: number): number {
  if (Object.is(got, want)) return 0;
  const off = Math.abs(got - want);
  return Number.isNaN(off) ? Infinity : off;
}

/** `ratioOf`, in a dtype that holds no number above some largest: what may lie beyond that may be infinite. */
function ratioAt(got: number, want: number, allowed: number, { dtype, factor }: Limits): number {
  const ratio = ratioOf(got, want, allowed);
  if (ratio < Infinity || Math.abs(got) !== Infinity || got * want <= 0) return ratio;
  const left = Math.max(0, largest[dtype] - Math.abs(want));
  return left <= factor * allowed ? left / allowed : Infinity;
}

function indexOf(at: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = at;
  for (const extent of shape.slice().reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

/** Where an element is: `call 0, grads x[1, 2]`. */
export function placeOf({ call, part, name, index }: Finding): string {
  return `call ${call}, ${part} ${name}${index.length > 0 ? `[${index.join(', ')}]` : ''}`;
}

/** A finding in a few words. */
export function showFinding(finding: Finding): string {
  if (finding.note !== undefined) return `${placeOf(finding)} is ${finding.note}`;
  const [got, want] = showPair(finding.got, finding.want);
  return `${placeOf(finding)}: got ${got}, want ${want}`;
}
