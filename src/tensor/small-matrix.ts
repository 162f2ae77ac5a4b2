/** Products of small matrices in double, row-major, for decompositions: without the blocking that large ones want. */

/** `a b` `[rows, columns]` of `a` `[rows, inner]` and `b` `[inner, columns]`. */
export function product(a: Float64Array, b: Float64Array, rows: number, inner: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k]!;
      for (let j = 0, from = k * columns, to = i * columns; j < columns; j++) out[to++]! += factor * b[from++]!;
    }
  }
  return out;
}

/** The transpose `[columns, rows]` of `a` `[rows, columns]`. */
export function transposed(a: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(a.length);
  for (let i = 0, from = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = a[from++]!;
  return out;
}
