import type { Addon } from '../engine/addon.ts';

const BYTES_FIRST = 4 * 1024;

/** Requests of one client that came while its command was pending, as bytes. */
export class Backlog {
  readonly #addon: Addon;
  #block: Buffer | undefined;
  #memory: ArrayBuffer | undefined;
  #start = 0;
  #end = 0;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  /** Not taken yet. */
  get byteCount(): number {
    return this.#end - this.#start;
  }

  /** Memory that it holds. */
  get heldBytes(): number {
    return this.#block?.length ?? 0;
  }

  /** Copies from[start, end). */
  add(from: Buffer, start: number, end: number): void {
    const more = end - start;
    const kept = this.byteCount;
    if (this.#block === undefined || this.#end + more > this.#block.length) {
      const memory = this.#addon.allocateBlock(Math.max(kept + more, 2 * kept, BYTES_FIRST));
      const block = Buffer.from(memory);
      this.#block?.copy(block, 0, this.#start, this.#end);
      this.release();
      this.#block = block;
      this.#memory = memory;
      this.#end = kept;
    }
    from.copy(this.#block, this.#end, start, end);
    this.#end += more;
  }

  /** Copies its first bytes, at most `max`, to to[0 ...). @returns How many; they stay until `drop`. */
  peek(to: Buffer, max: number): number {
    const taken = Math.min(this.byteCount, max);
    this.#block?.copy(to, 0, this.#start, this.#start + taken);
    return taken;
  }

  /** Lets go of the first bytes. */
  drop(byteCount: number): void {
    this.#start += byteCount;
    if (this.#start >= this.#end) this.release();
  }

  release(): void {
    if (this.#memory !== undefined) this.#addon.freeBlock(this.#memory);
    this.#memory = undefined;
    this.#block = undefined;
    this.#start = 0;
    this.#end = 0;
  }
}
