import { Tensor } from '../tensor/tensor.ts';
import { heldBy, type Node } from './record.ts';

/**
 * The bytes that the graph behind `y` keeps alive for a backward pass: every array among the saved values, counted
 * once. `except` names tensors that are alive anyway and should not count, as a model's parameters.
 * @example
 * ```ts
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * savedBytes(square(x)); // 12
 * ```
 */
export function savedBytes(y: Tensor, { except = [] }: { except?: Iterable<Tensor> } = {}): number {
  const counted = new Set<ArrayBufferLike>();
  for (const x of except) counted.add(x.data.buffer);
  const visited = new Set<Node>();
  const pending: Node[] = y.source ? [y.source.node as Node] : [];
  let bytes = 0;
  const count = ({ buffer, byteLength }: ArrayBufferView): void => {
    if (counted.has(buffer)) return;
    counted.add(buffer);
    bytes += byteLength;
  };
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (visited.has(node)) continue;
    visited.add(node);
    for (const held of heldBy(node)) count(held instanceof Tensor ? held.data : held);
    for (const edge of node.inputs) if (edge && !(edge instanceof Tensor)) pending.push(edge.node as Node);
  }
  return bytes;
}
