// How the bytes of one connection come and go.

import type { Addon } from '../engine/addon.ts';

/** Counts that are answered are of bytes taken: 0 if none can be taken now, negative is -errno. */
export interface Transport {
  /** Of the sockets that the addon watches, which reads, and sends small replies together. -1: it is none of them. */
  readonly slot: number;
  /** Takes of out[start, end); `more` is 1 if more follows at once. */
  send(start: number, end: number, more: number): number;
  /** Takes of out[start, end), and then of a reply blob from `offset` on. */
  sendBlob(start: number, end: number, blobId: number, offset: number): number;
  /** Takes of block[start, end). */
  sendBlock(block: Buffer, start: number, end: number): number;
  /** All that it has taken is with the kernel: closing it loses nothing. */
  readonly isIdle: boolean;
  /** What the connection is told of from now on: bits of `socketEvents`. */
  watch(events: number): void;
  /** @param seconds 0: off. */
  keepAlive(seconds: number): void;
  /** Nothing is told from now on. */
  close(): void;
}

/** A TCP or Unix socket that the addon watches, reads and writes. */
export class SocketTransport implements Transport {
  readonly slot: number;
  readonly isIdle = true;
  readonly #addon: Addon;

  constructor(addon: Addon, slot: number) {
    this.#addon = addon;
    this.slot = slot;
  }

  send(start: number, end: number, more: number): number {
    return this.#addon.socketSend(this.slot, start, end, more);
  }

  sendBlob(start: number, end: number, blobId: number, offset: number): number {
    return this.#addon.socketSendBlob(this.slot, start, end, blobId, offset);
  }

  sendBlock(block: Buffer, start: number, end: number): number {
    return this.#addon.socketSendBlock(this.slot, block, start, end);
  }

  watch(events: number): void {
    this.#addon.socketWatch(this.slot, events);
  }

  keepAlive(seconds: number): void {
    this.#addon.socketKeepAlive(this.slot, seconds);
  }

  close(): void {
    this.#addon.socketClose(this.slot);
  }
}
