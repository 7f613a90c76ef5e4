// One client: its socket, its state, and the order of its requests and replies.

import type { Acl } from '../auth/acl.ts';
import type { Completion, ServerServices, Ticket } from '../commands/command.ts';
import type { OutputBufferLimit } from '../config/settings.ts';
import { ProtocolError, ReplyError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, EAGAIN, socketEvents, type ThreadBlocks } from '../engine/addon.ts';
import type { Engine } from '../engine/engine.ts';
import { commandBlock } from '../engine/journal-commands.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ThreadMemory } from '../resp/native-memory.ts';
import type { ReplyBlob, ReplyEncoder, ReplySink } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { QueryBufferExceeded, RequestDecoder, type RequestSink } from '../resp/request-decoder.ts';
import { Backlog } from './backlog.ts';
import { type ClientMemory, clientMemory } from './client-memory.ts';
import { ClientState } from './client-state.ts';
import { ConnectionCall } from './connection-call.ts';
import type { Dispatcher, WatchedWait } from './dispatcher.ts';
import type { Limits } from './limits.ts';
import type { Monitors } from './monitors.ts';
import { Outbox } from './outbox.ts';
import type { SendBatch, Sender } from './send-batch.ts';
import type { Transport } from './transport.ts';

/** Unread requests of a connection whose command is pending; then its socket is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;
/** Copied back at a time, since the next command may wait again. */
const RESUME_BYTES = 16 * 1024;
/** Unsent replies of a client that has not said who it is. */
const UNAUTHENTICATED_REPLY_BYTES_MAX = 64 * 1024;
/** Redis counts no replies below it: they lie in the connection's first buffer there (`PROTO_REPLY_CHUNK_BYTES`). */
const UNCOUNTED_REPLY_BYTES_MAX = 16 * 1024;
/** What a client must take more or less until it is counted anew for maxmemory-clients. */
const COUNTED_STEP_BYTES = 1024;
/** How stale `idle` and `cmd` of CLIENT LIST may be while its client is busy. */
const RECORD_MS = 200;

/** What connections share: the thread's own. */
export interface ConnectionHost {
  readonly addon: Addon;
  readonly memory: ThreadMemory;
  readonly blocks: Pick<ThreadBlocks, 'command'>;
  readonly scratchRequest: Request;
  readonly encoder: ReplyEncoder;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly acl: Acl;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly services: ServerServices;
  readonly replies: SendBatch;
  readonly traffic: Traffic;
  readonly monitors: Monitors;
  /** How many of this thread's connections wait: its place in what all threads count. */
  readonly blocked: Int32Array;
  /** When this turn of the event loop began. */
  readonly nowMs: number;
  /** Closes the largest clients of all threads, until maxmemory-clients is met. */
  evictClients(): void;
  /** A connection's turn is over: sends its replies, unless others' turns follow at once. */
  endTurn(): void;
  /** The connection's replies wait for the journal; `release` ends that. */
  hold(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/** Since it was last told to the native core. */
export interface Traffic {
  inputBytes: number;
  outputBytes: number;
}

/** What a listener knows of a new connection. */
export interface NewConnection {
  readonly fd: number;
  readonly address: string;
  readonly localAddress: string;
  readonly isUnix: boolean;
  /** It came to `tls-port`. */
  readonly isTls: boolean;
}

export class Connection extends ClientState implements ReplySink, RequestSink, Sender {
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
  /** `ThreadBlocks.command`. */
  readonly #block: Int32Array;
  /** For the dispatcher. */
  readonly call: ConnectionCall;

  /** What CLIENT PAUSE has stopped. */
  postponed: Request | undefined;

  // The pending command.
  #completion: Completion | undefined;
  #abandoned: (() => void) | undefined;
  #sequence = 0;
  #watchedWait: WatchedWait | undefined;
  afterCompletion: (() => void) | undefined;

  /** Requests that came while it was pending. */
  readonly #backlog: Backlog;
  #isPaused = false;
  #isWatchingDrain = false;

  // Where the last message lies in the batch that is being collected.
  #messageSerial = -1;
  #messageRow = 0;
  #lastRow = 0;

  // Replies that the journal must be on the disk for, or has too much to write for.
  #isHeld = false;
  /** Of the host's waits the one that ends it; -1: that has not begun. */
  heldSequence = -1;

  #isEnding = false;
  #isClosed = false;
  /** It is closed when its turn is over: a request of it may be being carried out. */
  #isDoomed = false;
  #softSinceMs = 0;
  /** Of this turn's replies, what the kernel has taken already. */
  #turnBytes = 0;

  // The client table's record.
  lastSeenMs: number;
  #recordedMs = 0;
  #recordedBytes = 0;
  #recordedDb = 0;
  #recordedResp = 2;
  #recordedQueued = -1;
  #recordedCommand = '';
  #recordedFlags: string;
  #isShownWaiting = false;
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
    this.#recordedFlags = this.flags;
    this.#decoder = new RequestDecoder(host.memory, host.scratchRequest, host.limits, this);
    this.call = new ConnectionCall(this, host);
    this.#outbox = new Outbox(host.addon, transport);
    this.#backlog = new Backlog(host.addon);
  }

  override closeAfterReply(): void {
    this.#isEnding = true;
  }

  // --- reading ---

  /** The loop found its slot ready, or its transport is: bits of `socketEvents`. */
  onReady(events: number): void {
    if (events & socketEvents.writable) this.#drain();
    if (events & socketEvents.readable && !this.#isClosed) this.#read();
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
        this.#countMemory();
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
    for (let at = 0; at < bytes.length && !this.#isClosed; ) {
      const taken = bytes.copy(scratch, 0, at);
      at += taken;
      this.#onRead(taken);
    }
  }

  #onRead(byteCount: number): void {
    if (this.#isEnding) return;
    const { scratch } = this.#host.memory.blocks;
    if (this.#completion !== undefined || this.#isHeld) {
      this.#backlog.add(scratch, 0, byteCount);
      this.#countMemory();
    } else {
      this.#beginTurn();
      const at = this.#decode(byteCount);
      if (at < byteCount && !this.#isEnding && !this.#isClosed) {
        this.#backlog.add(scratch, at, byteCount);
      }
      this.#endTurn();
    }
    if (this.#backlog.byteCount >= BACKLOG_BYTES_MAX && !this.#isClosed) {
      this.#isPaused = true;
      this.#watch();
    }
  }

  /** Tells the loop what to look for. */
  #watch(): void {
    const readable = this.#isPaused ? 0 : socketEvents.readable;
    const writable = this.#isWatchingDrain ? socketEvents.writable : 0;
    this.#transport.watch(readable | writable);
  }

  /** Decodes scratch[0, end). @returns Where it stopped: before `end` if a command is pending now. */
  #decode(end: number): number {
    try {
      return this.#decoder.decode(0, end);
    } catch (error) {
      if (error instanceof ProtocolError) {
        log.verbose(`Protocol error from client: ${error.message}. ${this.#description()}`);
        this.#encoder.errorLine(`ERR ${error.message}`);
        this.#isEnding = true;
      } else if (error instanceof QueryBufferExceeded) {
        log.warning(
          `Closing client that reached max query buffer length: ${this.#description()} (${error.message})`,
        );
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
    return this.#completion === undefined && !this.#isEnding && !this.#isClosed && !this.#isDoomed;
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
    if (this.#completion === undefined) this.#advanceReplyMode();
  }

  #advanceReplyMode(): void {
    if (this.replyMode === 'skip') this.replyMode = 'on';
    else if (this.replyMode === 'skip-next') this.replyMode = 'skip';
  }

  /** Goes on with the requests that came while a command was pending. */
  #resume(): void {
    const { scratch } = this.#host.memory.blocks;
    while (this.#backlog.byteCount > 0) {
      if (this.#completion !== undefined || this.#isHeld) return;
      if (this.#isEnding || this.#isClosed || this.#isDoomed) {
        this.#backlog.release();
        break;
      }
      // A command that waits again leaves its successors where they were.
      this.#backlog.drop(this.#decode(this.#backlog.peek(scratch, RESUME_BYTES)));
    }
    if (this.#isPaused && !this.#isClosed) {
      this.#isPaused = false;
      this.#watch();
    }
  }

  // --- turns ---

  #beginTurn(): void {
    if (this.#host.replies.isFull) {
      this.#host.replies.send();
      this.#encoder.clear();
    }
    this.isInTurn = true;
    this.#turnBytes = 0;
    this.#encoder.begin(this, this.resp);
  }

  #endTurn(): void {
    this.#encoder.end();
    this.#holdIfAsked();
    this.isInTurn = false;
    const now = this.#host.nowMs;
    this.lastSeenMs = now;
    if (now - this.#recordedMs >= RECORD_MS || this.#isShownWaiting || this.#hasChanged)
      this.record(now);
    else this.#countMemory();
    if (this.#isDoomed) {
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

  #closeWhenSent(): void {
    if (!this.#outbox.isEmpty || this.#isClosed) return;
    if (this.#transport.isIdle) this.close();
    else this.#awaitDrain();
  }

  /** Brings the client table's record up to date. */
  record(now: number): void {
    if (this.#isClosed) return;
    this.#recordedMs = now;
    const command = this.#dispatcher.nameOf(this.call.command);
    const memory = this.#memory;
    this.#recordedBytes = memory.total;
    this.#recordedDb = this.db;
    this.#recordedResp = this.resp;
    this.#recordedQueued = this.#queuedCount;
    const evictableBytes = this.#addon.clientUpdate(
      this.id,
      this.lastSeenMs,
      this.db,
      this.resp,
      this.#recordedQueued,
      this.watchedCount,
      this.subscriptions.channels,
      this.subscriptions.patterns,
      this.subscriptions.shardChannels,
      memory.qbuf,
      memory.qbufFree,
      memory.argvMem,
      memory.multiMem,
      memory.rbs,
      memory.rbp,
      memory.omem,
      memory.oll,
      memory.total,
      this.isEvictable ? 1 : 0,
    );
    const { flags } = this;
    if (flags !== this.#recordedFlags) {
      this.#recordedFlags = flags;
      this.#isShownWaiting = flags.includes('b');
      this.#addon.clientSetText(this.id, 'flags', flags);
    }
    if (command !== this.#recordedCommand) {
      this.#recordedCommand = command;
      this.#addon.clientSetText(this.id, 'lastCommand', command);
    }
    const { clientsMemoryBytesMax } = this.#host.limits;
    // Perhaps this one goes.
    if (clientsMemoryBytesMax > 0 && evictableBytes > clientsMemoryBytesMax)
      this.#host.evictClients();
  }

  /** Commands that MULTI has queued; -1: none is under way. */
  get #queuedCount(): number {
    return this.transaction === undefined ? -1 : this.transaction.queued.length;
  }

  /** Something that others ask for is another than it was, and changes seldom. */
  get #hasChanged(): boolean {
    return (
      this.db !== this.#recordedDb ||
      this.resp !== this.#recordedResp ||
      this.#queuedCount !== this.#recordedQueued
    );
  }

  get #memory(): ClientMemory {
    return clientMemory({
      client: this,
      decoder: this.#decoder,
      backlog: this.#backlog,
      outbox: this.#outbox,
    });
  }

  /** With a limit for what all clients take, each tells at once what it takes. */
  #countMemory(): void {
    if (this.#host.limits.clientsMemoryBytesMax === 0 || this.#isClosed) return;
    if (Math.abs(this.#memory.total - this.#recordedBytes) >= COUNTED_STEP_BYTES)
      this.record(this.#host.nowMs);
  }

  /** Nothing more of it is carried out. */
  closeSoon(): void {
    if (this.isInTurn) this.#isDoomed = true;
    else this.close();
  }

  override noteState(): void {
    this.record(this.#host.nowMs);
  }

  /** As CLIENT LIST shows them, in the order of Redis 7.2 (`catClientInfoString`). */
  override get flags(): string {
    const flags =
      (this.isMonitor ? 'O' : '') +
      (this.isSubscriber ? 'P' : '') +
      (this.transaction === undefined ? '' : 'x') +
      (this.#completion === undefined ? '' : 'b') +
      (this.#isUnix ? 'U' : '') +
      (this.isEvictable ? '' : 'e') +
      (this.isTouching ? '' : 'T');
    return flags === '' ? 'N' : flags;
  }

  // --- pending commands ---

  get isPending(): boolean {
    return this.#completion !== undefined;
  }

  wait(
    completion: Completion,
    abandoned?: () => void,
  ): Ticket & { finish(code: number, text: string): void } {
    if (this.#completion !== undefined) throw new Error('a command waits already');
    this.#completion = completion;
    this.#abandoned = abandoned;
    this.#host.blocked[0]!++;
    this.#watchedWait = this.#dispatcher.beginWait(this.call);
    const sequence = ++this.#sequence;
    return {
      connection: this.index,
      sequence,
      finish: (code, text) => this.complete(sequence, code, text),
    };
  }

  /** The command has failed after it had asked for a ticket. */
  cancelWait(): void {
    this.#endWait();
  }

  #endWait(): void {
    if (this.#completion === undefined) return;
    this.#completion = undefined;
    this.#abandoned = undefined;
    this.#host.blocked[0]!--;
    this.#dropWatchedWait();
  }

  #dropWatchedWait(): void {
    if (this.#watchedWait !== undefined) this.#dispatcher.dropWait(this.#watchedWait);
    this.#watchedWait = undefined;
  }

  /** Ends the pending command `sequence`; of an older one nothing is left to do. */
  complete(sequence: number, code: number, text: string): void {
    const completion = this.#completion;
    if (completion === undefined || sequence !== this.#sequence || this.#isClosed) return;
    if (this.#watchedWait !== undefined)
      this.#dispatcher.endWait(this.#watchedWait, this, this.call.command);
    this.#watchedWait = undefined;
    this.#endWait();
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
    if (this.#completion === undefined) this.#resume();
    this.#endTurn();
  }

  // --- waiting for the journal ---

  /** @returns Whether replies must wait, from those of the command just carried out on. */
  #holdIfAsked(): boolean {
    if (this.#block[commandBlock.isHeld] !== 0 && this.isInTurn) {
      this.#block[commandBlock.isHeld] = 0;
      this.#isHeld = true;
      this.heldSequence = -1;
      this.#host.hold(this);
    }
    return this.#isHeld;
  }

  /** The journal is so far: sends what has waited, and goes on with what has come meanwhile. */
  release(): void {
    if (this.#isClosed) return;
    this.#isHeld = false;
    if (!this.#outbox.isEmpty) {
      this.#drain();
      if (this.#isClosed) return;
      if (!this.#outbox.isEmpty) this.#awaitDrain();
    }
    if (this.#completion !== undefined) return;
    this.#beginTurn();
    this.#resume();
    this.#endTurn();
  }

  // --- replies ---

  sendLater(start: number, end: number): void {
    if (this.#isClosed || this.#isDoomed) return;
    this.#messageSerial = -1;
    if (this.slot < 0 || this.#isCounted(end - start)) {
      this.send(start, end, 0);
    } else if (this.#outbox.isEmpty && !this.#holdIfAsked()) {
      this.#traffic.outputBytes += end - start;
      this.#lastRow = this.#host.replies.add(this, start, end);
    } else {
      this.#leave(start, end);
    }
  }

  onUnsent(start: number, end: number): void {
    if (this.#isClosed) return;
    if (start < 0) {
      this.close();
      return;
    }
    this.#traffic.outputBytes -= end - start;
    this.#leave(start, end);
  }

  /** Sends out[start, end), a message that has been published, behind all replies so far. */
  deliver(start: number, end: number): void {
    if (!this.#takesMessages()) return;
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

  /** The same of a message that is in reply blobs, which are made for this connection. */
  deliverBlobs(isPush: boolean, keepBlobs: () => readonly ReplyBlob[], endsLine: boolean): void {
    if (!this.#takesMessages()) return;
    this.#turnBytes = 0;
    this.#encoder.begin(this, this.resp);
    this.#encoder.framed(isPush, keepBlobs(), endsLine);
    this.#encoder.end();
  }

  /** What has been left meanwhile must not be heard of: in RESP2 it would be taken for a reply. */
  #takesMessages(): boolean {
    if (this.#isClosed || this.#isEnding || this.#isDoomed) return false;
    return !this.hasLeft || this.#addon.deliveryIsWanted(this.id) === 1;
  }

  send(start: number, end: number, more: number): void {
    this.#host.replies.send();
    if (this.#isClosed || start === end || this.#passesLimit(end - start)) return;
    let sent = 0;
    if (this.#maySend(end - start)) {
      sent = this.#transport.send(start, end, more);
      if (sent < 0) {
        this.closeSoon();
        return;
      }
      this.#traffic.outputBytes += sent;
      this.#turnBytes += sent;
    }
    if (start + sent < end) this.#leave(start + sent, end);
  }

  /** Whether the kernel may have replies at once: not while a turn's may yet prove too large. */
  #maySend(byteCount: number): boolean {
    if (!this.#outbox.isEmpty || this.#holdIfAsked()) return false;
    return this.isSubscriber || !this.#isCounted(byteCount);
  }

  /** Whether `client-output-buffer-limit` has to do with so many bytes of replies more. */
  #isCounted(byteCount: number): boolean {
    return (
      byteCount + this.#turnBytes >= UNCOUNTED_REPLY_BYTES_MAX && this.#outputLimit.hardBytes > 0
    );
  }

  get #outputLimit(): OutputBufferLimit {
    const { pubsubOutput, normalOutput } = this.#host.limits;
    return this.isSubscriber ? pubsubOutput : normalOutput;
  }

  /**
   * Whether so many bytes more pass the hard limit, also those that the kernel would take: then the
   * client is closed, and what follows of its replies is dropped.
   */
  #passesLimit(more: number): boolean {
    if (this.#isDoomed) return true;
    if (!this.#isCounted(more)) return false;
    if (this.#outbox.byteCount + this.#turnBytes + more < this.#outputLimit.hardBytes) return false;
    this.#closeForOutput();
    return true;
  }

  #closeForOutput(): void {
    log.warning(
      `Client ${this.#description()} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.closeSoon();
  }

  sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void {
    this.#host.replies.send();
    const framedBytes = end - start;
    let isLost = this.#isClosed || this.#passesLimit(framedBytes + blobBytes);
    let sent = 0;
    if (!isLost && this.#maySend(framedBytes + blobBytes)) {
      sent = this.#transport.sendBlob(start, end, blobId, 0);
      isLost = sent < 0;
      if (isLost) this.closeSoon();
      else {
        this.#traffic.outputBytes += sent;
        this.#turnBytes += sent;
      }
    }
    if (isLost || sent === framedBytes + blobBytes) {
      this.#addon.replyBlobRelease(blobId);
      return;
    }
    if (sent < framedBytes) {
      this.#outbox.append(this.#host.memory.blocks.out, start + sent, end);
      sent = framedBytes;
    }
    this.#outbox.appendBlob(blobId, blobBytes, sent - framedBytes);
    this.#awaitDrain();
  }

  /** out[start, end) waits until the kernel takes more. */
  #leave(start: number, end: number): void {
    this.#outbox.append(this.#host.memory.blocks.out, start, end);
    this.#awaitDrain();
  }

  #awaitDrain(): void {
    if (!this.#isWatchingDrain && !this.#isHeld) {
      this.#isWatchingDrain = true;
      this.#watch();
    }
    this.#checkBacklog();
    this.record(this.#host.nowMs); // CLIENT LIST tells who falls behind
  }

  /** The kernel takes more. */
  #drain(): void {
    if (this.#isClosed || this.#isHeld) return;
    const sent = this.#outbox.write();
    if (sent < 0) {
      this.close();
      return;
    }
    this.#traffic.outputBytes += sent;
    this.lastSeenMs = this.#host.nowMs;
    if (!this.#outbox.isEmpty) return;
    this.#softSinceMs = 0;
    this.#isWatchingDrain = false;
    if (this.#isEnding) this.#closeWhenSent();
    else this.#watch();
  }

  /** Closes the client that lets too many replies wait. */
  #checkBacklog(): void {
    const { replyBacklogBytesMax } = this.#host.limits;
    const unsentBytes = this.#outbox.byteCount;
    const { hardBytes, softBytes, softSeconds } = this.#outputLimit;
    let isOver = hardBytes > 0 && unsentBytes >= hardBytes;
    if (this.isUnauthenticated && unsentBytes > UNAUTHENTICATED_REPLY_BYTES_MAX) isOver = true;
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
        `Client ${this.#description()} closed: its unsent replies pass reply-backlog-max (${replyBacklogBytesMax} bytes)`,
      );
      this.closeSoon();
    }
  }

  // --- the end ---

  /** What happens once a second. */
  sweep(now: number): void {
    if (this.#isClosed) return;
    const { idleMs } = this.#host.limits;
    // Who waits or listens is quiet by nature.
    const isQuiet = this.#completion !== undefined || this.isSubscriber || this.isMonitor;
    if (idleMs > 0 && !isQuiet && now - this.lastSeenMs > idleMs) {
      log.verbose('Closing idle client');
      this.close();
      return;
    }
    if (!this.#outbox.isEmpty) this.#checkBacklog();
    this.record(now);
  }

  keepAlive(ms: number): void {
    this.#transport.keepAlive(ms / 1000);
  }

  /** Closes at once: no further request runs, replies that the kernel has not taken are dropped. */
  close(): void {
    if (this.#isClosed) return;
    this.#host.replies.send();
    // The sending may have found it broken.
    if (this.#isClosed) return;
    this.stopListening();
    this.#isClosed = true;
    this.#abandoned?.();
    this.#endWait();
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

  #description(): string {
    return `id=${this.id} addr=${this.address} laddr=${this.localAddress} name=${this.name} db=${this.db} omem=${this.#outbox.byteCount}`;
  }
}
