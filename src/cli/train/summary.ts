import { median } from './format.ts';
import type { Run } from './loop.ts';

/** What a training came to. */
export interface Summary {
  readonly norm: string;
  readonly status: Run['status'];
  /** Mean training loss over the last steps, as many as an epoch has; not finite after a divergence; null before any step. */
  readonly trainLoss: number | null;
  /** Of the last epoch; null when none was finished, or the training diverged. */
  readonly testAccuracy: number | null;
  /** Median over the steps; null before any. */
  readonly msPerStep: number | null;
  readonly savedBytes: number;
  readonly parameters: number;
}

export function summarize(run: Run, stepsPerEpoch: number): Summary {
  const last = run.losses.slice(-stepsPerEpoch);
  const time = median(run.times);
  return {
    norm: run.norm,
    status: run.status,
    trainLoss: last.length > 0 ? last.reduce((sum, loss) => sum + loss, 0) / last.length : null,
    testAccuracy: run.status === 'diverged' ? null : (run.epochs[run.epochs.length - 1]?.testAccuracy ?? null),
    msPerStep: Number.isNaN(time) ? null : time,
    savedBytes: run.savedBytes,
    parameters: run.parameters,
  };
}
