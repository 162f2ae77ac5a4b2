/** What follows a layer: its activation. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/**
 * The factor on the standard deviation of a weight that keeps the size of a signal through `nonlinearity`: 1 for linear
 * and sigmoid, `5 / 3` for tanh, `sqrt(2)` for relu, `sqrt(2 / (1 + slope^2))` for leakyRelu, `3 / 4` for selu:
 * PyTorch's table. Throws a RangeError for another name or a slope that is not finite.
 * @example
 * ```ts
 * gain('leakyRelu', 1); // 1
 * ```
 */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  if (!Number.isFinite(slope)) throw new RangeError(`gain: slope must be finite, got ${slope}`);
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope * slope));
    case 'selu':
      return 0.75;
    default:
      throw new RangeError(
        `gain: nonlinearity must be linear, sigmoid, tanh, relu, leakyRelu or selu, got ${String(nonlinearity)}`,
      );
  }
}
