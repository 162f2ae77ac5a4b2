/** The command line was called wrongly: reported in one line with a hint, and with exit code 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
