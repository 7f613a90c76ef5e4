import { type Addon, EAGAIN } from '../engine/addon.ts';
import type { Transport } from './transport.ts';

const CHUNK_BYTES_FIRST = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Of one client's replies, before the thread's other clients have their turn. */
const TURN_BYTES_MAX = 1024 * 1024;

/** Elements of a tensor are framed so many bytes at a time. */
const ELEMENTS_CHUNK_BYTES = 64 * 1024;
/** Of them in a turn: framing takes longer than sending, about 10 ns a byte. */
const ELEMENTS_TURN_BYTES_MAX = 256 * 1024;

/** Memory of copied replies. Those on both sides of a blob share one: a model may go out in thousands of blobs. */
interface Block {
  readonly memory: ArrayBuffer;
  readonly view: Buffer;
  /** Bytes that are filled. */
  used: number;
  /** Segments that lie in it and are not sent. */
  segmentCount: number;
}

/** Small replies, copied, the rest of a reply blob (`blobId` is not negative), or a tensor's elements (`elementsId` is not negative). */
interface Segment {
  /** Of elements where those lie that are framed; of a blob none. */
  block: Block | undefined;
  readonly blobId: number;
  readonly elementsId: number;
  /** Where it ends, in its block or blob, and up to where it has been sent. */
  end: number;
  sent: number;
}

/** One connection's replies that the kernel did not take at once, in order. */
export class Outbox {
  readonly #addon: Addon;
  readonly #transport: Transport;
  #segments: Segment[] = [];
  #head = 0;
  /** The block that is being filled. */
  #open: Block | undefined;
  /** Bytes that wait, blobs by their length. */
  byteCount = 0;
  /** The most of them that has waited at a time. */
  peakBytes = 0;
  /** Of them those of blobs, and of tensors whose elements are not framed yet. */
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
      if (this.#open === undefined || this.#open.used === this.#open.view.length) {
        const isFirst = this.segmentCount === 0 && end - at <= CHUNK_BYTES_FIRST;
        this.#open = this.#allocate(isFirst ? CHUNK_BYTES_FIRST : CHUNK_BYTES);
      }
      const block = this.#open;
      let last = this.#segments.at(-1);
      if (last?.block !== block || this.#head === this.#segments.length) {
        last = { block, blobId: -1, elementsId: -1, end: block.used, sent: block.used };
        block.segmentCount++;
        this.#segments.push(last);
      }
      const taken = Math.min(end - at, block.view.length - block.used);
      from.copy(block.view, block.used, at, at + taken);
      block.used += taken;
      last.end = block.used;
      at += taken;
    }
    this.#grow(end - start);
  }

  #allocate(byteCount: number): Block {
    const memory = this.#addon.allocateBlock(byteCount);
    this.blockBytes += byteCount;
    return { memory, view: Buffer.from(memory), used: 0, segmentCount: 0 };
  }

  #grow(byteCount: number): void {
    this.byteCount += byteCount;
    if (this.byteCount > this.peakBytes) this.peakBytes = this.byteCount;
  }

  /** Takes over a reply blob of which the first `sent` bytes are out already. */
  appendBlob(blobId: number, blobBytes: number, sent: number): void {
    this.#segments.push({ block: undefined, blobId, elementsId: -1, end: blobBytes, sent });
    this.blobBytes += blobBytes - sent;
    this.#grow(blobBytes - sent);
  }

  /** Takes over the elements of a tensor of `heldBytes`, which count for what waits until they are framed. */
  appendElements(elementsId: number, heldBytes: number): void {
    this.#segments.push({ block: undefined, blobId: -1, elementsId, end: 0, sent: 0 });
    this.blobBytes += heldBytes;
    this.#grow(heldBytes);
  }

  /** Frames the next elements in place of those that have been sent. */
  #frame(segment: Segment): void {
    const { elementsId } = segment;
    segment.block ??= { ...this.#allocate(ELEMENTS_CHUNK_BYTES), segmentCount: 1 };
    const before = this.#addon.elementsLeftBytes(elementsId);
    segment.end = this.#addon.elementsFrame(elementsId, segment.block.view);
    segment.sent = 0;
    const taken = before - this.#addon.elementsLeftBytes(elementsId);
    this.blobBytes -= taken;
    this.#grow(segment.end - taken);
  }

  /** Nothing of it is left to be sent. */
  #isDone(segment: Segment): boolean {
    if (segment.sent < segment.end) return false;
    return segment.elementsId < 0 || this.#addon.elementsLeftBytes(segment.elementsId) === 0;
  }

  /** Sends what the kernel takes now. @returns Bytes sent, or -errno. */
  write(): number {
    let total = 0;
    let totalMax = TURN_BYTES_MAX;
    while (this.byteCount > 0 && total < totalMax) {
      const segment = this.#segments[this.#head]!;
      if (segment.elementsId >= 0) {
        totalMax = ELEMENTS_TURN_BYTES_MAX;
        if (segment.sent === segment.end) this.#frame(segment);
      }
      const sent = this.#send(segment);
      if (sent < 0 && sent !== EAGAIN) return sent;
      if (sent <= 0) break;
      segment.sent += sent;
      this.byteCount -= sent;
      if (segment.blobId >= 0) this.blobBytes -= sent;
      total += sent;
      if (this.#isDone(segment)) this.#dropHead(segment);
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

  #send({ block, blobId, sent, end }: Segment): number {
    if (blobId >= 0) return this.#transport.sendBlob(0, 0, blobId, sent);
    return this.#transport.sendBlock(block!.view, sent, end);
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
    if (segment.block !== undefined) this.#leaveBlock(segment.block);
    if (segment.blobId >= 0) this.#addon.replyBlobRelease(segment.blobId);
    if (segment.elementsId >= 0) this.#addon.elementsRelease(segment.elementsId);
  }

  #leaveBlock(block: Block): void {
    block.segmentCount--;
    if (block.segmentCount > 0) return;
    if (block === this.#open) this.#open = undefined;
    this.blockBytes -= block.memory.byteLength;
    this.#addon.freeBlock(block.memory);
  }
}
