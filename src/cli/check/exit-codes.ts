/** What the exit code of `normgrad check` and `normgrad replay` says. */
export const exitCodes = {
  passed: 0,
  mismatch: 1,
  usage: 2,
  /** The harness could not start, died, timed out, broke the protocol, or answered the same case in two ways. */
  harness: 3,
  /** No case was judged. */
  nothing: 4,
  /** 128 + the number of SIGINT. */
  interrupted: 130,
} as const;
