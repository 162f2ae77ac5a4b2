/**
 * The one way to make an operation differentiable.
 *
 * An operation computes its result with plain loops and then calls `record`, which notes the inputs, the values that
 * the derivative will need (listed one by one) and a pullback: the function that turns the gradient of the output
 * into the gradients of the inputs. The pullback sees nothing but the gradient and the listed values, so what a graph
 * keeps alive can be counted, and freed after use.
 */
import { touch } from '../tensor/assign.ts';
import { type Source, Tensor } from '../tensor/tensor.ts';

/** A differentiable operation: its name in error messages and its derivative. */
export interface Op<Saved extends object> {
  readonly name: string;
  /**
   * The gradients of the inputs, in their order; null where `needs` is false. `dys` has the gradient of every output
   * of an operation that has several; `dy` is the first of them. Must not write into any of its arguments. Written in
   * differentiable primitives, it has derivatives of any order.
   */
  readonly pullback: (dy: Tensor, saved: Saved, needs: readonly boolean[], dys: readonly Tensor[]) => readonly (Tensor | null)[];
  /**
   * The same operation composed from differentiable primitives, for a pullback that is plain loops: higher
   * derivatives are taken of it. Needs the inputs under the saved name `inputs`. Must not change any state.
   */
  readonly definition?: (inputs: readonly (Tensor | null)[], saved: Saved) => Tensor | readonly Tensor[];
  /** True when results are copies of inputs, with no rounding: moves, slices, selections. */
  readonly exact?: boolean;
  /**
   * Names of saved values that are state which the pullback changes, as a published backward that is no derivative may.
   * It then runs once for each graph: a second pass over it is refused, and so is `createGraph`, before anything is
   * changed. Such state is not kept alive by the graph, and others may write to it between forward and backward.
   */
  readonly moves?: readonly string[];
}

/** An edge of the graph, towards the inputs: an output of an earlier node, a leaf that wants a gradient, or nothing. */
export type Edge = Tensor | Source | null;

/** A recorded operation. */
export class Node {
  static #count = 0;
  readonly id: number = Node.#count++;
  readonly op: Op<never>;
  readonly outputs: readonly Tensor['shape'][];
  readonly dtype: Tensor['dtype'];
  inputs: readonly Edge[];
  /** null once freed */
  saved: object | null;
  /** whether the pullback has run; noted for those that run once */
  spent = false;
  /** the saved tensors, to notice later writes into them */
  readonly kept: readonly { readonly storage: Tensor['storage']; readonly version: number; readonly buffer: ArrayBufferLike }[];

  constructor(op: Op<never>, inputs: readonly Edge[], saved: object, outputs: readonly Tensor[]) {
    this.op = op;
    this.inputs = inputs;
    this.saved = saved;
    this.outputs = outputs.map((y) => y.shape);
    this.dtype = outputs[0]!.dtype;
    this.kept = heldBy(this).flatMap((held) =>
      held instanceof Tensor ? [{ storage: held.storage, version: held.storage.version, buffer: held.data.buffer }] : [],
    );
  }
}

let recording = true;
let perturbation: ((data: Tensor['data']) => void) | null = null;

/** Whether operations are being recorded: true outside `noGrad` and the plain `backward`. */
export function isRecording(): boolean {
  return recording;
}

/** Runs `body` with recording switched on or off, and restores the switch even when `body` throws. */
export function withRecording<T>(on: boolean, body: () => T): T {
  const before = recording;
  recording = on;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` without recording: its results need no gradient and keep nothing alive.
 * @example
 * ```ts
 * const x = tensor([1, 2], { requiresGrad: true });
 * noGrad(() => mul(x, 2)).requiresGrad; // false
 * ```
 */
export function noGrad<T>(body: () => T): T {
  return withRecording(false, body);
}

/**
 * Runs `body` while `change` is applied to every freshly rounded result: Monte-Carlo arithmetic, which shows how far
 * rounding can move an answer. Results that are mere copies (reshape, slice, …) are left alone.
 */
export function withPerturbation<T>(change: (data: Tensor['data']) => void, body: () => T): T {
  const before = perturbation;
  perturbation = change;
  try {
    return body();
  } finally {
    perturbation = before;
  }
}

/**
 * Notes that `output` was computed by `op` from `inputs`, and returns it. Nothing is kept when no input needs a
 * gradient or recording is off. This is also how a user defines an operation.
 * @example
 * ```ts
 * const cubeOp = {
 *   name: 'cube',
 *   pullback: (dy: Tensor, { x }: { x: Tensor }) => [mul(dy, mul(3, square(x)))],
 * };
 * function cube(x: Tensor): Tensor {
 *   return record(cubeOp, [x], { x }, fromArray(x.data.map((v) => v * v * v), x.shape));
 * }
 * const x = tensor([1, 2], { requiresGrad: true });
 * backward(sum(cube(x)));
 * toArray(x.grad!); // [3, 12]
 * ```
 */
export function record<Saved extends object>(
  op: Op<Saved>,
  inputs: readonly (Tensor | null)[],
  saved: Saved,
  output: Tensor,
): Tensor {
  recordAll(op, inputs, saved, [output]);
  return output;
}

/** `record` for an operation with several outputs. */
export function recordAll<Saved extends object>(
  op: Op<Saved>,
  inputs: readonly (Tensor | null)[],
  saved: Saved,
  outputs: readonly Tensor[],
): void {
  if (perturbation && !op.exact) {
    for (const output of outputs) {
      perturbation(output.data);
      touch(output);
    }
  }
  if (!recording || !inputs.some((x) => x?.requiresGrad)) return;
  if (outputs.some((y) => y.requiresGrad)) {
    throw new Error(`record: an output of ${op.name} has a history already; make each output a new Tensor, also over shared data`);
  }
  const node = new Node(op as unknown as Op<never>, inputs.map(edgeOf), saved, outputs);
  outputs.forEach((output, index) => {
    output.requiresGrad = true;
    output.source = { node, index };
  });
}

/** The edge that leads to `x`: null when it needs no gradient. */
export function edgeOf(x: Tensor | null): Edge {
  return x?.source ?? (x?.requiresGrad ? x : null);
}

/**
 * `x` without its history: the same data, needing no gradient.
 * @example
 * ```ts
 * const x = tensor([3], { requiresGrad: true });
 * backward(sum(mul(x, detach(x))));
 * toArray(x.grad!); // [3]
 * ```
 */
export function detach(x: Tensor): Tensor {
  return new Tensor(x.data, x.shape, false, x.storage);
}

/**
 * The tensors and typed arrays that a node keeps: those among its saved values, also in lists and in plain objects such
 * as `{ mean, rstd }`, but for the state that its pullback moves.
 */
export function heldBy({ op: { moves }, saved }: Pick<Node, 'op' | 'saved'>): (Tensor | ArrayBufferView)[] {
  const found: (Tensor | ArrayBufferView)[] = [];
  const pending: object[] = saved ? [saved] : [];
  for (let holder = pending.pop(); holder; holder = pending.pop()) {
    for (const name in holder) {
      const value = (holder as Record<string, unknown>)[name];
      if (typeof value !== 'object' || value === null || (moves && holder === saved && moves.includes(name))) continue;
      if (value instanceof Tensor || ArrayBuffer.isView(value)) found.push(value);
      else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) pending.push(value);
    }
  }
  return found;
}
