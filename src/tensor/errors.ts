/** Two shapes, or a shape and an option, do not fit. The message names the function, the invariant and what came. */
export class ShapeError extends Error {
  override readonly name: string = 'ShapeError';
}
