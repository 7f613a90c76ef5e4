// One client: its socket, its state, and the order of its requests and replies.

import { Socket } from 'node:net';
import type {
  Call,
  Client,
  Command,
  Completion,
  ServerServices,
  Ticket,
  Transaction,
} from '../commands/command.ts';
import { ProtocolError, ReplyError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import type { Engine } from '../engine/engine.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ThreadMemory } from '../resp/native-memory.ts';
import type { ReplyEncoder, ReplySink } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { QueryBufferExceeded, RequestDecoder, type RequestSink } from '../resp/request-decoder.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Limits } from './limits.ts';
import { Outbox } from './outbox.ts';

/** Unread requests of a connection whose command is pending; then its socket is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;
const BACKLOG_BYTES_FIRST = 4 * 1024;
/** Copied back at a time, since the next command may wait again. */
const RESUME_BYTES = 16 * 1024;
/** How stale `idle` of CLIENT LIST may be. */
const RECORD_MS = 200;

/** What connections share: the thread's own. */
export interface ConnectionHost {
  readonly addon: Addon;
  readonly memory: ThreadMemory;
  readonly scratchRequest: Request;
  readonly encoder: ReplyEncoder;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly services: ServerServices;
  onClosed(connection: Connection): void;
}

/** What a listener knows of a new connection. */
export interface NewConnection {
  readonly fd: number;
  readonly address: string;
  readonly localAddress: string;
  readonly isUnix: boolean;
}

/** The command of a connection that is being carried out. One object a connection, used again and again. */
class ConnectionCall implements Call {
  command: Command;
  request: Request;
  readonly reply: ReplyEncoder;
  readonly client: Client;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly server: ServerServices;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;

  constructor(connection: Connection, host: ConnectionHost) {
    this.command = host.dispatcher.anyCommand;
    this.request = host.scratchRequest;
    this.reply = host.encoder;
    this.client = connection;
    this.keyspace = host.keyspace;
    this.engine = host.engine;
    this.server = host.services;
    this.#connection = connection;
    this.#dispatcher = host.dispatcher;
  }

  wait(completion: Completion): Ticket & { finish(code: number, text: string): void } {
    return this.#connection.wait(completion);
  }

  execute(command: Command, request: Request, then?: () => void, run = command.run): void {
    const outer = this.command;
    const outerRequest = this.request;
    this.command = command;
    this.request = request;
    request.select();
    try {
      this.#dispatcher.runWithin(command, this, run);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#connection.cancelWait();
      this.reply.error(error);
    }
    this.command = outer;
    this.request = outerRequest;
    if (then === undefined) return;
    if (this.#connection.isPending) this.#connection.afterCompletion = then;
    else then();
  }
}

export class Connection implements Client, ReplySink, RequestSink {
  /** Of the client table. */
  readonly id: number;
  /** Of this thread. */
  readonly index: number;
  readonly address: string;
  readonly localAddress: string;
  readonly #host: ConnectionHost;
  readonly #addon: Addon;
  readonly #encoder: ReplyEncoder;
  readonly #dispatcher: Dispatcher;
  readonly #decoder: RequestDecoder;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  /** For the dispatcher. */
  readonly call: ConnectionCall;

  // What commands see and change.
  db = 0;
  watched: Client['watched'] = [];
  #name = '';
  #libName = '';
  #libVersion = '';
  #user = 'default';
  #isAuthenticated: boolean;
  #resp: 2 | 3 = 2;
  #transaction: Transaction | undefined;
  #replyMode: Client['replyMode'] = 'on';
  /** Bytes that MULTI has queued, without blobs. */
  queuedBytes = 0;
  /** Those of the blobs. */
  queuedBlobBytes = 0;
  /** What CLIENT PAUSE has stopped. */
  postponed: Request | undefined;
  isUnauthenticated: boolean;

  // The pending command.
  #completion: Completion | undefined;
  #sequence = 0;
  afterCompletion: (() => void) | undefined;

  // Requests that came while it was pending: backlog[#backlogStart, #backlogEnd).
  #backlog: Buffer | undefined;
  #backlogMemory: ArrayBuffer | undefined;
  #backlogStart = 0;
  #backlogEnd = 0;
  #isPaused = false;

  #isInTurn = false;
  #isEnding = false;
  #isClosed = false;
  #isTargeted = false;
  #softSinceMs = 0;

  // Since the last count.
  #inputBytes = 0;
  #outputBytes = 0;

  // The client table's record.
  lastSeenMs: number;
  #recordedMs = 0;
  #recordedCommand = '';

  constructor(host: ConnectionHost, index: number, id: number, from: NewConnection) {
    this.id = id;
    this.index = index;
    this.address = from.address;
    this.localAddress = from.localAddress;
    this.#host = host;
    this.#addon = host.addon;
    this.#encoder = host.encoder;
    this.#dispatcher = host.dispatcher;
    this.#fd = from.fd;
    this.#isAuthenticated = host.limits.password === '';
    this.isUnauthenticated = !this.#isAuthenticated;
    this.lastSeenMs = Date.now();
    this.#decoder = new RequestDecoder(host.memory, host.scratchRequest, host.limits, this);
    this.call = new ConnectionCall(this, host);
    const options = {
      fd: from.fd,
      readable: true,
      writable: true,
      onread: { buffer: () => this.#readTarget(), callback: this.#onRead },
    };
    this.#socket = new Socket(options);
    this.#outbox = new Outbox(host.addon, this.#socket, () => this.#onDrain());
    this.#socket.on('error', (error) => log.verbose(`Client ${this.address}: ${error.message}`));
    this.#socket.on('end', () => this.close());
    this.#socket.on('close', () => this.#cleanUp());
    if (!from.isUnix) {
      this.#socket.setNoDelay(true);
      if (host.limits.keepaliveMs > 0) this.#socket.setKeepAlive(true, host.limits.keepaliveMs);
    }
  }

  // --- the client's state ---

  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = name;
    this.#addon.clientSetText(this.id, 'name', name);
  }
  get libName(): string {
    return this.#libName;
  }
  set libName(libName: string) {
    this.#libName = libName;
    this.#addon.clientSetText(this.id, 'libName', libName);
  }
  get libVersion(): string {
    return this.#libVersion;
  }
  set libVersion(libVersion: string) {
    this.#libVersion = libVersion;
    this.#addon.clientSetText(this.id, 'libVersion', libVersion);
  }
  get user(): string {
    return this.#user;
  }
  set user(user: string) {
    this.#user = user;
    this.#addon.clientSetText(this.id, 'user', user);
  }
  get isAuthenticated(): boolean {
    return this.#isAuthenticated;
  }
  set isAuthenticated(isAuthenticated: boolean) {
    this.#isAuthenticated = isAuthenticated;
    this.isUnauthenticated = !isAuthenticated && this.#host.limits.password !== '';
  }
  get resp(): 2 | 3 {
    return this.#resp;
  }
  set resp(resp: 2 | 3) {
    this.#resp = resp;
    if (this.#isInTurn) this.#encoder.resp = resp;
  }
  get transaction(): Transaction | undefined {
    return this.#transaction;
  }
  /** The queued requests are released with their transaction. */
  set transaction(transaction: Transaction | undefined) {
    for (const { request, prepared } of this.#transaction?.queued ?? []) {
      request.release();
      prepared?.drop();
    }
    this.queuedBytes = 0;
    this.queuedBlobBytes = 0;
    this.#transaction = transaction;
  }
  get replyMode(): Client['replyMode'] {
    return this.#replyMode;
  }
  set replyMode(mode: Client['replyMode']) {
    this.#replyMode = mode;
    if (mode === 'on') this.#encoder.isMuted = false;
  }

  closeAfterReply(): void {
    this.#isEnding = true;
  }

  // --- reading ---

  #readTarget(): Buffer {
    const target = this.#decoder.readTarget();
    this.#isTargeted = target !== this.#host.memory.blocks.scratch;
    return target;
  }

  /** @returns Whether to go on reading. */
  #onRead = (byteCount: number): boolean => {
    this.#inputBytes += byteCount;
    if (this.#isTargeted) {
      if (!this.#isClosed) this.#decoder.received(byteCount);
      this.#count();
      return true;
    }
    if (this.#isEnding || this.#isClosed) return true;
    if (this.#completion !== undefined) {
      this.#keep(0, byteCount);
      return this.#readOn();
    }
    this.#beginTurn();
    const at = this.#decode(byteCount);
    if (at < byteCount && !this.#isEnding && !this.#isClosed) this.#keep(at, byteCount);
    this.#endTurn();
    return this.#readOn();
  };

  #readOn(): boolean {
    if (this.#backlogEnd - this.#backlogStart < BACKLOG_BYTES_MAX) return true;
    this.#isPaused = true;
    return false;
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
    if (this.#replyMode === 'on') {
      this.#dispatcher.dispatch(this, request);
      if (this.#replyMode !== 'on') this.#advanceReplyMode();
    } else {
      this.#dispatchMuted(request);
    }
    return this.#completion === undefined && !this.#isEnding && !this.#isClosed;
  }

  /** CLIENT REPLY OFF and SKIP: what is framed does not go out. */
  #dispatchMuted(request: Request): void {
    this.#mute();
    this.#dispatcher.dispatch(this, request);
    this.#unmute();
  }

  #mute(): void {
    this.#encoder.flush();
    this.#encoder.isMuted = this.#replyMode === 'off' || this.#replyMode === 'skip';
  }

  #unmute(): void {
    this.#encoder.flush();
    this.#encoder.isMuted = false;
    if (this.#completion === undefined) this.#advanceReplyMode();
  }

  #advanceReplyMode(): void {
    if (this.#replyMode === 'skip') this.#replyMode = 'on';
    else if (this.#replyMode === 'skip-next') this.#replyMode = 'skip';
  }

  #keep(start: number, end: number): void {
    const more = end - start;
    const kept = this.#backlogEnd - this.#backlogStart;
    const { scratch } = this.#host.memory.blocks;
    if (this.#backlog === undefined || this.#backlogEnd + more > this.#backlog.length) {
      const wanted = Math.max(kept + more, 2 * kept, BACKLOG_BYTES_FIRST);
      const memory = this.#addon.allocateBlock(wanted);
      const backlog = Buffer.from(memory);
      this.#backlog?.copy(backlog, 0, this.#backlogStart, this.#backlogEnd);
      this.#dropBacklog();
      this.#backlog = backlog;
      this.#backlogMemory = memory;
      this.#backlogEnd = kept;
    }
    scratch.copy(this.#backlog, this.#backlogEnd, start, end);
    this.#backlogEnd += more;
  }

  #dropBacklog(): void {
    if (this.#backlogMemory !== undefined) this.#addon.freeBlock(this.#backlogMemory);
    this.#backlogMemory = undefined;
    this.#backlog = undefined;
    this.#backlogStart = 0;
    this.#backlogEnd = 0;
  }

  /** Goes on with the requests that came while a command was pending. */
  #resume(): void {
    const { scratch } = this.#host.memory.blocks;
    while (this.#backlog !== undefined) {
      if (this.#completion !== undefined) return;
      const left = this.#backlogEnd - this.#backlogStart;
      if (left === 0 || this.#isEnding || this.#isClosed) {
        this.#dropBacklog();
        break;
      }
      const taken = Math.min(left, RESUME_BYTES);
      this.#backlog.copy(scratch, 0, this.#backlogStart, this.#backlogStart + taken);
      this.#backlogStart += taken;
      const backlog = this.#backlog;
      const at = this.#decode(taken);
      // A command that waits again leaves its successors where they were.
      if (this.#backlog === backlog) this.#backlogStart -= taken - at;
    }
    if (this.#isPaused && !this.#isClosed) {
      this.#isPaused = false;
      this.#socket.resume();
    }
  }

  // --- turns ---

  #beginTurn(): void {
    this.#isInTurn = true;
    this.#encoder.begin(this, this.#resp);
  }

  #endTurn(): void {
    this.#encoder.end();
    this.#isInTurn = false;
    this.#count();
    if (this.#isEnding && this.#outbox.isEmpty) this.close();
  }

  #count(): void {
    const now = Date.now();
    this.lastSeenMs = now;
    this.#outputBytes += this.#outbox.takeSentBytes();
    this.#addon.count(this.#inputBytes, this.#outputBytes);
    this.#inputBytes = 0;
    this.#outputBytes = 0;
    if (now - this.#recordedMs >= RECORD_MS) this.record(now);
  }

  /** Brings the client table's record up to date. */
  record(now: number): void {
    if (this.#isClosed) return;
    this.#recordedMs = now;
    const command = this.#dispatcher.nameOf(this.call.command);
    this.#addon.clientUpdate(
      this.id,
      this.lastSeenMs,
      this.db,
      this.#resp,
      this.#transaction === undefined ? -1 : this.#transaction.queued.length,
      this.watched.length,
      this.#decoder.heldBytes +
        this.queuedBytes +
        this.queuedBlobBytes +
        (this.#backlog?.length ?? 0),
      this.#outbox.byteCount,
    );
    if (command !== this.#recordedCommand) {
      this.#recordedCommand = command;
      this.#addon.clientSetText(this.id, 'lastCommand', command);
    }
  }

  // --- pending commands ---

  get isPending(): boolean {
    return this.#completion !== undefined;
  }

  wait(completion: Completion): Ticket & { finish(code: number, text: string): void } {
    if (this.#completion !== undefined) throw new Error('a command waits already');
    this.#completion = completion;
    const sequence = ++this.#sequence;
    return {
      connection: this.index,
      sequence,
      finish: (code, text) => this.complete(sequence, code, text),
    };
  }

  /** The command has failed after it had asked for a ticket. */
  cancelWait(): void {
    this.#completion = undefined;
  }

  /** Ends the pending command `sequence`; of an older one nothing is left to do. */
  complete(sequence: number, code: number, text: string): void {
    const completion = this.#completion;
    if (completion === undefined || sequence !== this.#sequence || this.#isClosed) return;
    this.#completion = undefined;
    // Taken now: what is carried out may wait again, with another one behind it.
    const then = this.afterCompletion;
    this.afterCompletion = undefined;
    // A command may finish at once: then its turn is still open.
    const isNested = this.#isInTurn;
    if (!isNested) this.#beginTurn();
    if (!isNested && this.#replyMode !== 'on') this.#mute();
    try {
      completion(this.#encoder, code, text);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#dispatcher.countFailure(this.call.command);
      this.#encoder.error(error);
    }
    then?.();
    if (isNested) return;
    if (this.#replyMode !== 'on') this.#unmute();
    if (this.#completion === undefined) this.#resume();
    this.#endTurn();
  }

  // --- replies ---

  send(start: number, end: number, more: number): void {
    if (this.#isClosed) return;
    let at = start;
    if (this.#outbox.isEmpty) {
      // The descriptor may be another client's once the socket is destroyed.
      if (this.#socket.destroyed) return;
      const sent = this.#addon.send(this.#fd, start, end, more);
      if (sent < 0) {
        this.close();
        return;
      }
      this.#outputBytes += sent;
      at += sent;
      if (at === end) return;
    }
    this.#outbox.append(this.#host.memory.blocks.out, at, end);
    this.#checkBacklog();
  }

  sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void {
    let sent = 0;
    if (!this.#isClosed && this.#outbox.isEmpty && !this.#socket.destroyed) {
      sent = this.#addon.sendWithBlob(this.#fd, start, end, blobId, 0, 1);
      if (sent < 0) this.close();
      else this.#outputBytes += sent;
    }
    const framedBytes = end - start;
    if (this.#isClosed || sent === framedBytes + blobBytes) {
      this.#addon.replyBlobRelease(blobId);
      return;
    }
    if (sent < framedBytes) {
      this.#outbox.append(this.#host.memory.blocks.out, start + sent, end);
      sent = framedBytes;
    }
    this.#outbox.appendBlob(blobId, blobBytes, sent - framedBytes);
    this.#checkBacklog();
  }

  /** Closes the client that lets too many replies wait. */
  #checkBacklog(): void {
    const { limits } = this.#host;
    const unsentBytes = this.#outbox.byteCount;
    let isOver = limits.outputHardBytes > 0 && unsentBytes >= limits.outputHardBytes;
    if (limits.outputSoftBytes > 0 && unsentBytes >= limits.outputSoftBytes) {
      const now = Date.now();
      if (this.#softSinceMs === 0) this.#softSinceMs = now;
      else if (now - this.#softSinceMs >= limits.outputSoftMs) isOver = true;
    } else {
      this.#softSinceMs = 0;
    }
    if (isOver) {
      log.warning(
        `Client ${this.#description()} scheduled to be closed ASAP for overcoming of output buffer limits.`,
      );
      this.close();
    } else if (unsentBytes > limits.replyBacklogBytesMax) {
      log.warning(
        `Client ${this.#description()} closed: its unsent replies pass reply-backlog-max (${limits.replyBacklogBytesMax} bytes)`,
      );
      this.close();
    }
  }

  #onDrain(): void {
    this.#softSinceMs = 0;
    if (this.#isClosed) return;
    this.#count();
    if (this.#isEnding) this.close();
  }

  // --- the end ---

  /** What happens once a second. */
  sweep(now: number): void {
    if (this.#isClosed) return;
    const { idleMs } = this.#host.limits;
    if (idleMs > 0 && this.#completion === undefined && now - this.lastSeenMs > idleMs) {
      log.verbose('Closing idle client');
      this.close();
      return;
    }
    if (!this.#outbox.isEmpty) this.#checkBacklog();
    this.record(now);
  }

  keepAlive(ms: number): void {
    this.#socket.setKeepAlive(ms > 0, ms);
  }

  /** Closes at once: no further request runs, unsent replies are dropped. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#completion = undefined;
    this.afterCompletion = undefined;
    this.#addon.clientClose(this.id);
    this.#socket.destroy();
  }

  #cleanUp(): void {
    this.close();
    this.#decoder.end();
    this.#outbox.release();
    this.#dropBacklog();
    this.postponed?.release();
    this.transaction = undefined;
    this.watched = [];
    this.#host.onClosed(this);
  }

  #description(): string {
    return `id=${this.id} addr=${this.address} laddr=${this.localAddress} name=${this.#name} db=${this.db} omem=${this.#outbox.byteCount}`;
  }
}
