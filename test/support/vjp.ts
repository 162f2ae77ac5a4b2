import { grad } from '../../src/autograd/backward.ts';
import { withRecording } from '../../src/autograd/record.ts';
import { copy } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/**
 * The gradient of `f` as a function that can be differentiated: of the inputs of `f` and, last, the gradient of its
 * output. It records even where its caller does not, so that `gradcheck` can also ask it for plain values.
 */
export function vjp(f: (...inputs: Tensor[]) => Tensor): (...values: Tensor[]) => Tensor[] {
  return (...values) =>
    withRecording(true, () => {
      const own = values.map((x) => (x.requiresGrad ? x : copy(x, { requiresGrad: true })));
      const inputs = own.slice(0, -1);
      const dy = own[own.length - 1]!;
      return grad([f(...inputs)], inputs, { gradOutputs: [dy], createGraph: true });
    });
}
