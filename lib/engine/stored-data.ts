// The native calls about what is kept on disk, and about DUMP and RESTORE (native/persistence).

import type { UnixMs } from './addon.ts';

/** The answer comes by the thread's mailbox: the value is too large for an event loop. */
export const PENDING = -1_000_000;

/** What the main thread is told by `dataListen`; `DataEvent` of native/binding/persistence.cc. */
export const dataEvents = { saved: 0, loaded: 1, note: 2 } as const;

export interface RdbSaveOptions {
  path: string;
  /** In the same folder; it is gone afterwards. */
  temporaryPath: string;
  /** Nobody waits for it: at nice 10, and counted as BGSAVE is. */
  isBackground: boolean;
  compresses: boolean;
  withChecksum: boolean;
  /** Keys come with their idle time or frequency. */
  withUse: boolean;
  syncsOften: boolean;
  keyDelayUs: number;
  /** Names and values in turn, in front of the keys. */
  aux: readonly string[];
}

/** What INFO tells. Times in seconds, Unix time where they are `...At`. */
export interface DataFacts {
  isSaving: boolean;
  isBackground: boolean;
  /** The last save in the background. */
  isLastOk: boolean;
  keyCount: number;
  keysSaved: number;
  /** Of the last save, done or not; -1: none. */
  startedAtSeconds: number;
  /** Of the last success, or the start. */
  lastSaveAtSeconds: number;
  lastSeconds: number;
  saveCount: number;
  /** Changes of keys since what was saved last. */
  changes: number;
  isLoading: boolean;
  loadStartedAtSeconds: number;
  loadBytesTotal: number;
  loadBytesLoaded: number;
  keysLoaded: number;
  keysExpired: number;
  keysEmpty: number;
}

export interface StoredDataCommands {
  /**
   * Holds the payload. @param connection Below 0: it cannot wait.
   * @returns Its bytes, PENDING, -notFound, -outOfMemory.
   */
  keyDump(
    db: number,
    key: number,
    compresses: number,
    connection: number,
    sequence: number,
  ): number;
  /** Holds what a pending `keyDump` has made, in the turn of its message. @returns Its bytes. */
  keyDumped(connection: number, sequence: number): number;
  /**
   * `idleSeconds` and `frequency` below 0 are not given; a connection below 0 cannot wait.
   * @returns 0, PENDING, -busyKey, -badChecksum, -badFormat, -outOfMemory.
   */
  keyRestore(
    db: number,
    key: number,
    payload: number,
    atMs: UnixMs,
    idleSeconds: number,
    frequency: number,
    replaces: number,
    connection: number,
    sequence: number,
  ): number;

  /**
   * The answer comes by the mailbox: ok, -notFound, or -failed with the line of the error.
   * @param host A word, as `port`. @param user A word, or -1, as `password`.
   */
  keyMigrate(
    host: number,
    port: number,
    db: number,
    targetDb: number,
    timeoutMs: number,
    copies: number,
    replaces: number,
    compresses: number,
    user: number,
    password: number,
    firstKey: number,
    keyCount: number,
    connection: number,
    sequence: number,
  ): number;

  /** Closes connections that MIGRATE kept and nobody has used for 10 s. @returns How many are left. */
  migrationPeers(): number;

  // --- called by the main thread ---
  /** `listener` is told one of `dataEvents`, a code and its text. */
  dataListen(listener: (event: number, code: number, text: string) => void): void;
  /** Takes a snapshot and writes it on a thread of its own; the end is told as `saved`. @returns 0, -saving: one goes on. */
  rdbSave(options: RdbSaveOptions): number;
  /** Ends the save that goes on, and waits for that. */
  rdbCancel(): void;
  /** Loads on a thread of its own; the end is told as `loaded`. A key that is there is an error unless `replaces`. */
  rdbLoad(path: string, databaseCount: number, keyDelayUs: number, replaces: boolean): void;
  /** By any thread. */
  dataFacts(): DataFacts;
}
