/** How much a harness may write, and how long it is waited for. No wait and no buffer of the driver is without a limit. */

export interface Limits {
  /** Bytes of one line. */
  readonly line: number;
  /** Blank lines between two messages. */
  readonly blankLines: number;
  /** Bytes kept of the end of standard error. */
  readonly stderr: number;
  /** Milliseconds that a harness has to end after it was told to stop. */
  readonly grace: number;
  /** Milliseconds between the request to terminate and the kill that cannot be refused. */
  readonly kill: number;
  /** Milliseconds that one end of a harness (process, input, output) may outlive another. */
  readonly drain: number;
}

export const limits: Limits = { line: 2 ** 26, blankLines: 1000, stderr: 4096, grace: 5000, kill: 500, drain: 2000 };

/**
 * A timer for a verdict. What came while this process was busy is heard before it: timers ring first after a pause. The
 * limit may be more than timers can count, which would make them ring at once.
 */
export function after(milliseconds: number, verdict: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(verdict), Math.min(milliseconds, 2 ** 31 - 1));
}

/** What a harness sent, for a message. JSON can be read at any depth, but not written. */
export function quoted(value: unknown): string {
  try {
    return brief(JSON.stringify(value));
  } catch {
    return 'a message that is nested too deeply to be shown';
  }
}

/** The text for a message, cut to a length that can be read. */
export function brief(text: string, length = 200): string {
  return text.length > length ? `${text.slice(0, length)}… (${text.length} characters)` : text;
}
