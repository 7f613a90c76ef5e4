// The native calls about the journal, which is the append-only file (native/persistence/journal.h).

/** What stands where in `ThreadBlocks.command` (native/keyspace/journal.h, `CommandWords`). */
export const commandBlock = {
  /** 0: none is carried out. */
  wordCount: 0,
  /** One of `journalForms`. */
  form: 1,
  db: 2,
  /** Set by native calls: the client gets its replies when the journal is so far. */
  isHeld: 3,
} as const;

/** How a command is told to the journal: in its words, or by what its keys hold from then on. */
export const journalForms = { words: 1, state: 2 } as const;

/** What `journalListen` tells. */
export const journalEvents = { rewritten: 0, failed: 1, recovered: 2, lost: 3 } as const;

/** `appendfsync`. */
export const syncPolicies = ['no', 'everysec', 'always'] as const;

export interface JournalRewriteOptions {
  /** Complete and on the disk before the end is told. */
  basePath: string;
  /** Gets what follows the snapshot; empty: the journal stays off. */
  nextPath: string;
  asRdb: boolean;
  compresses: boolean;
  withChecksum: boolean;
  withUse: boolean;
  syncsOften: boolean;
  keyDelayUs: number;
  /** Names and values in turn, in front of the keys. */
  aux: readonly string[];
}

export interface JournalFacts {
  isOn: boolean;
  isRewriting: boolean;
  isWriteOk: boolean;
  /** Of the last rewrite, as the next two; -1: none. */
  isRewriteOk: boolean;
  rewriteStartedAtSeconds: number;
  rewriteSeconds: number;
  /** Begun since the start or the last reset of statistics, and failed since one succeeded. */
  rewriteCount: number;
  rewriteFailureCount: number;
  /** Of all files, and what that was after the last rewrite or at the start. */
  bytes: number;
  baseBytes: number;
  /** Not written yet. */
  waitingBytes: number;
  delayedSyncCount: number;
}

export interface JournalCommands {
  // --- called by the main thread; those that answer a text say why they have failed ---
  /** `listener` is told one of `journalEvents`, a code and its text. */
  journalListen(listener: (event: number, code: number, text: string) => void): void;
  /** `policy` is an index of `syncPolicies`. */
  journalSettings(
    policy: number,
    syncsDuringRewrite: boolean,
    waitingBytesMax: number,
    withStamps: boolean,
  ): void;
  /** Goes on with a file at its end; `bytes` are those of all files. */
  journalStart(path: string, bytes: number): string | undefined;
  /** Takes a snapshot and begins the next file at the same moment; the end is told as `rewritten`. */
  journalRewrite(options: JournalRewriteOptions): string | undefined;
  /** Whether a manifest names the base that `rewritten` told of; until then the rewrite goes on. */
  journalNoteManifest(isWritten: boolean): void;
  /** Ends the rewrite that goes on, and waits for that. */
  journalCancelRewrite(): void;
  /** Switches off, and waits until all is on the disk, or cannot be. */
  journalStop(): string | undefined;
  /** Switches on again, behind what was written before. */
  journalResume(): void;
  /** 0 while the journal is read: keys go when it says so. */
  keysExpire(expire: number): void;

  // --- called by any thread ---
  /**
   * Asks for a completion once all that has been appended is as safe as `appendfsync` promises, or on
   * the disk if `mustSync`. @returns 1, or 0: it is so already, and nothing will come.
   */
  journalAwait(connection: number, sequence: number, mustSync: number): number;
  journalFacts(): JournalFacts;
}
