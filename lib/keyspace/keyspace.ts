// The native keyspace in TypeScript's words. Keys and values are words of the current request, named
// by their index; what a call finds is held natively, for the reply encoder to take.

import {
  type Addon,
  codes,
  NO_EXPIRY,
  setConditions,
  type ThreadBlocks,
  type UnixMs,
} from '../engine/addon.ts';
import type { DataCommands } from '../engine/data-commands.ts';
import type { TensorWords } from '../engine/engine.ts';
import { failure } from '../engine/failure.ts';
import { PENDING } from '../engine/stored-data.ts';

/** The answer of a lookup that finds nothing. */
export const ABSENT = -1;

/** How a pending command is known; one that may not wait has none. */
export interface Ticket {
  readonly connection: number;
  readonly sequence: number;
}
const NO_TICKET: Ticket = { connection: -1, sequence: 0 };

/** What MIGRATE is told: words by their index, -1 for none. */
export interface Migration {
  readonly host: number;
  readonly port: number;
  readonly targetDb: number;
  readonly timeoutMs: number;
  readonly copies: boolean;
  readonly replaces: boolean;
  readonly compresses: boolean;
  readonly user: number;
  readonly password: number;
  readonly firstKey: number;
  readonly keyCount: number;
}

/** What RESTORE says of a key. */
export interface KeyFacts {
  readonly atMs: UnixMs;
  readonly idleSeconds: number | undefined;
  readonly frequency: number | undefined;
  readonly replaces: boolean;
}

/** The part of the addon that the keyspace calls. */
type NativeKeyspace = Pick<
  Addon,
  | 'databaseExpiringCount'
  | 'databaseSize'
  | 'flush'
  | 'heldDrop'
  | 'isOverMaxmemory'
  | 'keyDump'
  | 'keyDumped'
  | 'keyExpire'
  | 'keyExpireTime'
  | 'keyKind'
  | 'keyMigrate'
  | 'keyPersist'
  | 'keyRename'
  | 'keyRestore'
  | 'keySlot'
  | 'keysDelete'
  | 'keysExisting'
  | 'lockSlots'
  | 'stringFind'
  | 'stringSet'
  | 'tensorFind'
  | 'tensorSet'
  | 'tensorSetLater'
  | 'tensorValues'
  | 'unlockSlots'
>;

/**
 * One thread's door to the values that all threads share. A method throws a `ReplyError` where the
 * key holds another type (WRONGTYPE) or memory is short (OOM).
 */
export class Keyspace {
  readonly #native: NativeKeyspace;
  /** The commands about plain values. Their answers are for `checked`. */
  readonly values: DataCommands;
  /** Numbers that a call answers beside its result; overwritten by the next one. */
  readonly numbers: Float64Array;

  constructor(native: NativeKeyspace & DataCommands, blocks: Pick<ThreadBlocks, 'numbers'>) {
    this.#native = native;
    this.values = native;
    this.numbers = blocks.numbers;
  }

  // --- any type ---

  slot(key: number): number {
    return this.#native.keySlot(key);
  }

  /** One of `valueKinds`. */
  kind(db: number, key: number): number {
    return checked(this.#native.keyKind(db, key));
  }

  delete(db: number, firstKey: number, count: number): number {
    return this.#native.keysDelete(db, firstKey, count);
  }

  /** @param isUse Whether it counts as a use of the keys. */
  countExisting(db: number, firstKey: number, count: number, isUse: boolean): number {
    return this.#native.keysExisting(db, firstKey, count, isUse ? 1 : 0);
  }

  /** @returns Whether it was done: not if `ifAbsent` and the target exists. @throws {ReplyError} No such key. */
  rename(db: number, from: number, to: number, ifAbsent: boolean): boolean {
    return checked(this.#native.keyRename(db, from, to, ifAbsent ? 1 : 0)) === 1;
  }

  /** @param conditions Bits of `expireConditions`. @returns Whether it was done. */
  expire(db: number, key: number, atMs: UnixMs, conditions: number): boolean {
    return this.#native.keyExpire(db, key, atMs, conditions) === 1;
  }

  persist(db: number, key: number): boolean {
    return this.#native.keyPersist(db, key) === 1;
  }

  /** -1 without expiry, -2 without key. */
  expireTimeMs(db: number, key: number): UnixMs {
    return this.#native.keyExpireTime(db, key);
  }

  size(db: number): number {
    return this.#native.databaseSize(db);
  }

  expiringCount(db: number): number {
    return this.#native.databaseExpiringCount(db);
  }

  flush(db: number): void {
    this.#native.flush(db);
  }

  /** @param db Where the command is carried out, which the journal tells. */
  flushAll(db: number): void {
    this.#native.flush(-1 - db);
  }

  /** Whether a command that may grow memory must be refused now. */
  get isOverMaxmemory(): boolean {
    return this.#native.isOverMaxmemory() === 1;
  }

  /**
   * Runs `body` while the stripes of these slots, or all if there are none, are locked for this
   * thread. `body` is synchronous: a lock is never held across a turn of the loop.
   */
  locked<T>(slots: readonly number[], body: () => T): T {
    this.#native.lockSlots(slots);
    try {
      return body();
    } finally {
      this.#native.unlockSlots();
    }
  }

  /** Lets go of what the last call found, when no reply takes it. */
  drop(): void {
    this.#native.heldDrop();
  }

  // --- values as bytes ---

  /** Holds the key's payload. @returns Its bytes, ABSENT, or PENDING: it comes by the mailbox. */
  dump(db: number, key: number, compresses: boolean, ticket = NO_TICKET): number {
    const { connection, sequence } = ticket;
    const result = this.#native.keyDump(db, key, compresses ? 1 : 0, connection, sequence);
    return result === PENDING ? PENDING : found(result);
  }

  /** Holds the payload that has come by the mailbox. @returns Its bytes. */
  dumped({ connection, sequence }: Ticket): number {
    return this.#native.keyDumped(connection, sequence);
  }

  /** @returns 0, or PENDING. @throws {ReplyError} BUSYKEY, or what is wrong with the payload. */
  restore(db: number, key: number, payload: number, facts: KeyFacts, ticket = NO_TICKET): number {
    const result = this.#native.keyRestore(
      db,
      key,
      payload,
      facts.atMs,
      facts.idleSeconds ?? -1,
      facts.frequency ?? -1,
      facts.replaces ? 1 : 0,
      ticket.connection,
      ticket.sequence,
    );
    return result === PENDING ? PENDING : checked(result);
  }

  /** Sends keys to another server; how it ends comes by the mailbox. */
  migrate(db: number, to: Migration, { connection, sequence }: Ticket): void {
    checked(
      this.#native.keyMigrate(
        to.host,
        to.port,
        db,
        to.targetDb,
        to.timeoutMs,
        to.copies ? 1 : 0,
        to.replaces ? 1 : 0,
        to.compresses ? 1 : 0,
        to.user,
        to.password,
        to.firstKey,
        to.keyCount,
        connection,
        sequence,
      ),
    );
  }

  // --- strings ---

  /** Holds the string. @returns Its bytes, or ABSENT. */
  findString(db: number, key: number): number {
    return found(this.#native.stringFind(db, key));
  }

  setString(db: number, key: number, value: number): void {
    checked(this.#native.stringSet(db, key, value, NO_EXPIRY, 0));
  }

  /**
   * With `setConditions.wantPrevious` the string before is held, and numbers[0] is its bytes or -1.
   * @returns Whether it was set: not if a condition was not met.
   */
  setStringIf(db: number, key: number, value: number, atMs: UnixMs, conditions: number): boolean {
    const result = this.#native.stringSet(db, key, value, atMs, conditions);
    if (result >= 0) return true;
    if (result === -codes.notPerformed) return false;
    if ((conditions & setConditions.wantPrevious) !== 0) this.#native.heldDrop();
    throw failure(result);
  }

  // --- tensors ---

  /** @throws {ReplyError} Shape and data do not fit. */
  setTensor(db: number, key: number, words: TensorWords): void {
    checked(
      this.#native.tensorSet(
        db,
        key,
        words.dtype,
        words.firstDim,
        words.dimCount,
        words.source,
        words.firstData,
        words.dataCount,
      ),
    );
  }

  /** The same off the event loop. @returns Whether the answer comes by the ticket. @throws {ReplyError} */
  setTensorLater(
    db: number,
    key: number,
    words: TensorWords,
    ticket: { readonly connection: number; readonly sequence: number },
  ): boolean {
    const result = this.#native.tensorSetLater(
      db,
      key,
      words.dtype,
      words.firstDim,
      words.dimCount,
      words.source,
      words.firstData,
      words.dataCount,
      ticket.connection,
      ticket.sequence,
    );
    if (result === PENDING) return true;
    checked(result);
    return false;
  }

  /** Holds the tensor; numbers = [dtype, rank, dims ...]. @returns Its bytes, or ABSENT. */
  findTensor(db: number, key: number): number {
    return found(this.#native.tensorFind(db, key));
  }

  /** The held tensor's elements as rows of text; numbers[0] is how many. @returns Rows in the first piece. */
  tensorValues(): number {
    return checked(this.#native.tensorValues());
  }
}

/** The answer of a native call. @throws {ReplyError} It is the negative of a code. */
export function checked(result: number): number {
  if (result < 0) throw failure(result);
  return result;
}

function found(result: number): number {
  if (result >= 0) return result;
  if (result === -codes.notFound) return ABSENT;
  throw failure(result);
}
