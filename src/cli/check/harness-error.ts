/** What goes wrong with a foreign harness, as opposed to what it answers wrongly. */

/**
 * `start`: the command could not be run, or it ended before it introduced itself. `died`: it ended later, without being
 * asked to. `timeout`: it did not write in time. `protocol`: it wrote something else than what was asked for.
 */
export type HarnessErrorKind = 'start' | 'died' | 'timeout' | 'protocol';

/** The message says what was expected, what came and what the likely remedy is. */
export class HarnessError extends Error {
  override readonly name = 'HarnessError';
  readonly kind: HarnessErrorKind;
  /** The end of what the harness wrote to its standard error. */
  readonly stderr: string;

  constructor(kind: HarnessErrorKind, message: string, stderr = '') {
    super(message);
    this.kind = kind;
    this.stderr = stderr;
  }
}
