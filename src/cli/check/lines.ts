/** Cuts a stream of bytes into lines. It works on bytes, so that a character split between two chunks stays whole. */

const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of the line that has not ended yet. */
  get held(): number {
    return this.#held;
  }

  /**
   * Hands each line that ends in this chunk to `take`, without its newline. False when a line is longer than the limit:
   * its bytes are dropped, and nothing may be pushed any more.
   */
  push(chunk: Buffer, take: (line: Buffer) => void): boolean {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (!this.#hold(chunk.subarray(from, end))) return false;
      from = end + 1;
      take(this.rest());
    }
    return this.#hold(chunk.subarray(from));
  }

  /** The line that has not ended yet, which is then forgotten. */
  rest(): Buffer {
    const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    return line;
  }

  #hold(part: Buffer): boolean {
    this.#held += part.length;
    if (this.#held > this.#limit) {
      this.#parts = [];
      return false;
    }
    if (part.length > 0) this.#parts.push(part);
    return true;
  }
}
