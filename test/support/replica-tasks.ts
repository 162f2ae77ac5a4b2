/** What replicas do in tests: `data.task` names it. */
import { backward, grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { SyncBatchNorm, syncBatchNorm, syncBatchNormDefinition } from '../../src/norms/sync-batch.ts';
import { batchNormState } from '../../src/norms/batch.ts';
import { allReduceGradients } from '../../src/parallel/all-reduce-gradients.ts';
import { checkCommunicator } from '../../src/parallel/check-communicator.ts';
import type { Communicator } from '../../src/parallel/communicator.ts';
import { fromArray, ones } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { message } from './message.ts';

export interface Task {
  readonly task: keyof typeof tasks;
  readonly shapes?: readonly (readonly number[])[];
}

/** What a replica of a norm ends with. */
export interface NormResult {
  readonly y: number[];
  readonly dx: number[];
  readonly ddx: number[];
  readonly weight: number[];
  readonly bias: number[];
  readonly state: number[][];
}

/** The data of replica `rank`: the same wherever it is made. */
export function replicaData(rank: number, shape: readonly number[]): { x: Tensor; dy: Tensor } {
  const random = new Random(100 + rank);
  return {
    x: fromArray(normal(random, shape, 3 * rank, 2, { dtype: 'float64' }).data, shape, { requiresGrad: true }),
    dy: normal(random, shape, 1, 1, { dtype: 'float64' }),
  };
}

/** The copies of weight and bias that a replica has. */
export function affine(channels: number): { weight: Tensor; bias: Tensor } {
  const weight = fromArray(Float64Array.from({ length: channels }, (_, c) => 1 - c / 4), [channels], { requiresGrad: true });
  return { weight, bias: fromArray(new Float64Array(channels), [channels], { requiresGrad: true }) };
}

function normOf(communicator: Communicator, shapes: Required<Task>['shapes'], call: typeof syncBatchNorm, twice: boolean): NormResult {
  const { x, dy } = replicaData(communicator.rank, shapes[communicator.rank]!);
  const channels = x.shape[1]!;
  const { weight, bias } = affine(channels);
  const state = batchNormState(channels, { dtype: 'float64' });
  const y = call(x, weight, bias, state, { communicator });
  const [dx, dWeight, dBias] = grad([sum(mul(y, dy))], [x, weight, bias], { createGraph: twice });
  const numbers = ({ data }: Tensor): number[] => Array.from(data);
  return {
    y: numbers(y),
    dx: numbers(dx!),
    ddx: twice ? numbers(grad([sum(mul(dx!, dy))], [x])[0]!) : [],
    weight: numbers(dWeight!),
    bias: numbers(dBias!),
    state: [state.runningMean, state.runningVar, state.numBatchesTracked].map(numbers),
  };
}

/** Waits on memory that nobody writes to. */
function sleepForEver(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const tasks = {
  check: (communicator: Communicator) => checkCommunicator(communicator),
  /** Many exchanges of changing lengths, one directly after the other. */
  churn({ rank, size, allReduce }: Communicator): number {
    let wrong = 0;
    for (let round = 0; round < 3000; round++) {
      const values = new Float64Array(round % 5 === 0 ? 5000 : round % 17).fill(rank + round);
      allReduce(values);
      const want = (size * (size - 1)) / 2 + size * round;
      for (const value of values) if (value !== want) wrong++;
    }
    return wrong;
  },
  /** One backward, through the fused form. */
  plain: (communicator: Communicator, { shapes }: Task) => normOf(communicator, shapes!, syncBatchNorm, false),
  /** Second derivatives too, which are those of the definition. */
  fused: (communicator: Communicator, { shapes }: Task) => normOf(communicator, shapes!, syncBatchNorm, true),
  definition: (communicator: Communicator, { shapes }: Task) => normOf(communicator, shapes!, syncBatchNormDefinition, true),
  /** The class, and the gradients of its parameters summed over the replicas. */
  module(communicator: Communicator, { shapes }: Task): number[][] {
    const { x, dy } = replicaData(communicator.rank, shapes![communicator.rank]!);
    const norm = new SyncBatchNorm(x.shape[1]!, { dtype: 'float64', communicator });
    backward(norm.forward(x), dy);
    allReduceGradients(norm.parameters(), communicator);
    return norm.parameters().map(({ grad: gradient }) => Array.from(gradient!.data));
  },
  /** What each replica is told when all of them do something wrong together. */
  mistakes(communicator: Communicator): string[] {
    const { rank, allReduce } = communicator;
    const weight = ones([2]);
    if (rank === 0) weight.grad = ones([2]);
    return [
      message(() => syncBatchNorm(ones([rank === 1 ? 0 : 2, 3]), null, null, null, { communicator })),
      message(() => allReduceGradients([weight], communicator)),
      message(() => allReduce(new Float64Array(3 + rank))),
      message(() => allReduce(new Float64Array(3))),
    ];
  },
  /** Replica 1 fails where the others wait for it; what those see is told. */
  throws: failing(() => {
    throw new RangeError('the data of replica 1 are bad');
  }),
  dies: failing(() => process.exit(3)),
  returns: failing(() => {}),
  sleeps: failing(sleepForEver),
};

function failing(fail: () => void) {
  return (communicator: Communicator, _: Task, tell: (what: unknown) => void): void => {
    communicator.allReduce(Float64Array.of(1));
    if (communicator.rank === 1) return fail();
    try {
      communicator.allReduce(Float64Array.of(1));
    } catch (error) {
      tell((error as Error).message);
      throw error;
    }
  };
}

export function replica(communicator: Communicator, data: Task, tell: (what: unknown) => void): unknown {
  return (tasks[data.task] as (...all: unknown[]) => unknown)(communicator, data, tell);
}
