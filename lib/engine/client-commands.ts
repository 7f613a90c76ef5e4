// The native calls about clients: their table, the keys they watch, and what they were refused.

/** `DenialReason` and `DenialContext` of native/threads/acl_log.h, as ACL LOG names them; the index is the code. */
export const denialReasons = ['command', 'key', 'channel', 'auth'] as const;
export const denialContexts = ['toplevel', 'multi', 'module'] as const;

/** One record of the client table, as `clientList` answers it (times in ms of the Unix epoch). */
export interface ClientRecord {
  id: number;
  threadIndex: number;
  connection: number;
  fd: number;
  address: string;
  localAddress: string;
  name: string;
  libName: string;
  libVersion: string;
  user: string;
  createdMs: number;
  lastSeenMs: number;
  db: number;
  resp: number;
  multiCount: number;
  watchCount: number;
  channelCount: number;
  patternCount: number;
  shardChannelCount: number;
  /** What `ClientMemory` says: qbuf, qbuf-free, argv-mem, multi-mem, rbs, rbp, omem, oll, tot-mem. */
  queryBytes: number;
  queryUnusedBytes: number;
  argumentBytes: number;
  multiBytes: number;
  replyBlockBytes: number;
  replyPeakBytes: number;
  outputBytes: number;
  outputCount: number;
  memoryBytes: number;
  lastCommand: string;
  flags: string;
}

/** An entry of the log of refusals, as `aclLogList` answers it (times in ms of the Unix epoch). */
export interface DenialRecord {
  id: number;
  count: number;
  /** Of `denialReasons` and `denialContexts`. */
  reason: number;
  context: number;
  object: Buffer;
  user: Buffer;
  createdMs: number;
  updatedMs: number;
  /** Of the last time; its id is 0 if it was a script. */
  client: ClientRecord;
}

export interface ClientCommands {
  // --- the client table ---
  /** Enters a client into the table. @returns Its id, or -1 if `clientsMax` are there already. */
  clientOpen(
    connection: number,
    fd: number,
    address: string,
    localAddress: string,
    isUnix: boolean,
    clientsMax: number,
  ): number;
  clientClose(id: number): void;
  /** A small change the owner makes as it goes: no lock. @returns Bytes that all clients take which may be evicted. */
  clientUpdate(
    id: number,
    lastSeenMs: number,
    db: number,
    resp: number,
    multiCount: number,
    watchCount: number,
    channelCount: number,
    patternCount: number,
    shardChannelCount: number,
    queryBytes: number,
    queryUnusedBytes: number,
    argumentBytes: number,
    multiBytes: number,
    replyBlockBytes: number,
    replyPeakBytes: number,
    outputBytes: number,
    outputCount: number,
    memoryBytes: number,
    isEvictable: number,
  ): number;
  clientSetText(
    id: number,
    field: 'name' | 'libName' | 'libVersion' | 'user' | 'lastCommand' | 'flags',
    text: string,
  ): void;
  /** Copies of all records, ascending by id. */
  clientList(): ClientRecord[];
  clientCount(): number;
  /** Posts a kill to the owners of these clients. @returns How many there are. */
  clientKill(ids: readonly number[]): number;
  /** Kills the largest clients that may be evicted until they take no more than `bytesMax`. @returns Their ids. */
  clientsEvict(bytesMax: number): number[];

  // --- keys that are watched ---
  /** Watches these keys for a client of this thread (WATCH). @returns How many it watches now. */
  clientWatch(id: number, db: number, firstKey: number, count: number): number;
  clientUnwatch(id: number): void;
  /** 1 or 0: whether one of them has changed since. */
  clientWatchedHaveChanged(id: number): number;
  clientWatchedSlots(id: number): number[];

  // --- the log of refusals ---
  /** Notes what the access list refused. @param clientId Of this thread; 0: a script. @param lengthMax `acllog-max-len`. */
  aclLogAdd(
    reason: number,
    context: number,
    object: Uint8Array,
    user: Uint8Array,
    clientId: number,
    lengthMax: number,
  ): void;
  /** The newest first. */
  aclLogList(countMax: number): DenialRecord[];
  aclLogClear(): void;
  /** How often each of `denialReasons` was given since the start or `resetStatistics`. */
  aclLogCounts(): number[];
}
