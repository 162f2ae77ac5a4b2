/**
 * Reverse mode: from the gradient of an output to the gradients of everything it was computed from.
 *
 * Nodes are visited from the newest to the oldest, so each one is visited after everything that used its outputs; the
 * order, and with it every rounding, is the same in each run. Nothing here is recursive: a chain of 100,000
 * operations is as good as one.
 */
import { copy, full, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { add } from './add.ts';
import { clone } from './clone.ts';
import { type Edge, edgeOf, Node, withRecording } from './record.ts';

/** How a backward pass treats the graph. */
export interface BackwardOptions {
  /** Record the pass itself, so that its results can be differentiated again. Default false. */
  createGraph?: boolean;
  /** Keep the saved values for another pass. Default: `createGraph`. */
  retainGraph?: boolean;
}

/** Options of `grad`. */
export interface GradOptions extends BackwardOptions {
  /** Gradients of the outputs. Default: 1 for each, which must then be scalars. */
  gradOutputs?: readonly Tensor[];
  /** Give zeros for an input that no output depends on, where otherwise an error is thrown. Default false. */
  allowUnused?: boolean;
}

/**
 * Adds the derivative of `y`, weighted by `dy`, to the `grad` of every leaf it depends on. Without `dy`, `y` must be a
 * scalar, and the weight is 1. The graph is freed unless `retainGraph` is set.
 *
 * Throws a ShapeError when `dy` does not have the shape of `y`, and an Error when `y` depends on no leaf that
 * requires a gradient, when the graph has been freed, when a saved value has been overwritten, or when an operation
 * whose backward moves state would run again or be differentiated. In each of these cases nothing is changed.
 * @example
 * ```ts
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * backward(sum(square(x)));
 * toArray(x.grad!); // [2, 4, 6]
 * ```
 */
export function backward(y: Tensor, dy?: Tensor, options: BackwardOptions = {}): void {
  const seed = seedOf('backward', y, dy);
  const leaves = new Map<Tensor, Gradient>();
  run('backward', [{ edge: rootOf('backward', y), gradient: seed }], null, leaves, options);
  withRecording(options.createGraph ?? false, () => {
    for (const [leaf, { value, owned }] of leaves) {
      if (leaf.grad) leaf.grad = add(leaf.grad, value);
      else leaf.grad = owned ? value : clone(value);
    }
  });
}

/**
 * The gradients of `inputs`: of the sum of the outputs, each weighted by its gradient. Writes into no `grad`.
 *
 * Throws as `backward` does, and when an input is not part of the graph (unless `allowUnused`).
 * @example
 * ```ts
 * const x = tensor([2], { requiresGrad: true });
 * const [dx] = grad([sum(pow(x, 3))], [x], { createGraph: true });
 * const [ddx] = grad([sum(dx!)], [x]);
 * toArray(ddx!); // [12]
 * ```
 */
export function grad(outputs: readonly Tensor[], inputs: readonly Tensor[], options: GradOptions = {}): Tensor[] {
  const { gradOutputs, allowUnused = false } = options;
  if (gradOutputs && gradOutputs.length !== outputs.length) {
    throw new RangeError(`grad: gradOutputs must match the ${outputs.length} outputs, got ${gradOutputs.length}`);
  }
  const targets = inputs.map((x, i) => {
    const edge = edgeOf(x);
    if (!edge) throw new Error(`grad: input ${i} does not require a gradient; create it with { requiresGrad: true }`);
    return edge;
  });
  const seeds = outputs.flatMap((y, i) => {
    const gradient = seedOf('grad', y, gradOutputs?.[i]);
    if (allowUnused && !edgeOf(y)) return [];
    return [{ edge: rootOf('grad', y), gradient }];
  });
  const captured = new Map<Tensor | string, Gradient>();
  run('grad', seeds, new Map(targets.map((edge) => [keyOf(edge), edge])), captured, options);
  const taken = new Set<ArrayBufferLike>();
  return withRecording(options.createGraph ?? false, () =>
    inputs.map((x, i) => {
      const found = captured.get(keyOf(targets[i]!));
      if (!found) {
        if (allowUnused) return zeros(x.shape, { dtype: x.dtype });
        throw new Error(`grad: no output depends on input ${i}; pass { allowUnused: true } to get zeros`);
      }
      const shared = !found.owned || taken.has(found.value.data.buffer);
      taken.add(found.value.data.buffer);
      return shared ? clone(found.value) : found.value;
    }),
  );
}

/** A gradient on its way, and whether its memory is ours to add to. */
interface Gradient {
  value: Tensor;
  owned: boolean;
}

/** Identifies an edge: a leaf by itself, an output of a node by its numbers. */
function keyOf(edge: NonNullable<Edge>): Tensor | string {
  return edge instanceof Tensor ? edge : `${(edge.node as Node).id}:${edge.index}`;
}

function rootOf(caller: string, y: Tensor): NonNullable<Edge> {
  const edge = edgeOf(y);
  if (!edge) {
    throw new Error(
      `${caller}: the output depends on no tensor that requires a gradient; create one with { requiresGrad: true }, ` +
        'and compute outside noGrad',
    );
  }
  return edge;
}

function seedOf(caller: string, y: Tensor, dy: Tensor | undefined): Tensor {
  if (!dy) {
    if (y.data.length === 1) return full(y.shape, 1, { dtype: y.dtype });
    throw new ShapeError(`${caller}: an output of shape ${showShape(y.shape)} needs its gradient; pass it, or sum first`);
  }
  if (!sameShape(dy.shape, y.shape) || dy.dtype !== y.dtype) {
    throw new ShapeError(
      `${caller}: the gradient must be like the output, ${y.dtype} ${showShape(y.shape)}, got ${dy.dtype} ` +
        showShape(dy.shape),
    );
  }
  return dy;
}

/** All nodes that the seeds depend on, newest first. */
function reachable(seeds: readonly Edge[]): Node[] {
  const found = new Set<Node>();
  const pending = seeds.slice();
  while (pending.length > 0) {
    const edge = pending.pop()!;
    if (!edge || edge instanceof Tensor) continue;
    const node = edge.node as Node;
    if (found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) pending.push(input);
  }
  return [...found].sort((a, b) => b.id - a.id);
}

/**
 * Carries the seeds backwards. With `targets` only what leads to them is computed, and they are what `into`
 * receives; without, the leaves.
 */
function run(
  caller: string,
  seeds: readonly { edge: NonNullable<Edge>; gradient: Tensor }[],
  targets: ReadonlyMap<Tensor | string, Edge> | null,
  into: Map<Tensor | string, Gradient>,
  { createGraph = false, retainGraph = createGraph }: BackwardOptions,
): void {
  const order = reachable(seeds.map((seed) => seed.edge));
  const wanted = new Set<Node>();
  const wants = (edge: Edge): boolean =>
    edge !== null && (!targets || targets.has(keyOf(edge)) || (!(edge instanceof Tensor) && wanted.has(edge.node as Node)));
  for (let i = order.length - 1; i >= 0; i--) if (order[i]!.inputs.some(wants)) wanted.add(order[i]!);
  for (const node of order) {
    if (node.op.moves && (wanted.has(node) || !node.saved)) checkOnce(caller, node, createGraph);
    if (!node.saved) {
      throw new Error(
        `${caller}: the graph has been freed by an earlier backward (at ${node.op.name}); pass { retainGraph: true } to it`,
      );
    }
    if (wanted.has(node)) checkVersions(caller, node);
  }

  const slots = new Map<Node, (Gradient | undefined)[]>();
  // Weak: a gradient that has been passed on is not to stay in memory until the end of the pass.
  const holders = new WeakMap<ArrayBufferLike, Gradient>();
  const send = (edge: NonNullable<Edge>, value: Tensor, fresh: boolean): void => {
    const holder = holders.get(value.data.buffer);
    if (holder) holder.owned = false;
    const gradient: Gradient = { value, owned: fresh && !holder };
    holders.set(value.data.buffer, gradient);
    if (edge instanceof Tensor) {
      if (!targets || targets.has(edge)) into.set(edge, merge(into.get(edge), gradient, createGraph));
      return;
    }
    const node = edge.node as Node;
    let slot = slots.get(node);
    if (!slot) slots.set(node, (slot = new Array<Gradient | undefined>(node.outputs.length)));
    slot[edge.index] = merge(slot[edge.index], gradient, createGraph);
  };
  withRecording(createGraph, () => {
    for (const { edge, gradient } of seeds) send(edge, gradient, false);
    for (const node of order) {
      const slot = slots.get(node);
      if (!slot) continue;
      slots.delete(node);
      slot.forEach((gradient, index) => {
        if (!gradient) return;
        holders.set(gradient.value.data.buffer, gradient);
        const key = keyOf({ node, index });
        if (targets?.has(key)) into.set(key, { value: gradient.value, owned: false });
      });
      if (wanted.has(node)) visit(node, slot, wants, createGraph, send);
    }
  });
  if (!retainGraph) {
    for (const node of wanted) {
      node.saved = null;
      node.inputs = [];
    }
  }
}

/** Runs the pullback of one node and sends the gradients on. */
function visit(
  node: Node,
  slot: readonly (Gradient | undefined)[],
  wants: (edge: Edge) => boolean,
  createGraph: boolean,
  send: (edge: NonNullable<Edge>, value: Tensor, fresh: boolean) => void,
): void {
  const needs = node.inputs.map(wants);
  const dys = node.outputs.map((shape, i) => slot[i]?.value ?? zeros(shape, { dtype: node.dtype }));
  const { op } = node;
  if (op.moves) node.spent = true;
  const gradients =
    createGraph && op.definition
      ? throughDefinition(node, dys, needs)
      : op.pullback(dys[0]!, node.saved as never, needs, dys);
  node.inputs.forEach((edge, i) => {
    if (!needs[i] || !edge) return;
    const gradient = gradients[i];
    const shape = edge instanceof Tensor ? edge.shape : (edge.node as Node).outputs[edge.index]!;
    if (!gradient) throw new Error(`backward: the pullback of ${op.name} gave no gradient for input ${i}, which needs one`);
    if (!sameShape(gradient.shape, shape)) {
      throw new ShapeError(
        `backward: the pullback of ${op.name} gave shape ${showShape(gradient.shape)} for input ${i} of shape ${showShape(shape)}`,
      );
    }
    const dtype = edge instanceof Tensor ? edge.dtype : (edge.node as Node).dtype;
    if (gradient.dtype !== dtype) {
      throw new TypeError(
        `backward: the pullback of ${op.name} gave ${gradient.dtype} for input ${i}, which is ${dtype}; use cast in it`,
      );
    }
    const buffer = gradient.data.buffer;
    send(edge, gradient, !node.kept.some((kept) => kept.buffer === buffer));
  });
}

/** The gradients of a node by differentiating its definition, so that they can be differentiated again. */
function throughDefinition(node: Node, dys: readonly Tensor[], needs: readonly boolean[]): (Tensor | null)[] {
  const saved = node.saved as { readonly inputs: readonly (Tensor | null)[] };
  const inputs = saved.inputs.map((x) => x && clone(x));
  const outputs = node.op.definition!(inputs, saved as never);
  const asked = inputs.filter((x, i) => needs[i] && x) as Tensor[];
  const gradients = grad(outputs instanceof Tensor ? [outputs] : outputs, asked, {
    gradOutputs: dys,
    createGraph: true,
    allowUnused: true,
  });
  let next = 0;
  return inputs.map((_, i) => (needs[i] ? gradients[next++]! : null));
}

function merge(before: Gradient | undefined, more: Gradient, createGraph: boolean): Gradient {
  if (!before) return more;
  if (createGraph) return { value: add(before.value, more.value), owned: false };
  const target = before.owned ? before : { value: copy(before.value), owned: true };
  const into = target.value.data;
  const from = more.value.data;
  for (let i = 0; i < into.length; i++) into[i]! += from[i]!;
  return target;
}

function checkOnce(caller: string, { op, spent }: Node, createGraph: boolean): void {
  if (spent) {
    throw new Error(
      `${caller}: ${op.name} goes backward once for each forward, because its backward moves state, and this graph has ` +
        'been through; run the forward again, or add the losses up and go backward once',
    );
  }
  if (createGraph) {
    throw new Error(
      `${caller}: ${op.name} has no higher derivative, because its backward moves state and is no derivative; ` +
        'leave createGraph out, or take it in evaluation',
    );
  }
}

function checkVersions(caller: string, node: Node): void {
  for (const { storage, version } of node.kept) {
    if (storage.version !== version) {
      throw new Error(
        `${caller}: a value that ${node.op.name} needs for its gradient has been overwritten since; ` +
          'go backward before writing, or compute on a copy',
      );
    }
  }
}
