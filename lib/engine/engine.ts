// The native inference engine in TypeScript's words: stored models and scripts, runs, statistics.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ReplyError, replyErrors } from '../core/errors.ts';
import { locateRuntime, nativeFolder } from '../runtimes/locate.ts';
import { runtimes } from '../runtimes/manifest.ts';
import {
  type Addon,
  type BackendPlace,
  backendNames,
  codes,
  dagPlaces,
  type EngineOptions,
  INPUT_MISSING,
  INPUT_WRONG_TYPE,
  ROW_REFERENCE,
  type ThreadBlocks,
} from './addon.ts';
import { DagWords } from './dag-words.ts';
import { failure } from './failure.ts';
import type {
  ModelRecord,
  ModelWordArguments,
  RunInfoRecord,
  ScriptRecord,
  ScriptWordArguments,
} from './model-commands.ts';

const MEGABYTE = 1_000_000;

/** What the engine is built from; `Settings` has it all. */
export interface EngineSettings {
  number(name: string): number;
}

/** A connection's number and its command's: where the answer of a run goes. */
interface Ticket {
  readonly connection: number;
  readonly sequence: number;
}

/** The words of a tensor, as indices; `dtype` and `source` are codes. */
export interface TensorWords {
  dtype: number;
  firstDim: number;
  dimCount: number;
  source: number;
  firstData: number;
  dataCount: number;
}

/** The words of AI.MODELSTORE and AI.MODELSET, as indices. */
export interface ModelWords {
  readonly key: number;
  readonly backend: number;
  readonly device: number;
  /** -1: none. */
  readonly tag: number;
  readonly batchSize: number;
  readonly minBatchSize: number;
  readonly minBatchTimeoutMs: number;
  readonly firstInput: number;
  readonly inputCount: number;
  readonly firstOutput: number;
  readonly outputCount: number;
  readonly firstChunk: number;
  readonly chunkCount: number;
}

export interface ScriptWords {
  readonly key: number;
  readonly device: number;
  readonly tag: number;
  readonly firstEntryPoint: number;
  readonly entryPointCount: number;
  readonly source: number;
}

/** Lists are contiguous words: first and count. */
export interface ModelRunWords {
  readonly key: number;
  readonly firstInput: number;
  readonly inputCount: number;
  readonly firstOutput: number;
  readonly outputCount: number;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
}

export interface ScriptRunWords {
  readonly key: number;
  readonly functionName: number;
  readonly keys: readonly number[];
  readonly inputs: readonly number[];
  readonly args: readonly number[];
  readonly outputs: readonly number[];
  /** Index in `inputs` of the first after `$`, or -1. */
  readonly variadicFrom: number;
  readonly timeoutMs: number;
}

/**
 * Where the backends' libraries and their runtimes are, for `configureEngine`. Once, by the main thread.
 * @param coreCount That the process may use.
 */
export function engineOptions(settings: EngineSettings, coreCount: number): EngineOptions {
  return {
    threadsPerQueue: settings.number('ai.threads_per_queue'),
    intraOpThreads: settings.number('ai.intra_op_parallelism'),
    interOpThreads: settings.number('ai.inter_op_parallelism'),
    coreCount,
    executionTimeoutMs: settings.number('ai.model_execution_timeout'),
    memoryLimitBytes: settings.number('ai.backend_memory_limit') * MEGABYTE,
    minBatchWaitMsMax: settings.number('min-batch-wait-max'),
    backends: backendNames.map(backendPlace),
  };
}

function backendPlace(backend: string): BackendPlace {
  const runtime = runtimes.find((runtime) => runtime.backend === backend);
  if (runtime === undefined) return { library: '', runtimeFolder: '', preload: [] };
  const library = join(nativeFolder(), `tutti_backend_${runtime.name}.so`);
  const location = locateRuntime(runtime);
  // Now, while no other thread reads them: the runtime does when its libraries are opened.
  for (const [name, value] of Object.entries(location?.environment ?? {})) {
    process.env[name] ??= value;
  }
  return {
    library: existsSync(library) ? library : '',
    runtimeFolder: location?.folder ?? '',
    preload: runtime.isOpenedByBackend ? [] : (location?.preload ?? []),
  };
}

/** A model or script on its way to be compiled, for EXEC to store once that is done. */
export class PreparedStore {
  readonly #native: Addon;
  readonly #key: number;
  readonly #id: number;

  constructor(native: Addon, key: number, id: number) {
    this.#native = native;
    this.#key = key;
    this.#id = id;
  }

  /** Under the locks; the request must be the one that it was made from. @throws {ReplyError} */
  commit(db: number): void {
    const result = this.#native.preparedCommit(db, this.#key, this.#id);
    if (result < 0) throw failure(result);
  }

  /** Lets go of it, whatever became of it. */
  drop(): void {
    this.#native.preparedDrop(this.#id);
  }
}

/** One thread's door to the engine. Methods throw a `ReplyError` where the client is to blame. */
export class Engine {
  readonly #native: Addon;
  /** Numbers that a call answers beside its result; overwritten by the next one. */
  readonly numbers: Float64Array;
  readonly #rows: Buffer;

  constructor(native: Addon, blocks: Pick<ThreadBlocks, 'numbers' | 'rows'>) {
    this.#native = native;
    this.numbers = blocks.numbers;
    this.#rows = blocks.rows;
  }

  // --- models ---

  /** Queues parsing; the answer comes by the thread's mailbox. */
  storeModel(db: number, words: ModelWords, ticket: Ticket): void {
    const { connection, sequence } = ticket;
    const given = modelArguments(words);
    const result = this.#native.modelStore(db, words.key, ...given, connection, sequence);
    if (result < 0) throw storeFailure(result);
  }

  /** Stores a model that is not compiled before its first run. @throws {ReplyError} */
  keepModel(db: number, words: ModelWords): void {
    const result = this.#native.modelKeep(db, words.key, ...modelArguments(words));
    if (result < 0) throw storeFailure(result);
  }

  /** As `storeModel`, but nothing is stored until `commit`. */
  prepareModel(words: ModelWords, ticket: Ticket): PreparedStore {
    const { connection, sequence } = ticket;
    const id = this.#native.modelPrepare(...modelArguments(words), connection, sequence);
    if (id < 0) throw storeFailure(id);
    return new PreparedStore(this.#native, words.key, id);
  }

  /** Holds the model: `modelBlob` or `drop` must follow. Undefined if there is none. */
  findModel(db: number, key: number): ModelRecord | undefined {
    return recordOf(this.#native.modelFind(db, key));
  }

  /**
   * The held model's blob as reply blobs, cut where a chunk ends, and where it was cut when it was
   * stored; the hold ends. @throws {ReplyError} They are too many.
   */
  modelBlob(chunkBytes: number): number[] {
    const ids = this.#native.modelBlob(chunkBytes);
    if (typeof ids === 'number') throw replyErrors.tooManyChunks();
    return ids;
  }

  replyBlobBytes(id: number): number {
    return this.#native.replyBlobBytes(id);
  }

  drop(): void {
    this.#native.heldDrop();
  }

  /** Whether there is such a model; then numbers[0] and numbers[1] are how many inputs and outputs it has, -1 if only a run tells. */
  findModelArity(db: number, key: number): boolean {
    const result = this.#native.modelArity(db, key);
    if (result === -codes.notFound) return false;
    if (result < 0) throw failure(result);
    return true;
  }

  /** Fetches the inputs, and makes the run if it is short. @returns Whether it is done; else `queueModelRun` must follow. @throws {ReplyError} */
  runModel(db: number, words: ModelRunWords): boolean {
    const result = this.#native.modelExecute(
      db,
      words.key,
      words.firstInput,
      words.inputCount,
      words.firstOutput,
      words.outputCount,
      words.timeoutMs,
    );
    if (result === -codes.notFound) throw replyErrors.modelMissing();
    if (result < 0) throw inputFailure(result);
    return result === 1;
  }

  /** Of the last `runModel`; the answer, which is `OK` or a failure, comes by the thread's mailbox. */
  queueModelRun(ticket: Ticket & { readonly slot: number }): void {
    this.#native.modelQueue(ticket.connection, ticket.sequence, ticket.slot);
  }

  // --- scripts ---

  storeScript(db: number, words: ScriptWords, ticket: Ticket): void {
    const { connection, sequence } = ticket;
    const given = scriptArguments(words);
    const result = this.#native.scriptStore(db, words.key, ...given, connection, sequence);
    if (result < 0) throw storeFailure(result);
  }

  /** As `keepModel`. @throws {ReplyError} */
  keepScript(db: number, words: ScriptWords): void {
    const result = this.#native.scriptKeep(db, words.key, ...scriptArguments(words));
    if (result < 0) throw storeFailure(result);
  }

  /** As `storeScript`, but nothing is stored until `commit`. */
  prepareScript(words: ScriptWords, ticket: Ticket): PreparedStore {
    const { connection, sequence } = ticket;
    const id = this.#native.scriptPrepare(...scriptArguments(words), connection, sequence);
    if (id < 0) throw storeFailure(id);
    return new PreparedStore(this.#native, words.key, id);
  }

  findScript(db: number, key: number): ScriptRecord | undefined {
    return recordOf(this.#native.scriptFind(db, key));
  }

  /** @param user Whose commands those of the script are. */
  runScript(db: number, user: string, words: ScriptRunWords, ticket: Ticket): void {
    const result = this.#native.scriptExecute(
      db,
      words.key,
      words.functionName,
      words.keys,
      words.inputs,
      words.args,
      words.outputs,
      words.variadicFrom,
      words.timeoutMs,
      ticket.connection,
      ticket.sequence,
      user,
    );
    if (result === -codes.notFound) throw replyErrors.scriptMissing();
    if (result < 0) throw inputFailure(result);
  }

  // --- DAGs ---

  /** To be filled for the next DAG, after `clear`. */
  readonly dagWords = new DagWords();

  /** Throws what is wrong with `dagWords`, which need not be a whole DAG. @throws {ReplyError} */
  checkDag(db: number): void {
    this.#dagExecute(db, '', 0, 0, 0, 0);
  }

  /**
   * Starts the DAG of `dagWords`, of a request of `wordCount` words, or joins an equal one in flight; the
   * commands of its scripts are `user`'s. @returns Whether it is done; else its answer comes by the thread's
   * mailbox. @throws {ReplyError}
   */
  executeDag(db: number, user: string, wordCount: number, ticket: Ticket): boolean {
    const { connection, sequence } = ticket;
    return this.#dagExecute(db, user, 1, connection, sequence, wordCount) === 1;
  }

  #dagExecute(
    db: number,
    user: string,
    isWhole: number,
    connection: number,
    sequence: number,
    requestWordCount: number,
  ): number {
    const words = this.dagWords;
    const result = this.#native.dagExecute(
      words.numbers,
      words.count,
      db,
      isWhole,
      words.firstPersisted,
      words.persistedCount,
      words.timeoutMs,
      connection,
      sequence,
      user,
      requestWordCount,
    );
    if (result < 0) throw dagFailure(result, this.numbers[0]);
    return result;
  }

  /** Opens the result of a DAG that is done; `closeDag` must follow. @returns Elements: one an operation, one more if PERSIST failed. */
  openDag(ticket: Ticket): number {
    return this.#native.dagOpen(ticket.connection, ticket.sequence);
  }

  /**
   * What became of an operation: 0, or the bytes of the tensor it gets, which is held as by
   * `Keyspace.findTensor`; undefined if it never began or there is no such tensor; or its error.
   */
  dagElement(index: number): number | ReplyError | undefined {
    const result = this.#native.dagElement(index);
    if (result >= 0) return result;
    if (result === -codes.notPerformed) return undefined;
    if (result === -codes.notFound) return replyErrors.dagInputMissing();
    return failure(result, this.#native.dagText(index));
  }

  closeDag(): void {
    this.#native.dagClose();
  }

  // --- what is known of them ---

  runInfo(db: number, key: number): RunInfoRecord | undefined {
    const record = this.#native.runInfo(db, key);
    return typeof record === 'number' ? undefined : record;
  }

  /** @returns Whether there is such a model or script. */
  resetRunInfo(db: number, key: number): boolean {
    return this.#native.resetRunInfo(db, key) >= 0;
  }

  /** Rows key, tag, key, tag and so on; numbers[0] is how many in all. @returns Rows in the first piece. */
  scanModels(db: number): number {
    return this.#native.scanModels(db);
  }

  scanScripts(db: number): number {
    return this.#native.scanScripts(db);
  }

  /** Rows key, statistics, key, statistics of all models and scripts: `name=value`, with commas between. */
  scanRunStatistics(db: number): number {
    return this.#native.scanRunStatistics(db);
  }

  /** Goes through the rows of a scan, its further pieces too. A row is valid during the call. */
  forEachRow(countInPiece: number, take: (row: Buffer, index: number) => void): void {
    let index = 0;
    for (let count = countInPiece; ; count = this.#native.rowsNext()) {
      const hasMore = this.numbers[1] === 1;
      let at = 0;
      for (let i = 0; i < count; i++) {
        const byteCount = this.#rows.readUInt32LE(at);
        at += 4;
        if (byteCount === ROW_REFERENCE) {
          this.#takeReference(this.#rows.readUInt32LE(at), (row) => take(row, index++));
          at += 12;
        } else {
          take(this.#rows.subarray(at, at + byteCount), index++);
          at += byteCount;
        }
      }
      if (!hasMore) return;
    }
  }

  #takeReference(id: number, take: (row: Buffer) => void): void {
    const view = this.#native.replyBlobView(id, 0, this.#native.replyBlobBytes(id));
    take(view);
    this.#native.detach(view.buffer);
    this.#native.replyBlobRelease(id);
  }

  loadBackend(backend: number, ticket: Ticket): void {
    this.#native.loadBackend(backend, ticket.connection, ticket.sequence);
  }

  /** Empty if it is not loaded. */
  backendVersion(backend: number): string {
    return this.#native.backendVersion(backend);
  }

  /** What a backend's runtime has taken of our memory, and how often it took or gave back some. */
  backendMemory(backend: number): { usedBytes: number; accessCount: number } {
    this.#native.backendMemory(backend);
    return { usedBytes: this.numbers[0] ?? 0, accessCount: this.numbers[1] ?? 0 };
  }

  /** CPU seconds of each run thread, by the name of its queue. */
  queueCpuSeconds(): Map<string, number[]> {
    const names = this.#native.queueNames();
    return new Map(names.map((name) => [name, this.#native.queueThreadCpuSeconds(name)]));
  }
}

function modelArguments(words: ModelWords): ModelWordArguments {
  return [
    words.backend,
    words.device,
    words.tag,
    words.batchSize,
    words.minBatchSize,
    words.minBatchTimeoutMs,
    words.firstInput,
    words.inputCount,
    words.firstOutput,
    words.outputCount,
    words.firstChunk,
    words.chunkCount,
  ];
}

function scriptArguments(words: ScriptWords): ScriptWordArguments {
  return [words.device, words.tag, words.firstEntryPoint, words.entryPointCount, words.source];
}

function recordOf<T>(result: T | number): T | undefined {
  if (typeof result !== 'number') return result;
  if (result === -codes.notFound) return undefined;
  throw failure(result);
}

/** Of a device that the core does not know: the other words have been checked. */
function storeFailure(result: number): ReplyError {
  return result === -codes.invalidValue ? replyErrors.unsupportedDevice() : failure(result);
}

function dagFailure(result: number, place: number | undefined): ReplyError {
  if (result !== -codes.notFound) return failure(result);
  switch (place) {
    case dagPlaces.model:
      return replyErrors.modelMissing();
    case dagPlaces.script:
      return replyErrors.scriptMissing();
    case dagPlaces.input:
      return replyErrors.dagInputMissing();
    case dagPlaces.persist:
      return replyErrors.persistMissing();
    default:
      return replyErrors.tensorMissing();
  }
}

function inputFailure(result: number): ReplyError {
  if (result <= -INPUT_WRONG_TYPE) return replyErrors.wrongType();
  if (result <= -INPUT_MISSING) return replyErrors.tensorMissing();
  return failure(result);
}
