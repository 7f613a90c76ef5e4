// AI.MODEL* (compat.md 1.3). All words are checked here, in RedisAI's order and words
// (RedisAI:src/redisai.c, src/execution/parsing); what takes long, the core does off the loop.

import { replyErrors } from '../core/errors.ts';
import { backendNames, valueKinds } from '../engine/addon.ts';
import type { Engine, ModelRunWords, ModelWords } from '../engine/engine.ts';
import type { ReplyBlob, ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey, type Prepared, type Words } from './command.ts';
import { movableWrite, readonly, write, writeDenyoom } from './rows.ts';
import { looseCountOf, nothingOrFailure, okOrFailure, shown, timeoutOf } from './words.ts';

const shape = { group: 'ai', since: '1.0.0', arity: -1, keys: firstArgIsKey };

export const modelCommands: readonly Command[] = [
  {
    ...shape,
    name: 'ai.modelstore',
    summary: 'Stores a model for a backend and a device.',
    since: '1.2.5',
    flags: writeDenyoom,
    run: (call) => queueModel(call, readStore(call)),
    prepare: (call) => prepareModel(call, readStore(call)),
  },
  {
    ...shape,
    name: 'ai.modelset',
    summary: 'Stores a model; deprecated, inputs and outputs come without counts.',
    flags: writeDenyoom,
    run: (call) => queueModel(call, readSet(call)),
    prepare: (call) => prepareModel(call, readSet(call)),
  },
  {
    ...shape,
    name: 'ai.modelget',
    summary: "Returns a model's options, its blob, or both.",
    flags: readonly,
    run: getModel,
  },
  {
    ...shape,
    name: 'ai.modeldel',
    summary: 'Deletes a model.',
    flags: write,
    run({ client, command, keyspace, reply, request }) {
      if (request.count !== 2) throw replyErrors.wrongArity(command.name);
      const kind = keyspace.kind(client.db, 1);
      if (kind === valueKinds.none) throw replyErrors.modelMissing();
      if (kind !== valueKinds.model) throw replyErrors.wrongType();
      keyspace.delete(client.db, 1, 1);
      reply.ok();
    },
  },
  {
    ...shape,
    name: 'ai.modelexecute',
    summary: 'Runs a model on stored tensors and stores its outputs.',
    since: '1.2.5',
    flags: movableWrite,
    keys: { first: 4, last: 4, step: 1, find: findExecuteKeys },
    refusedInTransaction: replyErrors.notInAiTransaction,
    run: executeModel,
  },
  {
    ...shape,
    name: 'ai.modelrun',
    summary: 'Runs a model; deprecated, inputs and outputs come without counts.',
    flags: movableWrite,
    keys: { first: 3, last: 3, step: 1, find: findRunKeys },
    refusedInTransaction: replyErrors.notInAiTransaction,
    run: runModel,
  },
];

// --- AI.MODELSTORE and AI.MODELSET ---

const TF = 0;
const TFLITE = 1;
/** Longer device names are none (RedisAI:src/redisai.c). */
const DEVICE_BYTES_MAX = 9;

/** The code of the backend that word `i` names. @throws {ReplyError} */
export function backendAt(request: Request, i: number): number {
  const backend = backendNames.findIndex((name) => request.is(i, name));
  if (backend === -1) throw replyErrors.unsupportedBackend();
  return backend;
}

function isDevice(request: Request, i: number): boolean {
  return request.length(i) <= DEVICE_BYTES_MAX && /^(CPU|GPU)(:[0-9]+)?$/i.test(request.text(i));
}

interface Batching {
  tag: number;
  batchSize: number;
  minBatchSize: number;
  minBatchTimeoutMs: number;
  /** The first word after the options. */
  next: number;
}

/**
 * [TAG t] [BATCHSIZE n] [MINBATCHSIZE m] [MINBATCHTIMEOUT ms] from word 4 on, in this order. AI.MODELSTORE takes a 0
 * where an option before it is missing or 0, AI.MODELSET refuses the option itself (RedisAI:src/redisai.c).
 */
function readBatching(request: Request, backend: number, isDeprecated: boolean): Batching {
  const options = { tag: -1, batchSize: 0, minBatchSize: 0, minBatchTimeoutMs: 0, next: 4 };
  const { count } = request;
  const isNext = (name: string) => options.next < count && request.is(options.next, name);
  const readCount = (name: string) => {
    const at = options.next + 1;
    const value = at < count ? looseCountOf(request, at) : undefined;
    if (value === undefined) throw replyErrors.invalidOption(name);
    options.next += 2;
    return value;
  };
  if (isNext('TAG')) {
    options.tag = options.next + 1 < count ? options.next + 1 : -1;
    options.next += 2;
  }
  if (isNext('BATCHSIZE')) {
    if (isDeprecated && backend === TFLITE) throw replyErrors.noBatchingInTflite();
    options.batchSize = readCount('BATCHSIZE');
  }
  const readDependent = (name: string, needed: string, isThere: boolean) => {
    if (isDeprecated && !isThere) throw replyErrors.optionWithout(name, needed);
    const value = readCount(name);
    if (!isThere && value > 0) throw replyErrors.optionWithout(name, needed);
    return value;
  };
  if (isNext('MINBATCHSIZE'))
    options.minBatchSize = readDependent('MINBATCHSIZE', 'BATCHSIZE', options.batchSize > 0);
  if (isNext('MINBATCHTIMEOUT')) {
    const needed = isDeprecated && options.batchSize === 0 ? 'BATCHSIZE' : 'MINBATCHSIZE';
    const isThere = options.minBatchSize > 0;
    options.minBatchTimeoutMs = readDependent('MINBATCHTIMEOUT', needed, isThere);
  }
  return options;
}

interface Names {
  firstInput: number;
  inputCount: number;
  firstOutput: number;
  outputCount: number;
  /** Where BLOB is expected. */
  next: number;
}

function noNames(next: number): Names {
  return { firstInput: 0, inputCount: 0, firstOutput: 0, outputCount: 0, next };
}

function readStore({ command, request }: Call): ModelWords {
  const { count } = request;
  if (count < 6) throw replyErrors.wrongArity(command.name);
  const backend = backendAt(request, 2);
  if (!isDevice(request, 3)) throw replyErrors.invalidDevice();
  const options = readBatching(request, backend, false);
  if (options.next >= count) throw replyErrors.blobMissing();
  if (backend !== TF && request.is(options.next, 'INPUTS')) throw replyErrors.inputsNotAllowed();
  const names = backend === TF ? readCountedNames(request, options.next) : noNames(options.next);
  if (names.next >= count || !request.is(names.next, 'BLOB')) throw replyErrors.blobExpected();
  if (names.next + 1 >= count) throw replyErrors.blobMissing();
  return modelWords(request, backend, options, names);
}

/** INPUTS n name ... OUTPUTS n name ... */
function readCountedNames(request: Request, start: number): Names {
  const inputs = readCountedList(request, start, 'inputs');
  const outputs = readCountedList(request, inputs.next, 'outputs');
  return {
    firstInput: inputs.first,
    inputCount: inputs.count,
    firstOutput: outputs.first,
    outputCount: outputs.count,
    next: outputs.next,
  };
}

function readCountedList(request: Request, start: number, list: 'inputs' | 'outputs') {
  const keyword = list === 'inputs' ? 'INPUTS' : 'OUTPUTS';
  if (start >= request.count || !request.is(start, keyword))
    throw replyErrors.listMissingForTf(list);
  const count = start + 1 < request.count ? looseCountOf(request, start + 1) : undefined;
  if (count === undefined || count === 0) throw replyErrors.invalidListCount(list);
  const first = start + 2;
  if (request.count - first < count) throw replyErrors.tooFewModelNames(list);
  return { first, count, next: first + count };
}

function readSet({ command, request }: Call): ModelWords {
  const { count } = request;
  if (count < 4) throw replyErrors.wrongArity(command.name);
  const backend = backendAt(request, 2);
  const isKeyword = modelSetKeywords.some((keyword) => request.is(3, keyword));
  if (request.length(3) > DEVICE_BYTES_MAX + 1 || isKeyword) throw replyErrors.invalidDevice();
  const options = readBatching(request, backend, true);
  if (options.next >= count) throw replyErrors.blobMissing();
  const blob = indexOf(request, 'BLOB', options.next, count);
  const names = backend === TF ? readUncountedNames(request, options.next, blob) : noNames(blob);
  if (blob + 1 >= count) throw replyErrors.blobMissing();
  return modelWords(request, backend, options, names);
}

const modelSetKeywords = [
  'INPUTS',
  'OUTPUTS',
  'TAG',
  'BATCHSIZE',
  'MINBATCHSIZE',
  'MINBATCHTIMEOUT',
  'BLOB',
];

/** INPUTS name ... OUTPUTS name ..., up to word `end`. */
function readUncountedNames(request: Request, start: number, end: number): Names {
  if (start === end) throw replyErrors.noInputsAndOutputs();
  if (!request.is(start, 'INPUTS')) throw replyErrors.listMissing('inputs');
  const outputs = indexOf(request, 'OUTPUTS', start + 1, end);
  if (outputs === end) throw replyErrors.listMissing('outputs');
  return {
    firstInput: start + 1,
    inputCount: outputs - start - 1,
    firstOutput: outputs + 1,
    outputCount: end - outputs - 1,
    next: end,
  };
}

/** Where `keyword` stands from `start` on; `end` if nowhere. */
function indexOf(words: Words, keyword: string, start: number, end: number): number {
  let at = start;
  while (at < end && !words.is(at, keyword)) at++;
  return at;
}

function modelWords(
  request: Request,
  backend: number,
  options: Batching,
  names: Names,
): ModelWords {
  const firstChunk = names.next + 1;
  return {
    key: 1,
    backend,
    device: 3,
    tag: options.tag,
    batchSize: options.batchSize,
    minBatchSize: options.minBatchSize,
    minBatchTimeoutMs: options.minBatchTimeoutMs,
    firstInput: names.firstInput,
    inputCount: names.inputCount,
    firstOutput: names.firstOutput,
    outputCount: names.outputCount,
    firstChunk,
    chunkCount: request.count - firstChunk,
  };
}

function queueModel(call: Call, words: ModelWords): void {
  call.engine.storeModel(call.client.db, words, call.wait(okOrFailure));
}

function prepareModel(call: Call, words: ModelWords): Prepared {
  return call.engine.prepareModel(words, call.wait(nothingOrFailure));
}

// --- AI.MODELGET ---

function getModel({ client, command, engine, reply, request, server }: Call): void {
  const { count } = request;
  if (count < 2 || count > 4) throw replyErrors.wrongArity(command.name);
  const model = engine.findModel(client.db, 1);
  if (model === undefined) throw replyErrors.modelMissing();
  let wantsMeta = false;
  let wantsBlob = false;
  for (let i = 2; i < count; i++) {
    wantsMeta ||= request.is(i, 'META');
    wantsBlob ||= request.is(i, 'BLOB');
  }
  if (!wantsMeta && !wantsBlob) wantsMeta = wantsBlob = true;
  const chunkBytes = server.settings.modelChunkBytes;
  // Before the first byte of the reply: this may fail.
  const chunks = wantsBlob ? engine.modelBlob(chunkBytes) : [];
  if (!wantsBlob) engine.drop();
  if (wantsMeta) {
    reply.array(wantsBlob ? 18 : 16);
    reply.bulk('backend');
    reply.bulk(backendNames[model.backend] ?? '');
    reply.bulk('device');
    reply.bulk(model.device);
    reply.bulk('tag');
    reply.bulk(model.tag);
    reply.bulk('batchsize');
    reply.integer(model.batchSize);
    reply.bulk('minbatchsize');
    reply.integer(model.minBatchSize);
    reply.bulk('inputs');
    replyTexts(reply, model.inputs);
    reply.bulk('outputs');
    replyTexts(reply, model.outputs);
    reply.bulk('minbatchtimeout');
    reply.integer(model.minBatchTimeoutMs);
    if (wantsBlob) reply.bulk('blob');
  }
  if (wantsBlob) replyChunks(reply, engine, chunks, model.blobBytes, chunkBytes);
}

export function replyTexts(reply: ReplyEncoder, texts: readonly string[]): void {
  reply.array(texts.length);
  for (const text of texts) reply.bulk(text);
}

/** @param pieces Of the blob, none of which spans two chunks. */
function replyChunks(
  reply: ReplyEncoder,
  engine: Engine,
  pieces: readonly number[],
  blobBytes: number,
  chunkBytes: number,
): void {
  if (blobBytes >= chunkBytes) reply.array(Math.ceil(blobBytes / chunkBytes));
  let next = 0;
  let leftBytes = blobBytes;
  do {
    const replyBytes = Math.min(chunkBytes, leftBytes);
    const blobs: ReplyBlob[] = [];
    for (let bytes = 0; bytes < replyBytes; ) {
      const id = pieces[next++]!;
      const byteCount = engine.replyBlobBytes(id);
      blobs.push({ id, byteCount });
      bytes += byteCount;
    }
    reply.replyBlobs(blobs, replyBytes);
    leftBytes -= replyBytes;
  } while (leftBytes > 0);
}

// --- AI.MODELEXECUTE and AI.MODELRUN ---

function executeModel(call: Call): void {
  queueRun(call, readModelExecute(call, 0, call.request.count, false));
}

/**
 * AI.MODELEXECUTE, the words from `start` up to `end`, as a command or a DAG's operation, whose inputs
 * and outputs are names. @throws {ReplyError}
 */
export function readModelExecute(
  { client, engine, request }: Call,
  start: number,
  end: number,
  isInDag: boolean,
): ModelRunWords {
  if (end - start < 8) throw replyErrors.wrongArity('AI.MODELEXECUTE');
  const key = start + 1;
  if (!engine.findModelArity(client.db, key)) throw replyErrors.modelMissing();
  const definedInputs = engine.numbers[0] ?? 0;
  const definedOutputs = engine.numbers[1] ?? 0;
  const firstInput = start + 4;
  const inputCount = readKeyCount(request, start + 2, end, 'inputs', definedInputs);
  const outputs = firstInput + inputCount;
  const outputCount = readKeyCount(request, outputs, end, 'outputs', definedOutputs);
  const firstOutput = outputs + 2;
  const next = firstOutput + outputCount;
  let timeoutMs = 0;
  if (next < end) {
    if (!request.is(next, 'TIMEOUT')) throw replyErrors.invalidArgument(shown(request, next));
    if (isInDag) throw replyErrors.timeoutInDag();
    if (next + 1 === end) throw replyErrors.noTimeoutValue();
    timeoutMs = timeoutOf(request, next + 1);
    if (next + 2 < end) throw replyErrors.invalidArgument(shown(request, next + 2));
  }
  return { key, firstInput, inputCount, firstOutput, outputCount, timeoutMs };
}

/** `INPUTS n` or `OUTPUTS n` at word `at`, whose keys must be there before `end`. @returns n. */
function readKeyCount(
  request: Request,
  at: number,
  end: number,
  list: 'inputs' | 'outputs',
  defined: number,
): number {
  const keyword = list === 'inputs' ? 'INPUTS' : 'OUTPUTS';
  if (at >= end || !request.is(at, keyword)) throw replyErrors.listMissing(list);
  const exact = at + 1 < end ? (request.integer(at + 1) ?? request.bigint(at + 1)) : undefined;
  if (exact === undefined) throw replyErrors.invalidListCount(list);
  if (exact <= 0) throw replyErrors.countNotPositive(list);
  const keyCount = Number(exact);
  if (!isAsDefined(keyCount, defined)) throw replyErrors.notAsModelDefines(list);
  if (at + 2 + keyCount > end) throw replyErrors.tooFewModelKeys(list);
  return keyCount;
}

/** -1: a TorchScript list, whose length only a run tells. */
const isAsDefined = (count: number, defined: number) => defined === -1 || count === defined;

function runModel(call: Call): void {
  queueRun(call, readModelRun(call, 0, call.request.count, false));
}

/** AI.MODELRUN, as `readModelExecute`. @throws {ReplyError} */
export function readModelRun(
  { client, engine, request }: Call,
  start: number,
  end: number,
  isInDag: boolean,
): ModelRunWords {
  if (end - start < 6) throw replyErrors.wrongArity('AI.MODELRUN');
  const key = start + 1;
  if (!engine.findModelArity(client.db, key)) throw replyErrors.modelMissing();
  const definedInputs = engine.numbers[0] ?? 0;
  const definedOutputs = engine.numbers[1] ?? 0;
  let at = start + 2;
  let timeoutMs = 0;
  if (request.is(at, 'TIMEOUT')) {
    if (isInDag) throw replyErrors.timeoutInDag();
    timeoutMs = timeoutOf(request, at + 1);
    at += 2;
  }
  if (!request.is(at, 'INPUTS')) throw replyErrors.listMissing('inputs');
  const firstInput = at + 1;
  const outputs = indexOf(request, 'OUTPUTS', firstInput, end);
  const inputCount = outputs - firstInput;
  const outputCount = Math.max(end - outputs - 1, 0);
  if (!isAsDefined(inputCount, definedInputs)) throw replyErrors.notAsModelDefines('inputs');
  if (!isAsDefined(outputCount, definedOutputs)) throw replyErrors.notAsModelDefines('outputs');
  return { key, firstInput, inputCount, firstOutput: outputs + 1, outputCount, timeoutMs };
}

function queueRun(call: Call, words: ModelRunWords): void {
  if (call.engine.runModel(call.client.db, words)) call.reply.ok();
  else call.engine.queueModelRun(call.wait(okOrFailure));
}

// --- which words are keys ---

/** Words `first` ... `first + count`. */
export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** @returns The keys of `KEYWORD n key ...` at word `at`, or undefined if that is not there. */
export function countedKeys(words: Words, at: number, keyword: string): number[] | undefined {
  if (at + 1 >= words.count || !words.is(at, keyword)) return undefined;
  const count = words.integer(at + 1);
  if (count === undefined || count < 0 || at + 2 + count > words.count) return undefined;
  return range(at + 2, count);
}

function findExecuteKeys(words: Words): number[] | undefined {
  const inputs = countedKeys(words, 2, 'INPUTS');
  const outputs = inputs && countedKeys(words, 4 + inputs.length, 'OUTPUTS');
  return outputs && [1, ...inputs, ...outputs];
}

function findRunKeys(words: Words): number[] | undefined {
  const inputs = indexOf(words, 'INPUTS', 2, words.count);
  if (inputs >= words.count) return undefined;
  const after = range(inputs + 1, words.count - inputs - 1);
  return [1, ...after.filter((i) => !words.is(i, 'OUTPUTS'))];
}
