import type { Socket } from 'node:net';
import type { Addon } from '../engine/addon.ts';

const CHUNK_BYTES_FIRST = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** A view of a reply blob; Node 20 takes none over 4 GiB. */
const WINDOW_BYTES_MAX = 256 * 1024 * 1024;

/** Small replies, copied, or the rest of a reply blob (`blobId` is not negative). */
interface Segment {
  readonly memory: ArrayBuffer | undefined;
  readonly view: Buffer | undefined;
  readonly blobId: number;
  /** Bytes in it, and how many of them have been sent. */
  end: number;
  sent: number;
}

/**
 * One connection's replies that the kernel did not take at once, in order. One write is in flight;
 * what it reads from stays until it has ended, and goes then without waiting for a collection.
 */
export class Outbox {
  readonly #addon: Addon;
  readonly #socket: Socket;
  readonly #onDrain: () => void;
  #segments: Segment[] = [];
  #head = 0;
  #isWriting = false;
  #window: Buffer | undefined;
  #windowBytes = 0;
  /** Bytes that wait, blobs by their length. */
  byteCount = 0;
  /** Bytes handed to the socket since the last `takeSentBytes`. */
  #sentBytes = 0;

  constructor(addon: Addon, socket: Socket, onDrain: () => void) {
    this.#addon = addon;
    this.#socket = socket;
    this.#onDrain = onDrain;
  }

  get isEmpty(): boolean {
    return this.byteCount === 0;
  }

  get segmentCount(): number {
    return this.#segments.length - this.#head;
  }

  takeSentBytes(): number {
    const sentBytes = this.#sentBytes;
    this.#sentBytes = 0;
    return sentBytes;
  }

  /** Copies from[start, end). */
  append(from: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let last = this.#segments.at(-1);
      const isOpen = last?.view !== undefined && last.end < last.view.length;
      if (last === undefined || !isOpen || this.#head === this.#segments.length) {
        const bytes = this.segmentCount === 0 && end - at <= CHUNK_BYTES_FIRST;
        const memory = this.#addon.allocateBlock(bytes ? CHUNK_BYTES_FIRST : CHUNK_BYTES);
        last = { memory, view: Buffer.from(memory), blobId: -1, end: 0, sent: 0 };
        this.#segments.push(last);
      }
      const view = last.view!;
      const taken = Math.min(end - at, view.length - last.end);
      from.copy(view, last.end, at, at + taken);
      last.end += taken;
      at += taken;
    }
    this.byteCount += end - start;
    this.#write();
  }

  /** Takes over a reply blob of which the first `sent` bytes are out already. */
  appendBlob(blobId: number, blobBytes: number, sent: number): void {
    this.#segments.push({ memory: undefined, view: undefined, blobId, end: blobBytes, sent });
    this.byteCount += blobBytes - sent;
    this.#write();
  }

  /** Lets go of everything. The socket has been closed: nothing reads it any more. */
  release(): void {
    this.#dropWindow();
    for (let i = this.#head; i < this.#segments.length; i++) this.#free(this.#segments[i]!);
    this.#segments = [];
    this.#head = 0;
    this.byteCount = 0;
  }

  #write(): void {
    if (this.#isWriting || this.byteCount === 0 || this.#socket.destroyed) return;
    const segment = this.#segments[this.#head]!;
    let window: Buffer;
    if (segment.view !== undefined) {
      window = segment.view.subarray(segment.sent, segment.end);
    } else {
      const bytes = Math.min(segment.end - segment.sent, WINDOW_BYTES_MAX);
      window = this.#addon.replyBlobView(segment.blobId, segment.sent, bytes);
      this.#window = window;
    }
    this.#windowBytes = window.length;
    this.#isWriting = true;
    this.#socket.write(window, this.#onWritten);
  }

  #onWritten = (error?: Error | null): void => {
    this.#isWriting = false;
    // The connection is closing: `release` comes when nothing reads the memory any more.
    if (error || this.#socket.destroyed || this.byteCount === 0) return;
    this.#dropWindow();
    const segment = this.#segments[this.#head]!;
    segment.sent += this.#windowBytes;
    this.byteCount -= this.#windowBytes;
    this.#sentBytes += this.#windowBytes;
    if (segment.sent === segment.end) {
      this.#free(segment);
      this.#head++;
      if (this.#head === this.#segments.length || this.#head >= 1024) {
        this.#segments = this.#segments.slice(this.#head);
        this.#head = 0;
      }
    }
    if (this.byteCount > 0) this.#write();
    else this.#onDrain();
  };

  #dropWindow(): void {
    if (this.#window === undefined) return;
    this.#addon.detach(this.#window.buffer);
    this.#window = undefined;
  }

  #free(segment: Segment): void {
    if (segment.memory !== undefined) this.#addon.freeBlock(segment.memory);
    else this.#addon.replyBlobRelease(segment.blobId);
  }
}
