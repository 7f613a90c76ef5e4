// The native core, as TypeScript sees it: the sole loader of tutti.node, and the types of its
// exports. A call that can fail answers a number: not negative on success, else the negative of
// one of `codes`. Words of the current request are named by their index; the addon finds them in
// the thread's offset row (two u32 a word: offset into the request block, length), so that no
// argument of a hot call is more than an integer.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nativeFolder } from '../runtimes/locate.ts';
import type { BlockingCommands } from './blocking-commands.ts';
import type { ClientCommands } from './client-commands.ts';
import type { DataCommands } from './data-commands.ts';
import type { EventCommands } from './event-commands.ts';
import type { JournalCommands } from './journal-commands.ts';
import type { ModelCommands, ScriptHostCommands } from './model-commands.ts';
import type { ObservationCommands } from './observation-commands.ts';
import type { StoredDataCommands } from './stored-data.ts';

/** `Code` of native/core/status.h. */
export const codes = {
  ok: 0,
  notFound: 1,
  wrongType: 2,
  outOfMemory: 3,
  notPerformed: 4,
  invalidShape: 5,
  wrongBlobLength: 6,
  wrongValueCount: 7,
  invalidValue: 8,
  invalidBool: 9,
  wrongStringCount: 10,
  nulInString: 11,
  notInteger: 12,
  overflow: 13,
  failed: 14,
  timedOut: 15,
  wrongKind: 16,
  shuttingDown: 17,

  notFloat: 40,
  notANumber: 41,
  notFloatRange: 42,
  notMemberRange: 43,
  indexOutOfRange: 44,
  wouldOverflow: 45,
  hashNotInteger: 46,
  hashNotFloat: 47,
  incrementNotFinite: 48,
  stringTooLong: 49,
  invalidBitOffset: 50,
  invalidStreamId: 51,
  streamIdTooSmall: 52,
  streamIdZero: 53,
  streamExhausted: 54,
  notSortable: 55,
  syntax: 56,
  invalidBitfieldType: 57,
  invalidOverflow: 58,
  onlyGet: 59,
  invalidStartId: 60,
  invalidEndId: 61,
  setIdTooSmall: 62,
  setIdBelowDeleted: 63,
  setIdEntriesTooFew: 64,
  setIdBelowGiven: 65,
  invalidBit: 66,
  decrementOverflow: 67,
  offsetOutOfRange: 68,
  notFinite: 69,
  unblocked: 70,
  notPermitted: 71,
  noSuchGroup: 72,

  badChecksum: 90,
  badFormat: 91,
  emptyValue: 92,
  busyKey: 93,
  cannotSave: 94,
  saving: 95,
} as const;

/** `ObjectKind` of native/core/object.h: what a key can hold. */
export const valueKinds = {
  none: 0,
  string: 1,
  list: 2,
  set: 3,
  sortedSet: 4,
  hash: 5,
  stream: 6,
  tensor: 7,
  model: 8,
  script: 9,
} as const;

/** `DType` of native/tensor/dtype.h; the index is the code. */
export const dtypeNames = [
  'FLOAT',
  'DOUBLE',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'BOOL',
  'STRING',
] as const;

/** `BackendKind` of native/inference/model.h; the index is the code. */
export const backendNames = ['TF', 'TFLITE', 'TORCH', 'ONNX'] as const;

/** `MessageKind` of native/threads/mailbox.h. */
export const messageKinds = {
  completion: 1,
  kill: 2,
  notice: 3,
  scriptCommand: 4,
  published: 5,
  overrun: 6,
  answered: 7,
} as const;

/** What a socket is watched for, and ready for. */
export const socketEvents = { readable: 1, writable: 2 } as const;
/** Answers of the socket calls, as `-errno`. */
export const EAGAIN = -11;

/** In an offset row, a word with this bit in its offset is a blob; the other bits are its id. */
export const BLOB_WORD_BIT = 0x8000_0000;
/** An argument of this many bytes and more has memory of its own (`kBlobBytesMin`). */
export const BLOB_BYTES_MIN = 32 * 1024;
/** In a packed row: there is no element (nil). */
export const ROW_NIL = 0xffff_ffff;
/** In a packed row: u32 reply blob id and f64 byte count follow in place of the bytes. */
export const ROW_REFERENCE = 0xffff_fffe;

/** Added to the index of an input that `modelExecute` or `scriptExecute` could not take. */
export const INPUT_MISSING = 1_000_000_000;
export const INPUT_WRONG_TYPE = 2_000_000_000;

/** Of what a code of `dagExecute` says that it is missing or wrong. */
export const dagPlaces = {
  load: 0,
  tensor: 1,
  model: 2,
  script: 3,
  input: 4,
  persist: 5,
} as const;

/** How AI.TENSORSET names its elements. */
export const tensorSources = { zeros: 0, blob: 1, values: 2 } as const;

/** Bits of `stringSet`'s `conditions`. */
export const setConditions = { ifAbsent: 1, ifPresent: 2, wantPrevious: 4 } as const;
/** Bits of `keyExpire`'s `conditions`. */
export const expireConditions = { nx: 1, xx: 2, gt: 4, lt: 8 } as const;

/** Where an expiry is expected: none, or as it was. */
/** Unix time in milliseconds; a bigint beyond 2^53 and only there, so that all 64 bits are kept. */
export type UnixMs = number | bigint;
export const NO_EXPIRY = -1;
export const KEEP_EXPIRY = -2;

/** One thread's memory, shared with the addon. Valid until the thread ends. */
export interface ThreadBlocks {
  /** What sockets read into: 64 KiB. The request block unless `useRequest` says otherwise. */
  readonly scratch: Buffer;
  /** The offset row of a request within `scratch`: 2 u32 a word, room for 16,384 words. */
  readonly row: Uint32Array;
  /** Framed replies on their way out: 256 KiB. */
  readonly out: Buffer;
  /** Packed rows, u32 length and bytes each, that a call answers: 64 KiB. */
  readonly rows: Buffer;
  /** Numbers that a call answers beside its result: 512. */
  readonly numbers: Float64Array;
  /** Sockets that are ready, as `onReady` tells them: slot and `socketEvents`, 2 i32 each. */
  readonly ready: Int32Array;
  /** What `socketSendMany` sends: slot, start and end in `out`, 3 i32 each. */
  readonly sends: Int32Array;
  /** The command that is carried out, for the journal: `commandBlock` says what is where. */
  readonly command: Int32Array;
  /** Which thread this is, from 0. */
  readonly threadIndex: number;
}

/** The settings that say in which form values are kept, and how uses of keys are counted. */
export const valueLimitNames = [
  'hash-max-listpack-entries',
  'hash-max-listpack-value',
  'list-max-listpack-size',
  'set-max-intset-entries',
  'set-max-listpack-entries',
  'set-max-listpack-value',
  'zset-max-listpack-entries',
  'zset-max-listpack-value',
  'stream-node-max-entries',
  'lfu-log-factor',
  'lfu-decay-time',
] as const;

/** `Policy` of native/keyspace/eviction.h, as maxmemory-policy names them; the index is the code. */
export const evictionPolicies = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
] as const;

/**
 * What a listener tells of a new connection; the descriptor is the receiver's to close.
 * A negative `fd` is no connection: accepting failed with -errno (EMFILE ...) and is tried again after
 * 100 ms; told once until it succeeds, to be logged.
 */
export type AcceptCallback = (
  fd: number,
  address: string,
  localAddress: string,
  isUnix: boolean,
) => void;

export interface ListenerAddress {
  host?: string;
  port?: number;
  backlog: number;
  path?: string;
  /** Octal mode of the socket file, e.g. 0o755. */
  mode?: number;
}

export interface BackendPlace {
  library: string;
  runtimeFolder: string;
  preload: readonly string[];
}

export interface EngineOptions {
  threadsPerQueue: number;
  intraOpThreads: number;
  interOpThreads: number;
  /** How many the process may use. */
  coreCount: number;
  executionTimeoutMs: number;
  memoryLimitBytes: number;
  /** How long runs below MINBATCHSIZE wait for more if their model has no MINBATCHTIMEOUT. */
  minBatchWaitMsMax: number;
  /** By backend code; an empty `library` is a backend that was not built. */
  backends: readonly BackendPlace[];
}

/** Process-wide limits; names as in CONFIG. */
export interface NativeLimits {
  maxmemoryBytes: number;
  poolIdleMaxBytes: number;
  /** Index in `evictionPolicies`. */
  evictionPolicy: number;
  evictionSampleCount: number;
  evictionTenacity: number;
}

export interface ProcessStatistics {
  usedMemory: number;
  usedMemoryPeak: number;
  usedMemoryByKind: {
    keys: number;
    tensors: number;
    models: number;
    runtimes: number;
    requests: number;
    replies: number;
  };
  poolIdleBytes: number;
  /** Used, but not counted against maxmemory: evicted and not free yet. */
  notCountedBytes: number;
  /** Values that wait to be freed, and that have been, by the freeing thread. */
  freeingCount: number;
  freedCount: number;
  rss: number;
  totalSystemMemory: number;
  hits: number;
  misses: number;
  expired: number;
  evicted: number;
  evictedClients: number;
  dirty: number;
  connectedClients: number;
  totalConnections: number;
  rejectedConnections: number;
  netInputBytes: number;
  netOutputBytes: number;
}

/** Of `tensorSet`: codes and counts, words by their index. */
export type TensorWordArguments = [
  dtype: number,
  firstDim: number,
  dimCount: number,
  source: number,
  firstData: number,
  dataCount: number,
];

/** With what it extends one to one with `native/binding/exports.cc`; a test compares the two lists. */
export interface Addon
  extends DataCommands,
    EventCommands,
    BlockingCommands,
    ClientCommands,
    JournalCommands,
    ModelCommands,
    ObservationCommands,
    ScriptHostCommands,
    StoredDataCommands {
  readonly abiVersion: number;
  /** Of the C++ compiler. */
  readonly compilerVersion: string;

  // --- the process: called by the main thread ---
  setLimits(limits: NativeLimits): void;
  /** @param limits In the order of `valueLimitNames`. @param countsFrequency Whether maxmemory-policy is one by frequency. */
  setValueLimits(limits: readonly number[], countsFrequency: boolean): void;
  /** `onLog` is told the lines of the engine and its backends, with a `tutti_log_level` of native/inference/backend.h; without it they go to stderr. */
  configureEngine(options: EngineOptions, onLog?: (level: number, line: string) => void): void;
  /** Starts expiry, freeing and trimming. */
  startBackground(): void;
  /** Ends them and drops queued runs. */
  stopBackground(): void;
  /** Listens and accepts on a thread of its own. @throws {Error} With `code` (EADDRINUSE, EACCES ...). @returns The listener's id. */
  listen(address: ListenerAddress, onConnection: AcceptCallback): number;
  /** The port a listener got (for port 0). */
  listenerPort(id: number): number;
  closeListener(id: number): void;
  /** Sends `text` as it is to a descriptor and closes it: a refused client. */
  refuse(fd: number, text: string): void;
  /** Sends one datagram to a Unix socket, unless that would wait; a `@` first is one of the abstract space. @returns 0 or an errno. */
  sendDatagram(path: string, text: string): number;

  // --- one thread ---
  /**
   * Makes this thread's blocks. `wake` is called in this thread when its mailbox has something;
   * `onReady` once each turn of the event loop in which sockets are ready, with the number of them in `ready`.
   */
  attachThread(wake: () => void, onReady?: (count: number) => void): ThreadBlocks;
  /** Ends this thread's mailbox and wake-ups, so that the thread can exit. */
  detachThread(): void;
  /** Posts a notice of less than 64,000 bytes to every attached thread (this one too). */
  postNotice(text: string): void;
  /** Packed rows in `rows`, one a message: five u32 (kind, connection, sequence, code, text length) and the text, UTF-8. @returns The number of messages; call again until it is 0. */
  drainMailbox(): number;

  // --- requests ---
  /** The request block and row of the following calls, in place of the thread's own. They must stay alive until the next call of this. */
  useRequest(block: Uint8Array, row: Uint32Array): void;
  useScratch(): void;
  /** A block of native memory that is charged as a request's; free it with `freeBlock`. */
  allocateBlock(byteCount: number): ArrayBuffer;
  /** Another block in its place, of `byteCount`, no fewer, and with what is in it. A large one is moved, not copied. */
  growBlock(block: ArrayBuffer, byteCount: number): ArrayBuffer;
  /** Detaches the block and frees it now. */
  freeBlock(block: ArrayBuffer): void;
  /** Starts an argument of BLOB_BYTES_MIN and more. Never fails: without memory it is refused, and only counted. @returns Its id. */
  blobBegin(announcedBytes: number): number;
  /** Copies bytes of `scratch` that have come already. */
  blobAppend(id: number, scratchOffset: number, byteCount: number): void;
  /** Counts bytes of a refused blob that were thrown away. */
  blobSkip(id: number, byteCount: number): void;
  /** 1 if there was no memory for it: answer OOM. */
  blobIsRefused(id: number): number;
  /** Its announced length, whatever its row can say. */
  blobBytes(id: number): number;
  blobRelease(id: number): void;
  /** Ends a view's use: its memory goes with its last reference, not with the garbage collector. */
  detach(view: ArrayBufferLike): void;

  // --- sockets ---
  /** Takes over a connected socket and watches it for reading; 0 s is no keepalive. @returns Its slot, or -errno. */
  socketOpen(fd: number, keepAliveSeconds: number): number;
  socketKeepAlive(slot: number, seconds: number): void;
  /** What it is watched for from now on: bits of `socketEvents`. */
  socketWatch(slot: number, events: number): void;
  /** At once. The slot is not given to another before the next turn of the event loop. */
  socketClose(slot: number): void;
  /** Reads into scratch. @returns Bytes, 0 at the end of the stream, -errno. */
  socketRead(slot: number): number;
  /** Reads at most 1 MiB into the blob, or throws it away if the blob is refused. @returns As `socketRead`. */
  socketReadBlob(slot: number, blobId: number): number;
  /** Sends out[start, end) without waiting; `more` is 1 when more follows at once. @returns Bytes taken by the kernel (0: it would wait), or -errno. */
  socketSend(slot: number, start: number, end: number, more: number): number;
  /** The same for out[start, end), then at most 1 MiB of a reply blob from `blobOffset` on. */
  socketSendBlob(
    slot: number,
    start: number,
    end: number,
    blobId: number,
    blobOffset: number,
  ): number;
  /** The same for block[start, end). */
  socketSendBlock(slot: number, block: Uint8Array, start: number, end: number): number;
  /** Sends the first `count` rows of `sends`. A row's start becomes its end; or where the kernel stopped; or -errno. @returns Rows not sent as a whole. */
  socketSendMany(count: number): number;

  // --- a value found, on its way into a reply ---
  /** Holds a word of the request that is a blob, as ECHO repeats it. @returns Its bytes. */
  blobHold(word: number): number;
  /** Copies the held bytes to out[offset ...) and lets go of them. */
  heldCopy(outOffset: number): void;
  /** Makes the held value a reply blob. @returns Its id. */
  heldKeep(): number;
  heldDrop(): void;
  /** A window of at most 256 MiB of a reply blob's bytes. Detach its buffer when written. */
  replyBlobView(id: number, offset: number, byteCount: number): Buffer;
  replyBlobBytes(id: number): number;
  replyBlobRelease(id: number): void;
  /** The next piece of rows of the last call that answered rows; numbers[1] tells whether more follow. @returns Rows in this piece. */
  rowsNext(): number;
  /** Lets go of what `rowsNext` would read. */
  rowsEnd(): void;

  // --- keys ---
  keySlot(key: number): number;
  keyKind(db: number, key: number): number;
  keysDelete(db: number, firstKey: number, count: number): number;
  /** @param isUse Whether it counts as a use of the keys. */
  keysExisting(db: number, firstKey: number, count: number, isUse?: number): number;
  /** 1, or 0 if `ifAbsent` and the target exists; -notFound. */
  keyRename(db: number, from: number, to: number, ifAbsent: number): number;
  /** 1 or 0. */
  keyExpire(db: number, key: number, atMs: UnixMs, conditions: number): number;
  keyPersist(db: number, key: number): number;
  /** -1 without expiry, -2 without key. */
  keyExpireTime(db: number, key: number): UnixMs;
  databaseSize(db: number): number;
  databaseExpiringCount(db: number): number;
  /** All databases if db is -1. */
  /** All databases with -1 less the database that the command is carried out in. */
  flush(db: number): void;
  /** Locks the stripes of these slots (all if empty) for this thread. Only `keyspace.locked` calls it. */
  lockSlots(slots: readonly number[]): void;
  unlockSlots(): void;
  /** Evicts what has to go. 1 if a command that may grow memory must be refused even so. */
  isOverMaxmemory(): number;
  /** Whether this thread's commands count as uses of keys from now on (1, as at first, or 0). */
  setTouching(touches: number): void;

  // --- strings ---
  /** Holds the value. @returns Its bytes, -notFound, -wrongType. */
  stringFind(db: number, key: number): number;
  /** `conditions`: setConditions. With wantPrevious the previous string is held, and numbers[0] is its bytes or -1. @returns 0, -notPerformed, -wrongType, -outOfMemory. */
  stringSet(db: number, key: number, value: number, expireAtMs: UnixMs, conditions: number): number;

  // --- tensors ---
  /** Dims are the words firstDim ... firstDim + dimCount; data from word `firstData` on. dtype: code. @returns 0 or a negative code. */
  tensorSet(db: number, key: number, ...tensor: TensorWordArguments): number;
  /** The same off the event loop. @returns PENDING; or as `tensorSet`, of what does not take long. */
  tensorSetLater(
    db: number,
    key: number,
    ...tensor: [...TensorWordArguments, connection: number, sequence: number]
  ): number;
  /** Holds the blob; numbers = [dtype, rank, dims ...]. @returns Its bytes, -notFound, -wrongType. */
  tensorFind(db: number, key: number): number;
  /** The held tensor's elements as rows of text (integers, shortest doubles, or strings); numbers[0], numbers[1] as `hashGetAll`. Lets go of the hold when all pieces are read. */
  tensorValues(): number;
  /** The held tensor's elements, to be framed as the client takes them; numbers[0] is how many. @param form One of `elementForms`. @returns An id. */
  elementsBegin(form: number): number;
  /** Writes framed elements into `block`, of 64 bytes and more. @returns Bytes written, 0 only at the end. */
  elementsFrame(id: number, block: Buffer): number;
  /** @returns Bytes of the tensor whose elements are not framed yet. */
  elementsLeftBytes(id: number): number;
  elementsRelease(id: number): void;

  // --- statistics ---
  /** Adds to the process' counters; called once a turn of the event loop, not once a command. */
  count(inputBytes: number, outputBytes: number): void;
  /** Unix time, by the system's clock. */
  unixMicroseconds(): number;
  statistics(): ProcessStatistics;
  resetStatistics(): void;
}

let loaded: Addon | undefined;

/** Loads tutti.node on first use; each thread has its own instance of one native core. */
export function addon(): Addon {
  loaded ??= createRequire(import.meta.url)(join(nativeFolder(), 'tutti.node')) as Addon;
  return loaded;
}
