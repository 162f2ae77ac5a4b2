/** Statistics and sums over all replicas: those of this process first, and then over the processes in the order of ranks. */
import { allGather } from '../parallel/all-gather.ts';
import type { Communicator } from '../parallel/communicator.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { spatialSize } from './_check.ts';
import { mergeParts, type Part } from './_merge.ts';
import { moments, type View } from './_moments.ts';
import { checkCounts } from './_replicas.ts';

/** x as batch norm reads it. */
export function viewOf(x: Tensor): View {
  return { outer: x.shape[0]!, channel: x.shape[1]!, inner: spatialSize(x) };
}

/** The values of a channel. */
export function countOf(x: Tensor): number {
  return x.shape[0]! * spatialSize(x);
}

/** Count, mean and variance over all replicas of all processes, merged here first and then in the order of ranks. */
export function statisticsOver(caller: string, xs: readonly Tensor[], communicator: Communicator): Part {
  const here = mergeParts(xs.map((x) => ({ count: countOf(x), ...moments(x.data, viewOf(x)) })));
  const channels = here.mean.length;
  const packet = new Float64Array(2 + 2 * channels);
  packet[0] = Math.min(...xs.map(countOf));
  packet[1] = here.count;
  packet.set(here.mean, 2);
  packet.set(here.variance, 2 + channels);
  const packets = allGather(communicator, packet);
  checkCounts(caller, xs, communicator, packets.map((from) => from[0]!), packets.map((from) => from[1]!));
  return mergeParts(
    packets.map((from) => ({
      count: from[1]!,
      mean: from.subarray(2, 2 + channels),
      variance: from.subarray(2 + channels),
    })),
  );
}

/** The values of a channel in all replicas of all processes. */
export function countOver(caller: string, xs: readonly Tensor[], communicator: Communicator): number {
  const counts = xs.map(countOf);
  const here = counts.reduce((total, count) => total + count, 0);
  const packets = allGather(communicator, Float64Array.of(Math.min(...counts), here));
  checkCounts(caller, xs, communicator, packets.map((from) => from[0]!), packets.map((from) => from[1]!));
  return packets.reduce((total, from) => total + from[1]!, 0);
}

/** The two sums of a backward over all replicas of all processes. */
export function sumsOver(
  parts: readonly { readonly scaled: Float64Array; readonly projected: Float64Array }[],
  communicator: Communicator,
): { scaled: Float64Array; projected: Float64Array } {
  const scaled = totalOf(parts.map((part) => part.scaled));
  const channels = scaled.length;
  const packet = new Float64Array(2 * channels);
  packet.set(scaled);
  packet.set(totalOf(parts.map((part) => part.projected)), channels);
  const total = totalOf(allGather(communicator, packet));
  return { scaled: total.subarray(0, channels), projected: total.subarray(channels) };
}

/** The sum of vectors, in their order. */
export function totalOf(vectors: readonly Float64Array[]): Float64Array {
  const total = vectors[0]!.slice();
  for (let r = 1; r < vectors.length; r++) for (let i = 0; i < total.length; i++) total[i]! += vectors[r]![i]!;
  return total;
}
