/** What runs in each thread of a training with `--workers`; the first one tells how it goes. */
import type { Communicator } from '../../parallel/communicator.ts';
import { type Observer, type Run, trainOnce } from './loop.ts';
import { type TrainNews, type TrainReplicaData, unpack } from './parallel.ts';

export async function replica(
  communicator: Communicator,
  { label, digits, options, stop }: TrainReplicaData,
  tell: (news: TrainNews) => void,
): Promise<Run> {
  const first = communicator.rank === 0;
  const observer: Observer = {
    step({ losses }, ...step) {
      if (first) tell({ step, value: losses[losses.length - 1]! });
    },
    epoch(_, epoch) {
      if (first) tell({ epoch });
    },
    stopped: () => Atomics.load(stop, 0) === 1,
  };
  return trainOnce(label, unpack(digits), options, observer, communicator);
}
