// Messages that have been published, on their way to the connections of this thread.

import type { Addon, ThreadBlocks } from '../engine/addon.ts';
import type { ReplyBlob, ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Connection } from './connection.ts';
import type { SendBatch } from './send-batch.ts';

/** Larger ones are not copied to where replies are framed. */
const FRAMED_BYTES_MAX = 32 * 1024;
const ARRAY = 0x2a;
const PUSH = 0x3e;

export class Deliveries {
  readonly #addon: Addon;
  readonly #blocks: ThreadBlocks;
  readonly #encoder: ReplyEncoder;
  readonly #replies: SendBatch;

  constructor(addon: Addon, blocks: ThreadBlocks, encoder: ReplyEncoder, replies: SendBatch) {
    this.#addon = addon;
    this.#blocks = blocks;
    this.#encoder = encoder;
    this.#replies = replies;
  }

  /** Delivers the next message. It is framed once for each protocol, however many receive it. */
  next(connections: ReadonlyMap<number, Connection>): void {
    const { numbers } = this.#blocks;
    const count = this.#addon.deliveryNext();
    const headBytes = numbers[2]!;
    const bodyBytes = numbers[3]!;
    const hasFirstByte = numbers[4] === 1;
    const receivers: Connection[] = [];
    for (const index of this.#receivers(count)) {
      const connection = connections.get(index);
      if (connection !== undefined) receivers.push(connection);
    }
    if (bodyBytes > 0 || headBytes > FRAMED_BYTES_MAX) {
      this.#deliverBlobs(receivers, headBytes, bodyBytes, hasFirstByte);
    } else if (!hasFirstByte) {
      this.#deliverFramed(receivers, headBytes, undefined);
    } else {
      this.#deliverFramed(
        receivers.filter(({ resp }) => resp === 2),
        headBytes,
        ARRAY,
      );
      this.#deliverFramed(
        receivers.filter(({ resp }) => resp === 3),
        headBytes,
        PUSH,
      );
    }
    this.#addon.deliveryEnd();
  }

  /** Their numbers. `rows` has room for so many at a time, and is overwritten by what follows. */
  #receivers(count: number): number[] {
    const { rows } = this.#blocks;
    const indices: number[] = [];
    while (indices.length < count) {
      const taken = this.#addon.deliveryConnections(indices.length);
      for (let i = 0; i < taken; i++) indices.push(rows.readUInt32LE(4 * i));
    }
    return indices;
  }

  #deliverFramed(
    receivers: readonly Connection[],
    headBytes: number,
    firstByte: number | undefined,
  ): void {
    if (receivers.length === 0) return;
    const byteCount = headBytes + (firstByte === undefined ? 0 : 1);
    let start = this.#replies.isFull ? -1 : this.#encoder.reserve(byteCount);
    if (start < 0) {
      this.#replies.send();
      this.#encoder.clear();
      start = this.#encoder.reserve(byteCount);
    }
    if (firstByte !== undefined) this.#blocks.out[start] = firstByte;
    const end = start + byteCount;
    this.#addon.deliveryCopy(end - headBytes);
    for (const receiver of receivers) {
      if (this.#replies.isCountFull) this.#replies.send();
      receiver.deliver(start, end);
    }
  }

  #deliverBlobs(
    receivers: readonly Connection[],
    headBytes: number,
    bodyBytes: number,
    hasFirstByte: boolean,
  ): void {
    const keepBlobs = (): ReplyBlob[] => {
      const head = { id: this.#addon.deliveryKeep(0), byteCount: headBytes };
      if (bodyBytes === 0) return [head];
      return [head, { id: this.#addon.deliveryKeep(1), byteCount: bodyBytes }];
    };
    for (const receiver of receivers) {
      if (this.#replies.isFull) {
        this.#replies.send();
        this.#encoder.clear();
      }
      receiver.deliverBlobs(hasFirstByte, keepBlobs, bodyBytes > 0);
    }
  }
}
