import { grad } from '../../src/autograd/backward.ts';
import { noGrad, type Op, recordAll, withRecording } from '../../src/autograd/record.ts';
import { copy } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

type Several = (...inputs: Tensor[]) => Tensor[];

/**
 * `f` as an operation whose graph may go backward any number of times, for an f whose own graph may once: each pass runs
 * f anew. f must give the same each time, so it makes its state anew as well.
 */
export function replayed(f: Several): Several {
  return (...inputs) => {
    const outputs = noGrad(() => f(...inputs));
    recordAll(replayOp, inputs, { inputs, f }, outputs);
    return outputs;
  };
}

const replayOp: Op<{ inputs: readonly Tensor[]; f: Several }> = {
  name: 'replayed',
  pullback(_, { inputs, f }, needs, dys) {
    const leaves = inputs.map((x, i) => copy(x, { requiresGrad: needs[i]! }));
    const found = withRecording(true, () =>
      grad(f(...leaves), leaves.filter((x) => x.requiresGrad), { gradOutputs: dys, allowUnused: true }),
    );
    let next = 0;
    return needs.map((needed) => (needed ? found[next++]! : null));
  },
};
