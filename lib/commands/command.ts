// What a command is: one row says everything about it. COMMAND INFO, arity, cluster routing, the
// README and a test all read it.

import type { Acl, AclChange } from '../auth/acl.ts';
import type { User } from '../auth/user.ts';
import type { Settings } from '../config/settings.ts';
import type { denialContexts, denialReasons } from '../engine/client-commands.ts';
import type { Engine } from '../engine/engine.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';

/** What finding keys needs of a request. */
export interface Words {
  readonly count: number;
  /** Whether word `i` is `name`, whatever the case; `name` is upper case. */
  is(i: number, name: string): boolean;
  integer(i: number): number | undefined;
}

/** Which words of a request are keys, as word indices (the command name is word 0). */
export interface KeySpec {
  /** As COMMAND answers them: first, last (negative from the end), step; 0, 0, 0 for none. */
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Of keys behind their number: the word with the number. */
  readonly numberAt?: number;
  /** For movable keys: all of them. Undefined when the words do not parse (COMMAND GETKEYS: invalid arguments). */
  readonly find?: (words: Words) => number[] | undefined;
}

export interface Command {
  /** Lower case; a subcommand's row is named by itself, e.g. `setname`. */
  readonly name: string;
  readonly summary: string;
  readonly since?: string;
  readonly group?: string;
  /** Word count with the name; negative: at least. */
  readonly arity: number;
  /** As COMMAND INFO answers them: write, readonly, denyoom, fast, admin, movablekeys, ... */
  readonly flags: readonly string[];
  readonly categories?: readonly string[];
  readonly keys: KeySpec;
  /** It looks at keys that it does not name, without being marked as reading data: EXEC locks all for it. */
  readonly readsAllKeys?: boolean;
  readonly subcommands?: readonly Command[];
  /** Words that nobody else may see, as passwords: MONITOR hides them. */
  readonly secrets?: (words: Words) => readonly number[];
  /** Refused at EXEC time with this text (executions, blocking in C++ only). */
  readonly refusedInTransaction?: () => Error;
  /**
   * Inside MULTI: run after EXEC arrives and before the locks are taken, by itself; its reply is put
   * in its place (CONFIG SET). It changes no key.
   */
  readonly isPrepared?: boolean;
  /**
   * Inside MULTI: what takes long of the command is done then too, and only what is left of it under
   * the locks (MODELSTORE, SCRIPTSTORE). Calls `call.wait`, whose completion writes no reply unless
   * it fails. @throws {ReplyError} The command's reply, in its place.
   */
  readonly prepare?: (call: Call) => Prepared;
  /** While it waits it is at work: statistics count all of its time (DEBUG). */
  readonly worksWhileWaiting?: boolean;
  /** Writes exactly one reply, or calls `call.wait`. @throws {ReplyError} Answered as it is. */
  run(call: Call): void;
}

/** How a pending command is known to the other threads: the words of a native call. */
export interface Ticket {
  readonly connection: number;
  readonly sequence: number;
}

/** What `wait` gives. */
export interface OwnTicket extends Ticket {
  /** Of the socket to which another thread may send the reply, since nothing else has to be sent there before; or -1. */
  readonly slot: number;
  finish(code: number, text: string): void;
}

/** The end of a pending command: a code of `codes` and its text. */
export type Completion = (reply: ReplyEncoder, code: number, text: string) => void;

/** How many channels, patterns and channels of shards a client listens to. */
export interface SubscriptionCounts {
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
}

/** The client's own state, which commands read and change. */
export interface Client {
  readonly id: number;
  db: number;
  name: string;
  libName: string;
  libVersion: string;
  /** Its user's name. */
  readonly user: string;
  /** It must say who it is before other commands. */
  readonly isUnauthenticated: boolean;
  /** Whose rights it has. Undefined: the user is deleted. */
  readonly access: User | undefined;
  /** It has asked for a change of users: if that closes it, then after the reply. */
  changesUsers: boolean;
  /** From now on it is `user`. */
  login(user: User): void;
  /** It is what it was when it came. */
  logout(): void;
  /** 2 or 3; setting it changes the encoder too. */
  resp: 2 | 3;
  readonly address: string;
  readonly localAddress: string;
  /** Words queued by MULTI, or undefined outside of it. */
  transaction: Transaction | undefined;
  /** How many keys it watches. */
  readonly watchedCount: number;
  /** Watches words of the request that are keys of its database. */
  watch(firstKey: number, count: number): void;
  unwatch(): void;
  /** Whether a key has changed since it is watched. */
  watchedHaveChanged(): boolean;
  readonly watchedSlots: readonly number[];
  replyMode: 'on' | 'off' | 'skip' | 'skip-next';
  subscriptions: SubscriptionCounts;
  /** It is told of all commands. */
  isMonitor: boolean;
  /** Ends all subscriptions, and monitoring. */
  stopListening(): void;
  /** As CLIENT LIST shows them. */
  readonly flags: string;
  /** Others are to see at once what has changed. */
  noteState(): void;
  /** It listens in RESP2, in which a reply and a message look alike: few commands are allowed. */
  readonly isListening: boolean;
  /** Whether its commands count as uses of keys (CLIENT NO-TOUCH). */
  isTouching: boolean;
  /** It may be closed for the memory that it takes (maxmemory-clients; CLIENT NO-EVICT). */
  isEvictable: boolean;
  /** Closes after the replies so far have been sent. */
  closeAfterReply(): void;
}

/** A command of which only the last step is left, which changes the key. */
export interface Prepared {
  /** @throws {ReplyError} Otherwise the reply is OK. */
  commit(db: number): void;
  /** Must be called once, committed or not. */
  drop(): void;
}

export interface QueuedCommand {
  readonly command: Command;
  readonly request: Request;
  /** Dropped with the transaction. */
  prepared?: Prepared;
}

export interface Transaction {
  readonly queued: QueuedCommand[];
  isDirty: boolean;
}

/** Of one command since the last reset. `microseconds` is an estimate once it is called often. */
export interface CommandFigures {
  readonly calls: number;
  readonly microseconds: number;
  readonly rejected: number;
  readonly failed: number;
}

/** Of the last second, each a second. */
export interface Rates {
  readonly commands: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Turns of the threads' event loops. */
  readonly cycles: number;
  /** Mean length of such a turn, without waiting. */
  readonly cycleMicroseconds: number;
}

/** Sums of all I/O threads since the last reset, as each had them within the last second. */
export interface ThreadTotals {
  /** Turns of their event loops, and how long these took without waiting. */
  readonly cycles: number;
  readonly busyMicroseconds: number;
  /** Clients closed for the size of what they have asked, and for replies that they do not read. */
  readonly queryLimitClosed: number;
  readonly outputLimitClosed: number;
}

/** What the access list has refused. `object` and `user` are byte strings. */
export interface DeniedRequest {
  readonly reason: (typeof denialReasons)[number];
  readonly context: (typeof denialContexts)[number];
  /** The command, or the word of it that is a key or channel. */
  readonly object: string;
  readonly user: string;
  /** 0: a script. */
  readonly clientId: number;
}

/** What DEBUG RELOAD is asked for. */
export interface ReloadOptions {
  /** First all keys go to the file. */
  readonly saves: boolean;
  /** Then they are deleted. */
  readonly flushes: boolean;
  /** A key of the file that is there takes its place, where it ends the process otherwise. */
  readonly merges: boolean;
}

/** What commands may ask of the process; the main thread or this thread carries it out. */
export interface ServerServices {
  readonly settings: Settings;
  readonly startedMs: number;
  readonly runId: string;
  readonly threadCount: number;
  readonly configFile: string | undefined;
  readonly tcpPort: number;
  readonly executable: string;
  /** By the names that clients call them by. */
  readonly commands: ReadonlyMap<string, Command>;
  /**
   * Checks (`settings.check`, internal ones allowed: CONFIG SET has refused them already) and applies
   * pairs on every thread; the answer is undefined or the error.
   */
  configSet(pairs: readonly (readonly [string, string])[]): Promise<Error | undefined>;
  /** Writes the settings to the configuration file, which there must be; answers as `configSet`. */
  configRewrite(): Promise<Error | undefined>;
  /** This thread's copy. */
  readonly acl: Acl;
  /** Changes the users of all threads. @returns How many were deleted. @throws {ReplyError} As a rejection. */
  changeUsers(change: AclChange): Promise<number>;
  /** For ACL LOG. */
  logDenial(denied: DeniedRequest): void;
  /** Commands of all clients, or those that change data, wait for so long. */
  pauseClients(forMs: number, onlyWrites: boolean): void;
  unpauseClients(): void;
  /** Saves to the file; answers as `configSet`. */
  save(): Promise<Error | undefined>;
  /** After FLUSHALL: saves if there are save points, whatever comes of it. */
  saveFlushed(): Promise<void>;
  /** Begins to save; the answer is whether that is only scheduled. @throws {ReplyError} */
  saveInBackground(isScheduled: boolean): Promise<boolean>;
  /** Begins to rewrite the append-only file; answers as `configSet`. */
  rewriteJournal(): Promise<Error | undefined>;
  /** Loads the file; answers as `configSet`. */
  reload(options: ReloadOptions): Promise<Error | undefined>;
  /** Holds what the append-only files hold; answers as `configSet`. */
  reloadJournal(): Promise<Error | undefined>;
  /** Ends the process with status 0 after open EXECs; only where it cannot there is an answer. */
  shutdown(options: {
    readonly save: 'default' | 'save' | 'nosave';
    readonly isForced: boolean;
  }): Promise<Error | undefined>;
  /** Brings this thread's share of the native core's counters up to date. */
  shareTraffic(): void;
  // --- sums of all threads since the start or the last reset, for INFO ---
  /** By full name, `config|get` for a subcommand. */
  commandFigures(): ReadonlyMap<string, CommandFigures>;
  /** Calls of all commands. */
  commandCount(): number;
  /** Microseconds that so many percent of a command's calls stay within. */
  commandPercentiles(percents: readonly number[]): ReadonlyMap<string, readonly number[]>;
  /** By full name, commands that were called: by powers of two of microseconds, calls that stay within. */
  commandHistograms(): ReadonlyMap<string, readonly (readonly [number, number])[]>;
  /** Errors answered, by code. */
  errorCounts(): ReadonlyMap<string, number>;
  rates(): Rates;
  threadTotals(): ThreadTotals;
  /** TLS connections that never became clients, of all time. */
  handshakeFailureCount(): number;
  /** Clients whose command waits: for a key, a run, or the end of a pause. */
  blockedCount(): number;
  resetStatistics(): void;
}

/** One command being carried out. */
export interface Call {
  readonly command: Command;
  readonly request: Request;
  readonly reply: ReplyEncoder;
  readonly client: Client;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly server: ServerServices;
  /** Not within EXEC, and not for a script: then `wait` must not be called. */
  readonly mayWait: boolean;
  /** `wait` has been called and its completion not. */
  readonly isPending: boolean;
  /**
   * Makes the command pending: nothing of this connection is executed until `completion` has
   * written the reply. Hand the ticket to a native call, or call `finish` yourself.
   * @param abandoned Called instead if the connection goes meanwhile.
   */
  wait(completion: Completion, abandoned?: () => void): OwnTicket;
  /**
   * Keeps the words of the command that waits: if its user's rights change meanwhile, it is refused
   * when it would be served.
   */
  keepRequest(): void;
  /**
   * Carries out another command as a part of this one (EXEC). Its `ReplyError` becomes its reply.
   * @param then Called when its reply has been written, which is later if it waits.
   * @param run What is carried out of it, unless all.
   */
  execute(command: Command, request: Request, then?: () => void, run?: Command['run']): void;
}

export const noSubscriptions: SubscriptionCounts = { channels: 0, patterns: 0, shardChannels: 0 };

export const noKeys: KeySpec = { first: 0, last: 0, step: 0 };
export const firstArgIsKey: KeySpec = { first: 1, last: 1, step: 1 };
