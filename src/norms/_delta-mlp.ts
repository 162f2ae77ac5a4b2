/** The small network of conditional batch norm: from an embedding to the change of a scale or a shift. */
import { relu } from '../autograd/relu.ts';
import { linear } from '../nn/linear.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkLike } from './_check.ts';

/** Its tensors, by the names they have behind `gamma` or `beta`. */
export interface DeltaMlp {
  /** `[H, E]` */
  readonly HiddenWeight: Tensor;
  /** `[H]` */
  readonly HiddenBias: Tensor;
  /** `[C, H]` */
  readonly OutWeight: Tensor;
  /** `[C]`, or null */
  readonly OutBias: Tensor | null;
}

/** `relu(embedding HiddenWeight^T + HiddenBias) OutWeight^T + OutBias`, `[N, C]`. */
export function deltaMlp(embedding: Tensor, { HiddenWeight, HiddenBias, OutWeight, OutBias }: DeltaMlp): Tensor {
  return linear(relu(linear(embedding, HiddenWeight, HiddenBias)), OutWeight, OutBias);
}

/**
 * The network whose tensors have names that begin with `role`; null when none is there. Throws when some of them are
 * missing, or do not fit an embedding `[N, E]` and x of C channels.
 */
export function deltaMlpOf(
  caller: string,
  role: 'gamma' | 'beta',
  parameters: Readonly<Partial<Record<`${'gamma' | 'beta'}${keyof DeltaMlp}`, Tensor | null>>>,
  embedding: Tensor,
  x: Tensor,
): DeltaMlp | null {
  const [HiddenWeight, HiddenBias, OutWeight, OutBias] = (['HiddenWeight', 'HiddenBias', 'OutWeight', 'OutBias'] as const).map(
    (part) => parameters[`${role}${part}`] ?? null,
  ) as [Tensor | null, Tensor | null, Tensor | null, Tensor | null];
  if (!HiddenWeight && !HiddenBias && !OutWeight && !OutBias) return null;
  if (!HiddenWeight || !HiddenBias || !OutWeight) {
    throw new TypeError(`${caller}: ${role}HiddenWeight, ${role}HiddenBias and ${role}OutWeight go together, got only some of them`);
  }
  const [hidden, features] = HiddenWeight.shape;
  if (HiddenWeight.shape.length !== 2 || features !== embedding.shape[1]) {
    throw new ShapeError(
      `${caller}: ${role}HiddenWeight must be [hidden, ${embedding.shape[1]}] for an embedding of shape ` +
        `${showShape(embedding.shape)}, got ${showShape(HiddenWeight.shape)}`,
    );
  }
  checkLike(caller, `${role}HiddenWeight`, HiddenWeight, HiddenWeight.shape, x);
  checkLike(caller, `${role}HiddenBias`, HiddenBias, [hidden!], x);
  checkLike(caller, `${role}OutWeight`, OutWeight, [x.shape[1]!, hidden!], x);
  checkLike(caller, `${role}OutBias`, OutBias, [x.shape[1]!], x);
  return { HiddenWeight, HiddenBias, OutWeight, OutBias };
}
