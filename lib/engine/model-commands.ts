// The native calls about models and scripts, and about the commands that scripts call. Answers by mailbox
// are told by (connection, sequence).

export interface ModelRecord {
  backend: number;
  device: string;
  tag: string;
  batchSize: number;
  minBatchSize: number;
  minBatchTimeoutMs: number;
  inputs: string[];
  outputs: string[];
  blobBytes: number;
}

export interface ScriptRecord {
  device: string;
  tag: string;
  entryPoints: string[];
  source: string;
}

export interface RunInfoRecord {
  kind: 'MODEL' | 'SCRIPT';
  backend: number;
  device: string;
  tag: string;
  durationUs: number;
  samples: number;
  calls: number;
  errors: number;
}

/** Of `modelKeep`: codes, numbers, and words by their index. */
export type ModelWordArguments = [
  backend: number,
  device: number,
  tag: number,
  batchSize: number,
  minBatchSize: number,
  minBatchTimeoutMs: number,
  firstInput: number,
  inputCount: number,
  firstOutput: number,
  outputCount: number,
  firstChunk: number,
  chunkCount: number,
];

/** Of `modelStore` and `modelPrepare`. */
export type ModelStoreArguments = [...ModelWordArguments, connection: number, sequence: number];

/** Of `scriptKeep`. */
export type ScriptWordArguments = [
  device: number,
  tag: number,
  firstEntryPoint: number,
  entryPointCount: number,
  source: number,
];

/** Of `scriptStore` and `scriptPrepare`. */
export type ScriptStoreArguments = [...ScriptWordArguments, connection: number, sequence: number];

export interface ModelCommands {
  /** Words: device, tag (-1: none), inputs and outputs (first, count), blob chunks (first, count). Queues parsing; the answer comes by mailbox. @returns 0, -invalidValue (device), -outOfMemory (a refused blob). */
  modelStore(db: number, key: number, ...model: ModelStoreArguments): number;
  /** Stores it at once, for the first run to compile; words as of `modelStore` up to the chunks. @returns 0, -invalidValue, -wrongType, -outOfMemory. */
  modelKeep(db: number, key: number, ...model: ModelWordArguments): number;
  /** As `modelStore`, but for `preparedCommit` to store once the answer is 0. @returns An id, or a negative code as `modelStore`. */
  modelPrepare(...model: ModelStoreArguments): number;
  /** Stores what `modelPrepare` or `scriptPrepare` has made. @returns 0, -wrongType, -outOfMemory. */
  preparedCommit(db: number, key: number, id: number): number;
  /** Must follow each prepare, committed or not, whatever became of it. */
  preparedDrop(id: number): void;
  /** Holds the model. @returns The record, or a negative code. */
  modelFind(db: number, key: number): ModelRecord | number;
  /** Makes reply blobs of the held model's blob: pieces as stored, cut where a chunk of `chunkBytes` ends. The hold ends. @returns Their ids, or -overflow: more than 65,536. */
  modelBlob(chunkBytes: number): number[] | number;
  /** As `modelStore`. */
  scriptStore(db: number, key: number, ...script: ScriptStoreArguments): number;
  /** As `modelKeep`. */
  scriptKeep(db: number, key: number, ...script: ScriptWordArguments): number;
  /** As `modelPrepare`. */
  scriptPrepare(...script: ScriptStoreArguments): number;
  scriptFind(db: number, key: number): ScriptRecord | number;
  /** numbers[0], numbers[1] = inputs and outputs the model at the key defines (its lists' lengths). @returns 0, -notFound, -wrongType. */
  modelArity(db: number, key: number): number;
  /** Fetches the inputs, and makes the run if it is short; `timeoutMs` 0 waits for ever. @returns 1 if it is done, 0 if `modelQueue` must be called, -notFound (model), -wrongType (model), -(INPUT_MISSING + i) if input i is missing, -(INPUT_WRONG_TYPE + i) if it is no tensor. */
  modelExecute(
    db: number,
    key: number,
    firstInput: number,
    inputCount: number,
    firstOutput: number,
    outputCount: number,
    timeoutMs: number,
  ): number;
  /** Queues the run of the last `modelExecute`; its answer comes by mailbox. If `slot` is not negative, `OK` may be sent there by the thread that makes the run. */
  modelQueue(connection: number, sequence: number, slot: number): void;
  /** `inputs` and `outputs` as in modelExecute; `words` are indices of inputs, since `$` may stand among them; variadicFrom: index in `words`, or -1; user: whose commands the script's are. */
  scriptExecute(
    db: number,
    key: number,
    functionName: number,
    keys: readonly number[],
    inputs: readonly number[],
    args: readonly number[],
    outputs: readonly number[],
    variadicFrom: number,
    timeoutMs: number,
    connection: number,
    sequence: number,
    user: string,
  ): number;
  /**
   * Makes and fetches all tensors, models and scripts of packed words (`DagWords`), in their order, then
   * starts the DAG; the answer comes by mailbox. Without `isWhole` it only looks for what is wrong.
   * `timeoutMs` as in modelExecute. The `requestWordCount` words of the request are what makes two the same;
   * 0: it joins none. @returns 1 if it is done already (nothing comes by mailbox), 0, or a
   * negative code; then numbers[0] tells of what, one of `dagPlaces`.
   */
  dagExecute(
    words: Int32Array,
    wordCount: number,
    db: number,
    isWhole: number,
    firstPersisted: number,
    persistedCount: number,
    timeoutMs: number,
    connection: number,
    sequence: number,
    user: string,
    requestWordCount: number,
  ): number;
  /** Opens the result of the DAG that is done: in the turn of its message. @returns Elements: one an operation, one more if PERSIST failed. */
  dagOpen(connection: number, sequence: number): number;
  /** Holds the tensor of an operation that gets one, as `tensorFind`; once. @returns Its bytes; 0 of any other operation; -notPerformed: it never began, or no such tensor was made; or why it failed. */
  dagElement(index: number): number;
  /** The words of an operation's failure. */
  dagText(index: number): string;
  dagClose(): void;
  runInfo(db: number, key: number): RunInfoRecord | number;
  resetRunInfo(db: number, key: number): number;
  /** Rows key, tag, key, tag ... of all models or scripts; numbers as `hashGetAll`. */
  scanModels(db: number): number;
  scanScripts(db: number): number;
  /** Rows key, statistics (`name=value` with commas between) of all models and scripts. */
  scanRunStatistics(db: number): number;
  loadBackend(backend: number, connection: number, sequence: number): void;
  /** Empty if the backend is not loaded. */
  backendVersion(backend: number): string;
  /** numbers = what the backend's runtime has taken of our memory in bytes, and how often it took or gave back some. */
  backendMemory(backend: number): void;
  queueNames(): string[];
  queueThreadCpuSeconds(queue: string): number[];
}

/** See native/inference/script_host.h. */
export interface ScriptHostCommands {
  /** By the main thread: `start` is called in it when a script's command comes and there is no script host. */
  scriptHostStarter(start: () => void): void;
  /** No host could be started: what waits fails with this reason. */
  scriptHostAbandon(reason: string): void;
  /** Whether there are users that may not do everything (1 or 0): then models that scripts run are looked at too. */
  scriptsCheckAccess(checks: number): void;
  /** By the host: from now on its mailbox tells it (messageKinds.scriptCommand) that commands wait. */
  scriptHostOpen(): void;
  /** Commands that wait, and those to come, fail: the server shuts down. */
  scriptHostClose(): void;
  /** Takes the next command. numbers = [bytes of the block it needs, how many of its words are blobs, bytes of the longest word, db, 1 if the user is another than before]; numbers[0] is -1 if the words have been entered into `scratch` and `row`, else `scriptWords` must follow. @returns How many words it has, -1 if none waits. */
  scriptNext(): number;
  /** The user of the command taken last. */
  scriptUser(): string;
  /** Enters the words into a block and a row; the blobs are the caller's to release. */
  scriptWords(block: Uint8Array, row: Uint32Array): void;
  /** out[start, end) belongs to the command's reply. */
  scriptReply(start: number, end: number): void;
  /** So does a reply blob, which is released. */
  scriptReplyBlob(id: number): void;
  /** Forgets the reply so far. */
  scriptReplyDrop(): void;
  /** The reply is whole: the script goes on. */
  scriptFinish(): void;
}
