/** `base ** exponent` for an integer of at least 0, by multiplications alone: the same bits in every engine. */
export function integerPower(base: number, exponent: number): number {
  let result = 1;
  for (let rest = exponent, square = base; rest > 0; rest = Math.floor(rest / 2), square *= square) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}
