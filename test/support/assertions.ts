/** Assertions about tensors and errors. */
import * as assert from 'uvu/assert';
import { type Nested, tensor } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Asserts the shape and every element, within `tolerance` times the larger of 1 and the element. */
export function assertClose(got: Tensor, want: Nested | Tensor, tolerance: number): void {
  const expected = typeof want === 'object' && 'data' in want ? want : tensor(want, { dtype: 'float64' });
  assert.equal(got.shape, expected.shape);
  for (let i = 0; i < expected.data.length; i++) {
    const a = got.data[i]!;
    const b = expected.data[i]!;
    const fine = Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
    assert.ok(fine, `element ${i}: got ${a}, want ${b}`);
  }
}

/** Asserts that `body` throws an error of this name whose message matches. */
export function assertThrows(body: () => unknown, name: string, message: RegExp): void {
  try {
    body();
  } catch (error) {
    assert.is((error as Error).name, name, `an error named ${name}, got ${String(error)}`);
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable(`no error; expected ${name} ${message}`);
}
