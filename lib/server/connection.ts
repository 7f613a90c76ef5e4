// One client: reads its requests and has them carried out in order, from its first byte to its end.

import type { Command, Completion, OwnTicket } from '../commands/command.ts';
import { ProtocolError, ReplyError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, codes, EAGAIN, socketEvents } from '../engine/addon.ts';
import { commandBlock } from '../engine/journal-commands.ts';
import type { ReplyBlob, ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { QueryBufferExceeded, RequestDecoder, type RequestSink } from '../resp/request-decoder.ts';
import { Backlog } from './backlog.ts';
import { ClientState } from './client-state.ts';
import { ConnectionCall } from './connection-call.ts';
import type { ConnectionHost, Traffic } from './connection-host.ts';
import type { Dispatcher } from './dispatcher.ts';
import { Outbox } from './outbox.ts';
import { PendingCommand } from './pending-command.ts';
import { ReplySender } from './reply-sender.ts';
import { TableRecord } from './table-record.ts';
import type { Transport } from './transport.ts';

/** Unread requests of a connection whose command is pending; then its socket is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;
/** Copied back at a time, since the next command may wait again. */
const RESUME_BYTES = 16 * 1024;
/** `+OK`, by the thread that has made a run. */
const ANSWERED_BYTES = 5;

/** What a listener knows of a new connection. */
export interface NewConnection {
  readonly fd: number;
  readonly address: string;
  readonly localAddress: string;
  readonly isUnix: boolean;
  /** It came to `tls-port`. */
  readonly isTls: boolean;
}

export class Connection extends ClientState implements RequestSink {
  /** Of this thread. */
  readonly index: number;
  /** Of its transport. */
  readonly slot: number;
  readonly #transport: Transport;
  readonly #host: ConnectionHost;
  readonly #addon: Addon;
  readonly #encoder: ReplyEncoder;
  readonly #dispatcher: Dispatcher;
  readonly #decoder: RequestDecoder;
  readonly #traffic: Traffic;
  readonly #outbox: Outbox;
  readonly #sender: ReplySender;
  /** `ThreadBlocks.command`. */
  readonly #block: Int32Array;
  readonly record: TableRecord;
  /** For the dispatcher. */
  readonly call: ConnectionCall;

  lastCommand: Command | undefined;
  /** What CLIENT PAUSE has stopped. */
  postponed: Request | undefined;

  readonly #pending: PendingCommand;
  afterCompletion: (() => void) | undefined;
  /** Requests that came while a command was pending. */
  readonly #backlog: Backlog;
  #isPaused = false;

  /** Of the host's waits the one that ends it; -1: that has not begun. */
  heldSequence = -1;

  /** It is closed when its replies are sent; no further request runs. */
  #isEnding = false;
  isClosed = false;
  /** It is closed when its turn is over: a request of it may be being carried out. */
  isDoomed = false;

  lastSeenMs: number;
  readonly #isUnix: boolean;

  constructor(
    host: ConnectionHost,
    index: number,
    id: number,
    transport: Transport,
    from: Omit<NewConnection, 'fd' | 'isTls'>,
  ) {
    super(host, id, from);
    this.index = index;
    this.slot = transport.slot;
    this.#transport = transport;
    this.#host = host;
    this.#addon = host.addon;
    this.#encoder = host.encoder;
    this.#dispatcher = host.dispatcher;
    this.#traffic = host.traffic;
    this.#block = host.blocks.command;
    this.lastSeenMs = Date.now();
    this.#isUnix = from.isUnix;
    this.#decoder = new RequestDecoder(host.memory, host.scratchRequest, host.limits, this);
    this.call = new ConnectionCall(this, host);
    this.#outbox = new Outbox(host.addon, transport);
    this.#sender = new ReplySender(this, host, transport, this.#outbox);
    this.#pending = new PendingCommand(this, host);
    this.#backlog = new Backlog(host.addon);
    this.record = new TableRecord(this, host, {
      client: this,
      decoder: this.#decoder,
      backlog: this.#backlog,
      outbox: this.#outbox,
    });
  }

  override closeAfterReply(): void {
    this.#isEnding = true;
  }

  // --- reading ---

  /** The loop found its slot ready, or its transport is: bits of `socketEvents`. */
  onReady(events: number): void {
    if (events & socketEvents.writable) this.#sender.drain();
    if (events & socketEvents.readable && !this.isClosed) this.#read();
  }

  #read(): void {
    const blobId = this.#decoder.incomingBlob;
    let received: number;
    if (blobId < 0) {
      received = this.#addon.socketRead(this.slot);
      if (received > 0) this.#onRead(received);
    } else {
      // So that nobody's reply waits for the copying.
      this.#host.replies.send();
      received = this.#addon.socketReadBlob(this.slot, blobId);
      if (received > 0) {
        this.#decoder.received(received);
        this.record.countMemory();
      }
    }
    if (received > 0) {
      this.#traffic.inputBytes += received;
      this.lastSeenMs = this.#host.nowMs;
    } else if (received !== EAGAIN) {
      if (received < 0) log.verbose(`Client ${this.address}: error ${-received} when reading`);
      this.close();
    }
  }

  /** Bytes that its transport has read by itself. */
  push(bytes: Buffer): void {
    const { scratch } = this.#host.memory.blocks;
    this.#traffic.inputBytes += bytes.length;
    for (let at = 0; at < bytes.length && !this.isClosed; ) {
      const taken = bytes.copy(scratch, 0, at);
      at += taken;
      this.#onRead(taken);
    }
  }

  #onRead(byteCount: number): void {
    if (this.#isEnding) return;
    const { scratch } = this.#host.memory.blocks;
    if (this.#pending.isThere || this.#sender.isHeld) {
      this.#backlog.add(scratch, 0, byteCount);
      this.record.countMemory();
    } else {
      this.#beginTurn();
      const at = this.#decode(byteCount);
      if (at < byteCount && !this.#isEnding && !this.isClosed) {
        this.#backlog.add(scratch, at, byteCount);
      }
      this.#endTurn();
    }
    if (this.#backlog.byteCount >= BACKLOG_BYTES_MAX && !this.isClosed) {
      this.#isPaused = true;
      this.watchSocket();
    }
  }

  /** Tells the loop what to look for. */
  watchSocket(): void {
    const readable = this.#isPaused ? 0 : socketEvents.readable;
    const writable = this.#sender.isAwaitingDrain ? socketEvents.writable : 0;
    this.#transport.watch(readable | writable);
  }

  /** Decodes scratch[0, end). @returns Where it stopped: before `end` if a command is pending now. */
  #decode(end: number): number {
    try {
      return this.#decoder.decode(0, end);
    } catch (error) {
      if (error instanceof ProtocolError) {
        log.verbose(`Protocol error from client: ${error.message}. ${this.description}`);
        this.#encoder.errorLine(`ERR ${error.message}`);
        this.#isEnding = true;
      } else if (error instanceof QueryBufferExceeded) {
        log.warning(
          `Closing client that reached max query buffer length: ${this.description} (${error.message})`,
        );
        this.#host.figures.closedForQuery();
        this.close();
      } else {
        throw error;
      }
      return end;
    }
  }

  onRequest(request: Request): boolean {
    if (this.replyMode === 'on') {
      this.#dispatcher.dispatch(this, request);
      if (this.replyMode !== 'on') this.#advanceReplyMode();
    } else {
      this.#dispatchMuted(request);
    }
    return !this.#pending.isThere && !this.#isEnding && !this.isClosed && !this.isDoomed;
  }

  /** CLIENT REPLY OFF and SKIP: what is framed does not go out. */
  #dispatchMuted(request: Request): void {
    this.#mute();
    this.#dispatcher.dispatch(this, request);
    this.#unmute();
  }

  #mute(): void {
    this.#encoder.flush();
    this.#encoder.isMuted = this.replyMode === 'off' || this.replyMode === 'skip';
  }

  #unmute(): void {
    this.#encoder.flush();
    this.#encoder.isMuted = false;
    if (!this.#pending.isThere) this.#advanceReplyMode();
  }

  #advanceReplyMode(): void {
    if (this.replyMode === 'skip') this.replyMode = 'on';
    else if (this.replyMode === 'skip-next') this.replyMode = 'skip';
  }

  /** Goes on with the requests that came while a command was pending. */
  #resume(): void {
    const { scratch } = this.#host.memory.blocks;
    while (this.#backlog.byteCount > 0) {
      if (this.#pending.isThere || this.#sender.isHeld) return;
      if (this.#isEnding || this.isClosed || this.isDoomed) {
        this.#backlog.release();
        break;
      }
      // A command that waits again leaves its successors where they were.
      this.#backlog.drop(this.#decode(this.#backlog.peek(scratch, RESUME_BYTES)));
    }
    if (this.#isPaused && !this.isClosed) {
      this.#isPaused = false;
      this.watchSocket();
    }
  }

  // --- turns ---

  #beginTurn(): void {
    if (this.#host.replies.isFull) {
      this.#host.replies.send();
      this.#encoder.clear();
    }
    this.isInTurn = true;
    this.#sender.begin();
  }

  #endTurn(): void {
    this.#encoder.end();
    this.#sender.holdIfAsked();
    this.isInTurn = false;
    const now = this.#host.nowMs;
    this.lastSeenMs = now;
    this.record.onTurnEnd(now);
    if (this.isDoomed) {
      this.close();
      this.#host.endTurn();
      return;
    }
    if (this.#isEnding) {
      this.#host.replies.send();
      this.#closeWhenSent();
    }
    this.#host.endTurn();
  }

  /** Nothing waits to be sent any more. */
  onSent(): void {
    if (this.#isEnding) this.#closeWhenSent();
    else this.watchSocket();
  }

  #closeWhenSent(): void {
    if (!this.#outbox.isEmpty || this.isClosed) return;
    if (this.#transport.isIdle) this.close();
    else this.#sender.awaitDrain();
  }

  closeForQueue(): void {
    this.#host.figures.closedForQuery();
    this.close();
  }

  /** Nothing more of it is carried out. */
  closeSoon(): void {
    if (this.isInTurn) this.isDoomed = true;
    else this.close();
  }

  override noteState(): void {
    this.record.update(this.#host.nowMs);
  }

  /** As CLIENT LIST shows them, in the order of Redis 7.2 (`catClientInfoString`). */
  override get flags(): string {
    const flags =
      (this.isMonitor ? 'O' : '') +
      (this.isSubscriber ? 'P' : '') +
      (this.transaction === undefined ? '' : 'x') +
      (this.#pending.isThere ? 'b' : '') +
      (this.#isUnix ? 'U' : '') +
      (this.isEvictable ? '' : 'e') +
      (this.isTouching ? '' : 'T');
    return flags === '' ? 'N' : flags;
  }

  // --- pending commands ---

  get isPending(): boolean {
    return this.#pending.isThere;
  }

  wait(completion: Completion, abandoned?: () => void): OwnTicket {
    const sequence = this.#pending.begin(completion, abandoned);
    const mayBeAnswered =
      this.replyMode === 'on' &&
      this.#sender.hasSentAll &&
      this.#encoder.isAtBegin &&
      !this.#host.limits.awaitsDisk;
    return {
      connection: this.index,
      sequence,
      slot: mayBeAnswered ? this.slot : -1,
      finish: (code, text) => this.complete(sequence, code, text),
    };
  }

  /** What waits has these words, which are kept until it ends. */
  keepRequest(command: Command, request: Request): void {
    this.#pending.keep(command, request);
  }

  /** To be called when users have changed: what waits may have been forbidden. */
  checkWait(): void {
    this.#pending.checkAccess();
  }

  /** The command has failed after it had asked for a ticket. */
  cancelWait(): void {
    this.#pending.drop();
  }

  /** Ends the pending command `sequence`; of an older one nothing is left to do. */
  complete(sequence: number, code: number, text: string): void {
    const completion = this.isClosed ? undefined : this.#pending.end(sequence, code);
    if (completion === undefined) return;
    // Taken now: what is carried out may wait again, with another one behind it.
    const then = this.afterCompletion;
    this.afterCompletion = undefined;
    // A command may finish at once: then its turn is still open.
    const isNested = this.isInTurn;
    if (!isNested) this.#beginTurn();
    // A run has stored its outputs, say.
    if (this.#host.limits.awaitsDisk) this.#block[commandBlock.isHeld] = 1;
    if (!isNested && this.replyMode !== 'on') this.#mute();
    try {
      completion(this.#encoder, code, text);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#dispatcher.countFailure(this.call.command);
      this.#encoder.error(error);
    }
    then?.();
    if (isNested) return;
    if (this.replyMode !== 'on') this.#unmute();
    if (!this.#pending.isThere) this.#resume();
    this.#endTurn();
  }

  /** The same of a command whose reply `OK` another thread has sent. */
  completeAnswered(sequence: number): void {
    if (this.isClosed || this.#pending.end(sequence, codes.ok) === undefined) return;
    this.#host.traffic.outputBytes += ANSWERED_BYTES;
    this.#beginTurn();
    this.#resume();
    this.#endTurn();
  }

  /** The journal is so far: sends what has waited, and goes on with what has come meanwhile. */
  release(): void {
    if (this.isClosed) return;
    this.#sender.release();
    if (this.isClosed || this.#pending.isThere) return;
    this.#beginTurn();
    this.#resume();
    this.#endTurn();
  }

  // --- messages ---

  /** Sends out[start, end), a message that has been published, behind all replies so far. */
  deliver(start: number, end: number): void {
    if (this.#takesMessages()) this.#sender.deliver(start, end);
  }

  /** The same of a message that is in reply blobs, which are made for this connection. */
  deliverBlobs(isPush: boolean, keepBlobs: () => readonly ReplyBlob[], endsLine: boolean): void {
    if (!this.#takesMessages()) return;
    this.#sender.begin();
    this.#encoder.framed(isPush, keepBlobs(), endsLine);
    this.#encoder.end();
  }

  /** What has been left meanwhile must not be heard of: in RESP2 it would be taken for a reply. */
  #takesMessages(): boolean {
    if (this.isClosed || this.#isEnding || this.isDoomed) return false;
    return !this.hasLeft || this.#addon.deliveryIsWanted(this.id) === 1;
  }

  // --- the end ---

  /** What happens once a second. */
  sweep(now: number): void {
    if (this.isClosed) return;
    const { idleMs } = this.#host.limits;
    // Who waits or listens is quiet by nature.
    const isQuiet = this.#pending.isThere || this.isSubscriber || this.isMonitor;
    if (idleMs > 0 && !isQuiet && now - this.lastSeenMs > idleMs) {
      log.verbose('Closing idle client');
      this.close();
      return;
    }
    if (!this.#outbox.isEmpty) this.#sender.checkLimits();
    this.record.update(now);
  }

  keepAlive(ms: number): void {
    this.#transport.keepAlive(ms / 1000);
  }

  /** Closes at once: no further request runs, replies that the kernel has not taken are dropped. */
  close(): void {
    if (this.isClosed) return;
    this.#host.replies.send();
    // The sending may have found it broken.
    if (this.isClosed) return;
    this.stopListening();
    this.isClosed = true;
    this.#pending.abandon();
    this.afterCompletion = undefined;
    this.#addon.clientClose(this.id);
    this.watchedCount = 0;
    this.#transport.close();
    this.#host.onClosed(this);
    // Its request may be being carried out.
    setImmediate(() => this.#cleanUp());
  }

  #cleanUp(): void {
    this.#decoder.end();
    this.#outbox.release();
    this.#backlog.release();
    this.postponed?.release();
    this.transaction = undefined;
  }

  /** For the log. */
  get description(): string {
    return `id=${this.id} addr=${this.address} laddr=${this.localAddress} name=${this.name} db=${this.db} omem=${this.#outbox.byteCount}`;
  }
}
