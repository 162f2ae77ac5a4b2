/** The end of a stream of any length, in little memory. */
export class Tail {
  readonly #size: number;
  #kept: Buffer = Buffer.alloc(0);

  constructor(size: number) {
    this.#size = size;
  }

  push(chunk: Buffer): void {
    // a copy: a view would keep the whole chunk alive
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(-this.#size)]).subarray(-this.#size);
  }

  /** As text; a character that was cut at the beginning is left out. */
  text(): string {
    let from = 0;
    while (from < Math.min(3, this.#kept.length) && (this.#kept[from]! & 0xc0) === 0x80) from++;
    return this.#kept.toString('utf8', from);
  }
}
