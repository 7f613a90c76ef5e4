// From a request to its command: name, arity, password, memory, MULTI. Allocates nothing unless it refuses.

import type { CommandCatalog } from '../auth/catalog.ts';
import type { User } from '../auth/user.ts';
import { type Denial, denialOf } from '../commands/access.ts';
import type { Call, Client, Command } from '../commands/command.ts';
import { ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import { commandBlock } from '../engine/journal-commands.ts';
import { BLOB_WORD_BIT } from '../resp/native-memory.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { CommandIndex, type Entry } from './command-index.ts';
import type { CommandStatistics } from './command-statistics.ts';
import type { Limits } from './limits.ts';
import type { Monitors } from './monitors.ts';
import type { Pausable, Pause } from './pause.ts';

/** Bytes of a command and of its arguments that an error repeats, as in Redis 7.2 (`server.c`). */
const SHOWN_BYTES_MAX = 128;

/** The slow log shows no more words of a command (`slowlog.h` of Redis 7.2). */
const LOGGED_WORDS_MAX = 32;
/** Commands that take no longer than a lookup are each timed only where such times are of interest, or where they carry large arguments. */
const QUICK_WATCHED_US_MAX = 1000;

/** What browsers and other HTTP clients say first (`securityWarningCommand` of Redis 7.2). */
const httpWords = new Set(['post', 'host:']);

/** Who sends a request: a connection, or a script. */
export interface Caller
  extends Pausable,
    Pick<Client, 'address' | 'transaction' | 'unwatch' | 'isListening' | 'isTouching'> {
  readonly call: Call & { command: Command; request: Request };
  /** There is something that it may not do: not every command, key and channel is allowed. */
  readonly isLimited: boolean;
  readonly isUnauthenticated: boolean;
  /** What it has asked for last, be it refused, for CLIENT LIST; undefined: there is no such command. */
  lastCommand: Command | undefined;
  /** Undefined: the user is deleted. */
  readonly access: User | undefined;
  /** A refusal of the access list, for ACL LOG. */
  onDenied(denial: Denial, command: string, request: Request, isInTransaction: boolean): void;
  /** Bytes that MULTI has queued, without and of blobs. */
  queuedBytes: number;
  queuedBlobBytes: number;
  /** The command has failed after it had asked for a ticket. */
  cancelWait(): void;
  close(): void;
  /** The same when MULTI queues too much. */
  closeForQueue(): void;
}

/** A command that waits for its result and is watched meanwhile. */
export interface WatchedWait {
  /** As the slow log keeps them; -1: it does not. */
  readonly words: number;
  readonly startedMs: number;
}

export class Dispatcher {
  readonly #index: CommandIndex;
  readonly #encoder: ReplyEncoder;
  readonly #addon: Addon;
  readonly #limits: Limits;
  readonly #entries: Entry[] = [];
  readonly #entryOf = new Map<Command, Entry>();
  /** By the index of a command in `names`. */
  readonly #statistics: CommandStatistics;
  readonly #monitors: Monitors;
  readonly #pause: Pause | undefined;
  /** What native calls know of the command that is carried out: `ThreadBlocks.command`. */
  readonly #commandBlock: Int32Array;
  /** Whether the commands of this thread count as uses of keys at the moment. */
  #isTouching = true;

  constructor(
    commands: Iterable<Command>,
    called: ReadonlyMap<string, Command>,
    catalog: CommandCatalog,
    encoder: ReplyEncoder,
    addon: Addon,
    block: Int32Array,
    limits: Limits,
    statistics: CommandStatistics,
    monitors: Monitors,
    pause?: Pause,
  ) {
    this.#index = new CommandIndex(commands, '', catalog, called);
    this.#encoder = encoder;
    this.#addon = addon;
    this.#commandBlock = block;
    this.#limits = limits;
    for (const entry of this.#index.entries) {
      this.#number(entry);
      for (const sub of entry.subcommands?.entries ?? []) this.#number(sub);
    }
    this.names = this.#entries.map((entry) => entry.fullName);
    this.#statistics = statistics;
    this.#monitors = monitors;
    this.#pause = pause;
  }

  #number(entry: Entry): void {
    entry.index = this.#entries.length;
    this.#entries.push(entry);
    this.#entryOf.set(entry.command, entry);
  }

  /** Full names, `config|get` for subcommands, in the order of the counters. */
  readonly names: readonly string[];

  /** Any command: what a connection's record names before its first one. */
  get anyCommand(): Command {
    return this.#entries[0]!.command;
  }

  nameOf(command: Command): string {
    return this.#entryOf.get(command)?.fullName ?? command.name;
  }

  /** Carries out a command within another, which has been checked before. @throws {ReplyError} */
  runWithin(command: Command, call: Call, run: Command['run']): void {
    this.#run(this.#entry(command), call, run);
  }

  /**
   * A command begins to wait. What it waits for is the server's work, a run of a model or a change of
   * settings, and counts with all of its time; but not where clients wait for each other.
   */
  beginWait({ command, request }: Call): WatchedWait | undefined {
    const isWatched =
      this.#limits.watchedUs < Number.POSITIVE_INFINITY && !command.flags.includes('blocking');
    if (!isWatched)
      return command.worksWhileWaiting ? { words: -1, startedMs: performance.now() } : undefined;
    return {
      words: this.#addon.slowLogKeep(request.count, secretBits(command, request)),
      startedMs: performance.now(),
    };
  }

  endWait({ words, startedMs }: WatchedWait, client: Client, command: Command): void {
    const microseconds = (performance.now() - startedMs) * 1000;
    if (command.worksWhileWaiting)
      this.#statistics.worked(this.#entry(command).index, microseconds);
    if (words < 0) return;
    const { slowLogUs } = this.#limits;
    if (slowLogUs >= 0 && microseconds >= slowLogUs)
      this.#addon.slowLogAddKept(words, Math.floor(microseconds), client.address, client.name);
    else this.#addon.slowLogDropKept(words);
    if (this.#limits.latencyMs > 0) this.#addon.latencyNote('command', microseconds);
  }

  /** The client has gone before the end. */
  dropWait({ words }: WatchedWait): void {
    if (words >= 0) this.#addon.slowLogDropKept(words);
  }

  /** A command that waited has ended with an error. */
  countFailure(command: Command): void {
    this.#statistics.failed(this.#entry(command).index);
  }

  #entry(command: Command): Entry {
    const entry = this.#entryOf.get(command);
    if (entry === undefined) throw new Error(`no command of the table: ${command.name}`);
    return entry;
  }

  #run(entry: Entry, call: Call, run: Command['run']): void {
    const { index } = entry;
    const { watchedUs } = this.#limits;
    const isWatched =
      entry.isQuick && call.request.blobCount === 0
        ? watchedUs < QUICK_WATCHED_US_MAX
        : watchedUs < Infinity;
    const startedMs = this.#statistics.begin(index, isWatched);
    const block = this.#commandBlock;
    block[commandBlock.wordCount] = call.request.count;
    block[commandBlock.form] = entry.journalForm;
    block[commandBlock.db] = call.client.db;
    try {
      run(call);
    } catch (error) {
      if (error instanceof ReplyError) this.#statistics.failed(index);
      throw error;
    } finally {
      block[commandBlock.wordCount] = 0;
      const microseconds = this.#statistics.end(index, startedMs);
      if (startedMs !== 0 && microseconds >= watchedUs && !call.isPending)
        this.#noteSlow(entry, call, microseconds);
      if (this.#monitors.areThere) this.#monitors.tell(entry.command, call);
    }
  }

  #noteSlow(entry: Entry, { client, request }: Call, microseconds: number): void {
    const { latencyMs, slowLogUs } = this.#limits;
    if (slowLogUs >= 0 && microseconds >= slowLogUs && entry.isLogged) {
      request.select();
      this.#addon.slowLogAdd(
        request.count,
        secretBits(entry.command, request),
        Math.floor(microseconds),
        client.address,
        client.name,
      );
    }
    if (latencyMs > 0)
      this.#addon.latencyNote(entry.isFast ? 'fast-command' : 'command', microseconds);
  }

  /** Carries out one request; its reply is in the encoder, or the caller waits. */
  dispatch(caller: Caller, request: Request): void {
    let entry = this.#index.find(request, 0);
    if (entry === undefined) {
      caller.lastCommand = undefined;
      this.#refuse(caller, this.#unknown(caller, request));
      return;
    }
    if (entry.subcommands !== undefined && request.count > 1) {
      const sub = entry.subcommands.find(request, 1);
      if (sub === undefined) {
        caller.lastCommand = undefined;
        this.#refuse(caller, unknownSubcommand(request));
        return;
      }
      entry = sub;
    }
    caller.lastCommand = entry.command;
    const { count } = request;
    if (count < entry.wordsMin || count > entry.wordsMax) {
      const complaint = replyErrors.wrongArity(entry.fullName);
      if (entry.isExec) this.#abort(caller, entry, complaint.message);
      else this.#refuse(caller, complaint, entry);
      return;
    }
    if (caller.isLimited) {
      const refusal = this.#notPermitted(caller, entry, request);
      if (refusal !== undefined) {
        this.#refuse(caller, refusal, entry);
        return;
      }
    }
    if (request.blobCount > 0 && this.#hasRefusedBlob(request)) {
      this.#refuse(caller, replyErrors.outOfMemory(), entry);
      return;
    }
    if (
      entry.growsMemory &&
      this.#limits.maxmemoryBytes > 0 &&
      this.#addon.isOverMaxmemory() === 1
    ) {
      this.#refuse(caller, replyErrors.outOfMemory(), entry);
      return;
    }
    if (this.#limits.refusesWrites && (entry.isPing || changesData(entry, caller))) {
      const complaint = replyErrors.cannotPersist();
      if (entry.isExec) this.#abort(caller, entry, complaint.line);
      else this.#refuse(caller, complaint, entry);
      return;
    }
    if (this.#limits.journalError !== '' && (entry.isPing || changesData(entry, caller))) {
      const complaint = replyErrors.cannotJournal(this.#limits.journalError);
      if (entry.isExec) this.#abort(caller, entry, complaint.line);
      else this.#refuse(caller, complaint, entry);
      return;
    }
    if (this.#limits.lacksReplicas && changesData(entry, caller)) {
      const complaint = replyErrors.notEnoughReplicas();
      if (entry.isExec) this.#abort(caller, entry, complaint.line);
      else this.#refuse(caller, complaint, entry);
      return;
    }
    if (caller.isListening && !entry.isForListeners) {
      const complaint = replyErrors.listening(entry.fullName);
      if (entry.isExec) this.#abort(caller, entry, complaint.message);
      else this.#refuse(caller, complaint, entry);
      return;
    }
    if (this.#limits.isLoading && entry.isRefusedWhileLoading) {
      this.#refuse(caller, replyErrors.loading(), entry);
      return;
    }
    if (this.#pause?.isOn && this.#pause.stops(changesData(entry, caller))) {
      this.#pause.postpone(caller, request, (kept) => this.dispatch(caller, kept));
      return;
    }
    if (caller.transaction !== undefined) {
      if (!entry.isUnqueued) {
        this.#queue(caller, entry, request);
        return;
      }
      if (entry.isExec && this.#growsMemory(caller)) {
        this.#abort(caller, entry, replyErrors.outOfMemory().line);
        return;
      }
    }
    if (caller.isTouching !== this.#isTouching) {
      this.#isTouching = caller.isTouching;
      this.#addon.setTouching(this.#isTouching ? 1 : 0);
    }
    const { call } = caller;
    call.command = entry.command;
    call.request = request;
    request.select();
    try {
      this.#run(entry, call, entry.run);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      caller.cancelWait();
      this.#encoder.error(error);
    }
  }

  /** What stands against it that is the user's, in Redis' order (`processCommand`). */
  #notPermitted(caller: Caller, entry: Entry, request: Request): ReplyError | undefined {
    if (caller.isUnauthenticated && !entry.isOpen) return replyErrors.noAuth();
    const isInTransaction = caller.transaction !== undefined;
    if (isInTransaction && entry.isRefusedInMulti) return replyErrors.notInTransaction();
    // Its words cannot be read.
    if (request.blobCount > 0 && this.#hasRefusedBlob(request)) return replyErrors.outOfMemory();
    const denial = this.#denialOf(caller, entry, request);
    if (denial === undefined) return undefined;
    return deniedAs(denial, caller, entry, request, isInTransaction);
  }

  /** What stands against a command that is known to be allowed otherwise. */
  denialOf(caller: Caller, command: Command, request: Request): Denial | undefined {
    return caller.isLimited ? this.#denialOf(caller, this.#entry(command), request) : undefined;
  }

  /** A command that has waited is refused: Redis 7.2 counts it as one that never began. */
  refuseWaiting(caller: Caller, command: Command, request: Request, denial: Denial): ReplyError {
    const entry = this.#entry(command);
    this.#statistics.rejectedLate(entry.index);
    return deniedAs(denial, caller, entry, request, false);
  }

  #denialOf({ access }: Caller, entry: Entry, request: Request): Denial | undefined {
    if (access === undefined) return entry.isOpen ? undefined : { reason: 'command', word: 0 };
    return denialOf(access, entry.ruled, entry.command, request);
  }

  /** Rules may have changed since a command was queued. */
  notPermittedAnyMore(caller: Caller, command: Command, request: Request): ReplyError | undefined {
    const entry = this.#entryOf.get(command);
    const denial = entry && this.#denialOf(caller, entry, request);
    if (entry === undefined || denial === undefined) return undefined;
    this.#statistics.rejected(entry.index);
    caller.onDenied(denial, entry.fullName, request, true);
    return replyErrors.notPermittedAnyMore(reasonAtExec[denial.reason]);
  }

  /** A refusal while commands are queued dooms their EXEC. */
  #refuse(caller: Caller, error: ReplyError, entry?: Entry): void {
    if (entry !== undefined) this.#statistics.rejected(entry.index);
    if (caller.transaction !== undefined) caller.transaction.isDirty = true;
    this.#encoder.error(error);
  }

  /** A refused EXEC ends its transaction (`rejectCommand` of Redis 7.2). */
  #abort(caller: Caller, entry: Entry, reason: string): void {
    this.#statistics.rejected(entry.index);
    caller.transaction = undefined;
    caller.unwatch();
    this.#encoder.error(replyErrors.execRefused(reason));
  }

  #queue(caller: Caller, entry: Entry, request: Request): void {
    if (entry.isRefusedInMulti) {
      this.#refuse(caller, replyErrors.notInTransaction(), entry);
      return;
    }
    const kept = request.retain();
    caller.queuedBytes += kept.heldBytes;
    caller.queuedBlobBytes += kept.blobBytes;
    caller.transaction!.queued.push({ command: entry.command, request: kept });
    const { queryBufferBytesMax, protoMaxBulkBytes } = this.#limits;
    // As in Redis 7.2 large arguments count too; one that may be sent may also be queued.
    if (
      caller.queuedBytes > queryBufferBytesMax ||
      caller.queuedBlobBytes > Math.max(queryBufferBytesMax, protoMaxBulkBytes)
    ) {
      log.warning(
        `Closing client ${caller.address}: MULTI queues more than client-query-buffer-limit`,
      );
      caller.closeForQueue();
      return;
    }
    this.#encoder.simple('QUEUED');
  }

  #growsMemory(caller: Caller): boolean {
    if (this.#limits.maxmemoryBytes === 0) return false;
    const queued = caller.transaction?.queued ?? [];
    if (!queued.some(({ command }) => this.#entryOf.get(command)?.growsMemory)) return false;
    return this.#addon.isOverMaxmemory() === 1;
  }

  #hasRefusedBlob(request: Request): boolean {
    for (let i = 0; i < request.count; i++) {
      const offset = request.row[2 * i]!;
      if (offset >= BLOB_WORD_BIT && this.#addon.blobIsRefused(offset - BLOB_WORD_BIT) === 1) {
        return true;
      }
    }
    return false;
  }

  #unknown(caller: Caller, request: Request): ReplyError {
    const name = shown(request, 0, SHOWN_BYTES_MAX);
    if (httpWords.has(name.toLowerCase())) {
      log.warning(
        `Closing ${caller.address}: it speaks HTTP, perhaps a web page made to reach this server`,
      );
      caller.close();
    }
    let args = '';
    for (let i = 1; i < request.count && Buffer.byteLength(args) < SHOWN_BYTES_MAX; i++) {
      args += `'${shown(request, i, SHOWN_BYTES_MAX - Buffer.byteLength(args))}' `;
    }
    return replyErrors.unknownCommand(name, args);
  }
}

/** Notes the refusal for ACL LOG. @returns What the client is answered. */
function deniedAs(
  denial: Denial,
  caller: Caller,
  { fullName }: Entry,
  request: Request,
  isInTransaction: boolean,
): ReplyError {
  caller.onDenied(denial, fullName, request, isInTransaction);
  switch (denial.reason) {
    case 'command':
      return replyErrors.notPermitted(caller.access?.name ?? '', fullName);
    case 'key':
      return replyErrors.keyNotPermitted();
    case 'channel':
      return replyErrors.channelNotPermitted();
  }
}

const reasonAtExec: Readonly<Record<Denial['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments to the command',
};

/** A bit for each word that no log may show. */
function secretBits({ secrets }: Command, request: Request): number {
  const words = secrets?.(request) ?? [];
  return words.reduce((bits, word) => bits + (word < LOGGED_WORDS_MAX ? 2 ** word : 0), 0);
}

/** What CLIENT PAUSE ... WRITE stops. */
function changesData(entry: Entry, caller: Caller): boolean {
  if (!entry.isExec) return entry.isWrite;
  const queued = caller.transaction?.queued ?? [];
  return queued.some(({ command }) => command.flags.includes('write'));
}

function unknownSubcommand(request: Request): ReplyError {
  const name = shown(request, 1, SHOWN_BYTES_MAX);
  return replyErrors.unknownSubcommand(name, shown(request, 0, SHOWN_BYTES_MAX).toUpperCase());
}

/** The first bytes of a word, up to a NUL, as Redis' `%.*s` has them. A blob's are not at hand. */
function shown(request: Request, word: number, bytesMax: number): string {
  if (request.isBlob(word)) return '';
  const bytes = request.bytes(word).subarray(0, bytesMax);
  const nul = bytes.indexOf(0);
  return (nul < 0 ? bytes : bytes.subarray(0, nul)).toString();
}
