// The native calls about what is watched: the slow log, latencies, and how much memory things take.

/** A command of the slow log; its words are cut as Redis cuts them. */
export interface SlowCommand {
  id: number;
  unixSeconds: number;
  microseconds: number;
  words: Buffer[];
  address: string;
  name: string;
}

export interface LatencySample {
  unixSeconds: number;
  milliseconds: number;
}

export interface LatencyEvent {
  name: string;
  /** Of all, also of those before the samples. */
  millisecondsMax: number;
  /** The latest 160 at most, ascending. */
  samples: LatencySample[];
}

export interface ObservationCommands {
  // --- the slow log ---
  /** Adds the request's first `wordCount` words, without those whose bit is set in `hiddenBits`. */
  slowLogAdd(
    wordCount: number,
    hiddenBits: number,
    microseconds: number,
    address: string,
    name: string,
  ): void;
  /** Keeps the words of a request that waits. @returns An id for one of the next two. */
  slowLogKeep(wordCount: number, hiddenBits: number): number;
  slowLogAddKept(id: number, microseconds: number, address: string, name: string): void;
  slowLogDropKept(id: number): void;
  /** The newest first. */
  slowLogRead(countMax: number): SlowCommand[];
  slowLogLength(): number;
  slowLogReset(): void;
  /** By the main thread: what CONFIG says of the slow log's length and of latency-monitor-threshold. */
  setMonitoring(slowLogLengthMax: number, latencyThresholdMs: number): void;

  // --- latencies ---
  /** Notes the event if it took as long as the threshold says. */
  latencyNote(name: string, microseconds: number): void;
  /** By name. */
  latencyEvents(): LatencyEvent[];
  /** Of these names, all if there are none. @returns How many there were. */
  latencyReset(names: readonly string[]): number;

  // --- memory ---
  /** Bytes of a key with its value, judged by so many of its elements, 0: by all. -notFound. */
  keyFootprint(db: number, key: number, sampleCount: number): number;
  /** Bytes of a database's index, about. */
  databaseIndexBytes(db: number): number;
  /** Until its keys that expire do so, on average, judged by some of them. */
  databaseAverageTtlMs(db: number): number;
  /** Gives back what lies idle. */
  memoryPurge(): void;
  /** What the C library tells of its arenas, as XML. */
  mallocStatistics(): string;
  /** Whether a thread deletes what has expired (1, as at first, or 0). */
  setActiveExpiry(isActive: number): void;
  /** It deletes nothing until that Unix time. */
  restExpiry(untilMs: number): void;

  // --- DEBUG ---
  /** 40 digits, of all keys and values. */
  keyspaceDigest(): string;
  /** The same of a value; zeros if there is none. */
  valueDigest(db: number, key: number): string;
  /** What DEBUG OBJECT answers, empty if there is no such key. */
  debugObject(db: number, key: number): string;
  /** The same off the event loop: the answer is the text of the completion. */
  keyspaceDigestLater(connection: number, sequence: number): void;
  /** Of `count` values, one behind the other. */
  valueDigestsLater(
    db: number,
    firstKey: number,
    count: number,
    connection: number,
    sequence: number,
  ): void;
  /** @returns 0, -notFound. */
  debugObjectLater(db: number, key: number, connection: number, sequence: number): number;
  /** Makes `count` keys, named by word `prefix` (-1: `key`) and a number; the end comes by mailbox. `valueBytes` below 0: as many as are needed. @returns 0, -outOfMemory. */
  populate(
    db: number,
    prefix: number,
    count: number,
    valueBytes: number,
    connection: number,
    sequence: number,
  ): number;
}
