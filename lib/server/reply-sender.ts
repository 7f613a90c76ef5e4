// What a connection sends: in which order, when, and how much of it may wait.

import type { OutputBufferLimit } from '../config/settings.ts';
import { log } from '../core/log.ts';
import { commandBlock } from '../engine/journal-commands.ts';
import type { ReplySink } from '../resp/reply-encoder.ts';
import type { Connection } from './connection.ts';
import type { ConnectionHost, Traffic } from './connection-host.ts';
import type { Outbox } from './outbox.ts';
import type { Sender } from './send-batch.ts';
import type { Transport } from './transport.ts';

/** Unsent replies of a client that has not said who it is. */
const UNAUTHENTICATED_REPLY_BYTES_MAX = 64 * 1024;
/** Redis counts no replies below it: they lie in the connection's first buffer there (`PROTO_REPLY_CHUNK_BYTES`). */
const UNCOUNTED_REPLY_BYTES_MAX = 16 * 1024;

/**
 * Takes one connection's replies from the encoder. They go to the thread's batch or to the kernel; what
 * that does not take waits in the outbox, as do replies that the journal must be on the disk for.
 * Closes the client that lets too much wait.
 */
export class ReplySender implements ReplySink, Sender {
  readonly slot: number;
  readonly #connection: Connection;
  readonly #host: ConnectionHost;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #traffic: Traffic;
  /** `ThreadBlocks.command`. */
  readonly #block: Int32Array;

  // Where the last message lies in the batch that is being collected.
  #messageSerial = -1;
  #messageRow = 0;
  #lastRow = 0;
  /** The last batch to which replies were added. */
  #lastSerial = -1;

  /** The journal must be on the disk for replies, or has too much to write for them. */
  isHeld = false;
  /** The connection is to be told when the kernel takes more. */
  isAwaitingDrain = false;
  /** Of this turn's replies, what the kernel has taken already. */
  #turnBytes = 0;
  #softSinceMs = 0;

  constructor(connection: Connection, host: ConnectionHost, transport: Transport, outbox: Outbox) {
    this.slot = transport.slot;
    this.#connection = connection;
    this.#host = host;
    this.#transport = transport;
    this.#outbox = outbox;
    this.#traffic = host.traffic;
    this.#block = host.blocks.command;
  }

  /** Nothing that has left the encoder waits. */
  get hasSentAll(): boolean {
    return this.#outbox.isEmpty && !this.isHeld && this.#lastSerial !== this.#host.replies.serial;
  }

  /** What is framed from now on is this connection's. */
  begin(): void {
    this.#turnBytes = 0;
    this.#host.encoder.begin(this, this.#connection.resp);
  }

  sendLater(start: number, end: number): void {
    if (this.#connection.isClosed || this.#connection.isDoomed) return;
    this.#messageSerial = -1;
    if (this.slot < 0 || this.#isCounted(end - start)) {
      this.send(start, end, 0);
    } else if (this.#outbox.isEmpty && !this.holdIfAsked()) {
      this.#traffic.outputBytes += end - start;
      this.#lastRow = this.#host.replies.add(this, start, end);
      this.#lastSerial = this.#host.replies.serial;
    } else {
      this.#leave(start, end);
    }
  }

  onUnsent(start: number, end: number): void {
    if (this.#connection.isClosed) return;
    if (start < 0) {
      this.#connection.close();
      return;
    }
    this.#traffic.outputBytes -= end - start;
    this.#leave(start, end);
  }

  /** Sends out[start, end), a message that has been published, behind all replies so far. */
  deliver(start: number, end: number): void {
    const { replies } = this.#host;
    // Messages for the same listeners lie one behind the other, and go out as one.
    if (this.#messageSerial === replies.serial && replies.extend(this.#messageRow, start, end)) {
      this.#traffic.outputBytes += end - start;
      return;
    }
    this.#turnBytes = 0;
    this.#lastRow = -1;
    this.sendLater(start, end);
    if (this.#lastRow < 0) return;
    this.#messageSerial = replies.serial;
    this.#messageRow = this.#lastRow;
  }

  send(start: number, end: number, more: number): void {
    this.#host.replies.send();
    if (this.#connection.isClosed || start === end || this.#passesLimit(end - start)) return;
    let sent = 0;
    if (this.#maySend(end - start)) {
      sent = this.#transport.send(start, end, more);
      if (sent < 0) {
        this.#connection.closeSoon();
        return;
      }
      this.#traffic.outputBytes += sent;
      this.#turnBytes += sent;
    }
    if (start + sent < end) this.#leave(start + sent, end);
  }

  sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void {
    this.#host.replies.send();
    const framedBytes = end - start;
    let isLost = this.#connection.isClosed || this.#passesLimit(framedBytes + blobBytes);
    let sent = 0;
    if (!isLost && this.#maySend(framedBytes + blobBytes)) {
      sent = this.#transport.sendBlob(start, end, blobId, 0);
      isLost = sent < 0;
      if (isLost) this.#connection.closeSoon();
      else {
        this.#traffic.outputBytes += sent;
        this.#turnBytes += sent;
      }
    }
    if (isLost || sent === framedBytes + blobBytes) {
      this.#host.addon.replyBlobRelease(blobId);
      return;
    }
    if (sent < framedBytes) {
      this.#outbox.append(this.#host.memory.blocks.out, start + sent, end);
      sent = framedBytes;
    }
    this.#outbox.appendBlob(blobId, blobBytes, sent - framedBytes);
    this.awaitDrain();
  }

  sendWithElements(start: number, end: number, elementsId: number, heldBytes: number): void {
    this.#host.replies.send();
    const framedBytes = end - start;
    if (this.#connection.isClosed || this.#passesLimit(framedBytes + heldBytes)) {
      this.#host.addon.elementsRelease(elementsId);
      return;
    }
    const maySend = this.#maySend(framedBytes + heldBytes);
    this.#outbox.append(this.#host.memory.blocks.out, start, end);
    this.#outbox.appendElements(elementsId, heldBytes);
    if (maySend) {
      const sent = this.#outbox.write();
      if (sent < 0) {
        this.#connection.closeSoon();
        return;
      }
      this.#traffic.outputBytes += sent;
      this.#turnBytes += sent;
    }
    if (!this.#outbox.isEmpty) this.awaitDrain();
  }

  /** Whether the kernel may have replies at once: not while a turn's may yet prove too large. */
  #maySend(byteCount: number): boolean {
    if (!this.#outbox.isEmpty || this.holdIfAsked()) return false;
    return this.#connection.isSubscriber || !this.#isCounted(byteCount);
  }

  /** out[start, end) waits until the kernel takes more. */
  #leave(start: number, end: number): void {
    this.#outbox.append(this.#host.memory.blocks.out, start, end);
    this.awaitDrain();
  }

  // --- what waits for the kernel ---

  /** Looks on when the kernel takes more. */
  awaitDrain(): void {
    if (!this.isAwaitingDrain && !this.isHeld) {
      this.isAwaitingDrain = true;
      this.#connection.watchSocket();
    }
    this.checkLimits();
    this.#connection.record.update(this.#host.nowMs); // CLIENT LIST tells who falls behind
  }

  /** The kernel takes more. */
  drain(): void {
    if (this.#connection.isClosed || this.isHeld) return;
    const sent = this.#outbox.write();
    if (sent < 0) {
      this.#connection.close();
      return;
    }
    this.#traffic.outputBytes += sent;
    this.#connection.lastSeenMs = this.#host.nowMs;
    if (!this.#outbox.isEmpty) return;
    this.#softSinceMs = 0;
    this.isAwaitingDrain = false;
    this.#connection.onSent();
  }

  // --- how much may wait ---

  /** Whether `client-output-buffer-limit` has to do with so many bytes of replies more. */
  #isCounted(byteCount: number): boolean {
    return (
      byteCount + this.#turnBytes >= UNCOUNTED_REPLY_BYTES_MAX && this.#outputLimit.hardBytes > 0
    );
  }

  get #outputLimit(): OutputBufferLimit {
    const { pubsubOutput, normalOutput } = this.#host.limits;
    return this.#connection.isSubscriber ? pubsubOutput : normalOutput;
  }

  /**
   * Whether so many bytes more pass the hard limit, also those that the kernel would take: then the
   * client is closed, and what follows of its replies is dropped.
   */
  #passesLimit(more: number): boolean {
    if (this.#connection.isDoomed) return true;
    if (!this.#isCounted(more)) return false;
    if (this.#outbox.byteCount + this.#turnBytes + more < this.#outputLimit.hardBytes) return false;
    this.#closeForOutput();
    return true;
  }

  /** Closes the client that lets too many replies wait. */
  checkLimits(): void {
    const { replyBacklogBytesMax } = this.#host.limits;
    const unsentBytes = this.#outbox.byteCount;
    const { hardBytes, softBytes, softSeconds } = this.#outputLimit;
    let isOver = hardBytes > 0 && unsentBytes >= hardBytes;
    if (this.#connection.isUnauthenticated && unsentBytes > UNAUTHENTICATED_REPLY_BYTES_MAX)
      isOver = true;
    if (softBytes > 0 && unsentBytes >= softBytes) {
      const now = Date.now();
      if (this.#softSinceMs === 0) this.#softSinceMs = now;
      else if (now - this.#softSinceMs >= 1000 * softSeconds) isOver = true;
    } else {
      this.#softSinceMs = 0;
    }
    if (isOver) {
      this.#closeForOutput();
    } else if (unsentBytes > replyBacklogBytesMax) {
      log.warning(
        `Client ${this.#connection.description} closed: its unsent replies pass reply-backlog-max (${replyBacklogBytesMax} bytes)`,
      );
      this.#closeCounted();
    }
  }

  #closeForOutput(): void {
    log.warning(
      `Client ${this.#connection.description} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.#closeCounted();
  }

  #closeCounted(): void {
    if (!this.#connection.isDoomed) this.#host.figures.closedForOutput();
    this.#connection.closeSoon();
  }

  // --- waiting for the journal ---

  /** @returns Whether replies must wait, from those of the command just carried out on. */
  holdIfAsked(): boolean {
    if (this.#block[commandBlock.isHeld] !== 0 && this.#connection.isInTurn) {
      this.#block[commandBlock.isHeld] = 0;
      this.isHeld = true;
      this.#host.hold(this.#connection);
    }
    return this.isHeld;
  }

  /** The journal is so far: sends what has waited. */
  release(): void {
    this.isHeld = false;
    if (this.#outbox.isEmpty) return;
    this.drain();
    if (!this.#connection.isClosed && !this.#outbox.isEmpty) this.awaitDrain();
  }
}
