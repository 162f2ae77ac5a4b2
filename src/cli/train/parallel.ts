/** One training on several threads (`--workers`): each has a copy of the network and takes its part of every batch. */
import type { Dataset } from '../../data/dataset.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { runReplicas } from '../replicas.ts';
import type { Digits } from './data.ts';
import type { Epoch, Observer, Run } from './loop.ts';
import type { TrainOptions } from './options.ts';

/** What each replica's thread is given. */
export interface TrainReplicaData {
  readonly label: string;
  readonly digits: PackedDigits;
  readonly options: TrainOptions;
  /** Set to 1 to end after the current step. */
  readonly stop: Int32Array;
}

/** What the first replica tells. */
export type TrainNews =
  | { readonly step: readonly [epoch: number, loss: number, accuracy: number]; readonly value: number }
  | { readonly epoch: Epoch };

/** `trainOnce` with `options.workers` replicas. */
export async function trainParallel(label: string, digits: Digits, options: TrainOptions, observer: Observer): Promise<Run> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const soFar: Run = { norm: label, status: 'running', parameters: 0, savedBytes: 0, losses: [], times: [], epochs: [] };
  const hear = (told: unknown): void => {
    const news = told as TrainNews;
    if ('step' in news) {
      soFar.losses.push(news.value);
      observer.step(soFar, ...news.step);
    } else {
      soFar.epochs.push(news.epoch);
      observer.epoch(soFar, news.epoch);
    }
    if (observer.stopped()) Atomics.store(stop, 0, 1);
  };
  const data: TrainReplicaData = { label, digits: pack(digits), options, stop };
  const file = import.meta.url.endsWith('.ts') ? './replica.ts' : './replica.js';
  const runs = await runReplicas({ module: new URL(file, import.meta.url), size: options.workers, data, hear });
  return runs[0] as Run;
}

/** Digits in memory that all threads read, in plain objects. */
interface PackedDigits extends Omit<Digits, 'train' | 'test'> {
  readonly train: PackedDataset;
  readonly test: PackedDataset;
}

interface PackedDataset extends Omit<Dataset, 'images'> {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

function pack(digits: Digits): PackedDigits {
  return { ...digits, train: packDataset(digits.train), test: packDataset(digits.test) };
}

export function unpack(digits: PackedDigits): Digits {
  return { ...digits, train: unpackDataset(digits.train), test: unpackDataset(digits.test) };
}

function packDataset({ images, labels, classes }: Dataset): PackedDataset {
  const values = new Float32Array(new SharedArrayBuffer(4 * images.data.length));
  values.set(images.data);
  return { values, shape: images.shape, labels, classes };
}

function unpackDataset({ values, shape, labels, classes }: PackedDataset): Dataset {
  return { images: new Tensor(values, shape), labels, classes };
}
