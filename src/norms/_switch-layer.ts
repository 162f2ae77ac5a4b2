/** What the classes of the switchable norms have in common: parameters, options, the statistics of "bn". */
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount, checkEps, checkMomentum } from './_check.ts';
import type { Statistic } from './_switch.ts';
import { checkStatistics, newSwitchState, resetSwitchState, type SwitchOptions, type SwitchState } from './_switch-state.ts';

/** Options of the classes of the switchable norms. */
export interface SwitchLayerOptions extends Omit<SwitchOptions, 'training'> {
  /** Start with a weight of 0, for the last norm of a residual branch (`last_gamma` of the released code). Default false. */
  zeroWeight?: boolean;
  /** Element type of parameters and state. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/** A module with the parameters `weight` and `bias` `[numFeatures]`, `meanWeight` and `varWeight` `[statistics.length]`. */
export abstract class SwitchLayer extends Module {
  readonly numFeatures: number;
  readonly statistics: readonly Statistic[];
  readonly eps: number;
  readonly momentum: number;
  readonly usingMovingAverage: boolean;
  readonly unbiased: boolean;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly meanWeight: Parameter;
  readonly varWeight: Parameter;
  /** The statistics of "bn" for evaluation; null when it is not among the statistics. */
  readonly state: SwitchState | null;

  constructor(
    caller: string,
    numFeatures: number,
    {
      statistics = ['in', 'ln', 'bn'],
      eps = 1e-5,
      momentum = 0.1,
      usingMovingAverage = true,
      unbiased = false,
      zeroWeight = false,
      dtype = 'float32',
    }: SwitchLayerOptions,
  ) {
    super();
    checkCount(caller, 'numFeatures', numFeatures);
    checkStatistics(caller, statistics);
    checkEps(caller, eps);
    checkMomentum(caller, momentum);
    this.numFeatures = numFeatures;
    this.statistics = statistics.slice();
    this.eps = eps;
    this.momentum = momentum;
    this.usingMovingAverage = usingMovingAverage;
    this.unbiased = unbiased;
    this.weight = new Parameter((zeroWeight ? zeros : ones)([numFeatures], { dtype }));
    this.bias = new Parameter(zeros([numFeatures], { dtype }));
    this.meanWeight = new Parameter(ones([statistics.length], { dtype }));
    this.varWeight = new Parameter(ones([statistics.length], { dtype }));
    this.state = statistics.includes('bn') ? newSwitchState(numFeatures, usingMovingAverage, dtype) : null;
  }

  /** Begins the batch average anew. Throws a TypeError for a norm that keeps moving averages, or nothing. */
  resetBatchAverage(): void {
    if (!this.state?.batchCount) {
      throw new TypeError(
        'resetBatchAverage: the norm must average over batches; make it with { usingMovingAverage: false } and "bn"',
      );
    }
    resetSwitchState(this.state);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}
