/** Running statistics: what batch norm and its relatives keep from training for evaluation. */
import { assign } from '../tensor/assign.ts';
import { fromArray, ones, zeros } from '../tensor/create.ts';
import type { DType, FloatArray } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkLike } from './_check.ts';

/** Running mean `[C]` and running (unbiased) variance `[C]`. */
export interface RunningStatistics {
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
}

/** Running statistics of a fresh norm: mean 0, variance 1. */
export function newRunning(numFeatures: number, dtype: DType): RunningStatistics {
  return { runningMean: zeros([numFeatures], { dtype }), runningVar: ones([numFeatures], { dtype }) };
}

/**
 * Throws unless the state fits x and no variance is negative. Statistics of something else than the channels of x have
 * their own shape, and names that begin with `role`.
 */
export function checkRunning(caller: string, state: RunningStatistics, x: Tensor, shape: Shape = [x.shape[1]!], role = ''): void {
  const [meanName, varName] = role ? [`${role}RunningMean`, `${role}RunningVar`] : ['runningMean', 'runningVar'];
  checkLike(caller, meanName!, state.runningMean, shape, x);
  checkLike(caller, varName!, state.runningVar, shape, x);
  const channels = shape[shape.length - 1]!;
  for (let i = 0; i < state.runningVar.data.length; i++) {
    if (state.runningVar.data[i]! < 0) {
      const place = shape.length === 1 ? `channel ${i}` : `[${Math.floor(i / channels)}, ${i % channels}]`;
      throw new RangeError(`${caller}: ${varName} must not be negative, got ${state.runningVar.data[i]} at ${place}; it is a variance`);
    }
  }
}

/** `running = (1 - momentum) running + momentum value`, for the mean and the unbiased variance. */
export function updateRunning(
  { runningMean, runningVar }: RunningStatistics,
  mean: ArrayLike<number>,
  unbiased: ArrayLike<number>,
  momentum: number,
): void {
  blend(runningMean, mean, momentum);
  blend(runningVar, unbiased, momentum);
}

/** `target = (1 - momentum) target + momentum value`, element by element. */
export function blend(target: Tensor, value: ArrayLike<number>, momentum: number): void {
  const next: FloatArray = target.data.slice();
  // a weight of 0 leaves the target alone even where the value is not finite
  for (let i = 0; i < next.length && momentum > 0; i++) next[i] = (1 - momentum) * next[i]! + momentum * value[i]!;
  assign(target, fromArray(next, target.shape));
}

/** Biased variances of `count` values as unbiased ones: times `count / (count - 1)`. */
export function unbiased(variance: ArrayLike<number>, count: number): Float64Array {
  return Float64Array.from(variance, (v) => v * (count / (count - 1)));
}
