import { type Addon, EAGAIN } from '../engine/addon.ts';
import type { Transport } from './transport.ts';

const CHUNK_BYTES_FIRST = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Of one client's replies, before the thread's other clients have their turn. */
const TURN_BYTES_MAX = 1024 * 1024;

/** Small replies, copied, or the rest of a reply blob (`blobId` is not negative). */
interface Segment {
  readonly memory: ArrayBuffer | undefined;
  readonly view: Buffer | undefined;
  readonly blobId: number;
  /** Bytes in it, and how many of them have been sent. */
  end: number;
  sent: number;
}

/** One connection's replies that the kernel did not take at once, in order. */
export class Outbox {
  readonly #addon: Addon;
  readonly #transport: Transport;
  #segments: Segment[] = [];
  #head = 0;
  /** Bytes that wait, blobs by their length. */
  byteCount = 0;
  /** The most of them that has waited at a time. */
  peakBytes = 0;
  /** Of them those of blobs. */
  blobBytes = 0;
  /** Memory of the blocks that the others are copied to. */
  blockBytes = 0;

  constructor(addon: Addon, transport: Transport) {
    this.#addon = addon;
    this.#transport = transport;
  }

  get isEmpty(): boolean {
    return this.byteCount === 0;
  }

  get copiedBytes(): number {
    return this.byteCount - this.blobBytes;
  }

  get segmentCount(): number {
    return this.#segments.length - this.#head;
  }

  /** Copies from[start, end). */
  append(from: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let last = this.#segments.at(-1);
      const isOpen = last?.view !== undefined && last.end < last.view.length;
      if (last === undefined || !isOpen || this.#head === this.#segments.length) {
        const isFirst = this.segmentCount === 0 && end - at <= CHUNK_BYTES_FIRST;
        const memory = this.#addon.allocateBlock(isFirst ? CHUNK_BYTES_FIRST : CHUNK_BYTES);
        this.blockBytes += memory.byteLength;
        last = { memory, view: Buffer.from(memory), blobId: -1, end: 0, sent: 0 };
        this.#segments.push(last);
      }
      const view = last.view!;
      const taken = Math.min(end - at, view.length - last.end);
      from.copy(view, last.end, at, at + taken);
      last.end += taken;
      at += taken;
    }
    this.#grow(end - start);
  }

  #grow(byteCount: number): void {
    this.byteCount += byteCount;
    if (this.byteCount > this.peakBytes) this.peakBytes = this.byteCount;
  }

  /** Takes over a reply blob of which the first `sent` bytes are out already. */
  appendBlob(blobId: number, blobBytes: number, sent: number): void {
    this.#segments.push({ memory: undefined, view: undefined, blobId, end: blobBytes, sent });
    this.blobBytes += blobBytes - sent;
    this.#grow(blobBytes - sent);
  }

  /** Sends what the kernel takes now. @returns Bytes sent, or -errno. */
  write(): number {
    let total = 0;
    while (this.byteCount > 0 && total < TURN_BYTES_MAX) {
      const segment = this.#segments[this.#head]!;
      const sent = this.#send(segment);
      if (sent < 0 && sent !== EAGAIN) return sent;
      if (sent <= 0) break;
      segment.sent += sent;
      this.byteCount -= sent;
      if (segment.view === undefined) this.blobBytes -= sent;
      total += sent;
      if (segment.sent === segment.end) this.#dropHead(segment);
    }
    return total;
  }

  /** Lets go of everything. */
  release(): void {
    for (let i = this.#head; i < this.#segments.length; i++) this.#free(this.#segments[i]!);
    this.#segments = [];
    this.#head = 0;
    this.byteCount = 0;
    this.blobBytes = 0;
  }

  #send({ view, blobId, sent, end }: Segment): number {
    if (view === undefined) return this.#transport.sendBlob(0, 0, blobId, sent);
    return this.#transport.sendBlock(view, sent, end);
  }

  #dropHead(segment: Segment): void {
    this.#free(segment);
    this.#head++;
    if (this.#head === this.#segments.length || this.#head >= 1024) {
      this.#segments = this.#segments.slice(this.#head);
      this.#head = 0;
    }
  }

  #free(segment: Segment): void {
    if (segment.memory !== undefined) {
      this.blockBytes -= segment.memory.byteLength;
      this.#addon.freeBlock(segment.memory);
    } else this.#addon.replyBlobRelease(segment.blobId);
  }
}
