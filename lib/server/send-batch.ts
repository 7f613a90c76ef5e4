import type { Addon } from '../engine/addon.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';

/** Whose replies are sent together. */
export interface Sender {
  readonly slot: number;
  /** out[start, end) was left over, which the kernel did not take; a negative `start` is -errno. */
  onUnsent(start: number, end: number): void;
}

/**
 * The small replies of one turn of the event loop: they lie one after the other in the thread's `out`
 * block and go out in one native call, after all requests of the turn have been carried out, as Redis
 * does it (`beforeSleep`).
 */
export class SendBatch {
  readonly #addon: Addon;
  readonly #encoder: ReplyEncoder;
  readonly #sends: Int32Array;
  #senders: Sender[] = [];
  /** The last turn's, used again. */
  #sent: Sender[] = [];
  #serial = 0;
  readonly #countMax: number;

  constructor(addon: Addon, encoder: ReplyEncoder, sends: Int32Array) {
    this.#addon = addon;
    this.#encoder = encoder;
    this.#sends = sends;
    this.#countMax = sends.length / 3;
  }

  get isFull(): boolean {
    return this.isCountFull || this.#encoder.isFilling;
  }

  /** There is no room for another sender. */
  get isCountFull(): boolean {
    return this.#senders.length === this.#countMax;
  }

  /** There is room unless `isCountFull`. @returns Which row of the batch it is. */
  add(sender: Sender, start: number, end: number): number {
    const row = this.#senders.push(sender) - 1;
    const at = 3 * row;
    const sends = this.#sends;
    sends[at] = sender.slot;
    sends[at + 1] = start;
    sends[at + 2] = end;
    return row;
  }

  /** Which batch this is: rows of another one mean nothing. */
  get serial(): number {
    return this.#serial;
  }

  /** Adds out[start, end) to the last row of a sender, if it ends where this begins. */
  extend(row: number, start: number, end: number): boolean {
    const at = 3 * row + 2;
    if (this.#sends[at] !== start) return false;
    this.#sends[at] = end;
    return true;
  }

  /** Sends what was added. The encoder may go on with the reply that it is framing. */
  send(): void {
    const senders = this.#senders;
    const count = senders.length;
    if (count === 0) return;
    this.#serial++;
    // What is left over may close its client, which sends again.
    this.#senders = this.#sent;
    this.#sent = [];
    const sends = this.#sends;
    if (this.#addon.socketSendMany(count) > 0) {
      for (let i = 0; i < count; i++) {
        const start = sends[3 * i + 1]!;
        const end = sends[3 * i + 2]!;
        if (start !== end) senders[i]!.onUnsent(start, end);
      }
    }
    senders.length = 0;
    this.#sent = senders;
  }
}
