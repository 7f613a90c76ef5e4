// AI.MODELSTORE and its like as they stand in append-only files: as clients have sent them, or as a
// RedisAI has rewritten them (RedisAI:src/serialization/AOF, and src/model.c and src/script.c before
// 1.2), in forms that its own commands refuse: a tag without TAG, batches of 0, names that are not
// counted, a script without entry points. As with an RDB nothing is compiled before its first run.

import { replyErrors } from '../core/errors.ts';
import { backendNames } from '../engine/addon.ts';
import type { ModelWords, ScriptWords } from '../engine/engine.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import { backendAt } from './model.ts';
import { looseCountOf } from './words.ts';

/** The table for the commands of a file, in the same order. */
export function commandsForFiles(commands: Iterable<Command>): Command[] {
  return [...commands].map((command) => {
    const run = runs[command.name];
    return run === undefined ? command : { ...command, run };
  });
}

const runs: Readonly<Record<string, Command['run']>> = {
  'ai.modelstore': (call) => keepModel(call, true),
  'ai.modelset': (call) => keepModel(call, false),
  'ai.scriptstore': keepScript,
  'ai.scriptset': keepScript,
};

/** @param isCounted Whether the names of a TF model come with their count, as AI.MODELSTORE has them. */
function keepModel({ client, engine, reply, request }: Call, isCounted: boolean): void {
  engine.keepModel(client.db, readModel(request, isCounted));
  reply.ok();
}

function keepScript({ client, engine, reply, request }: Call): void {
  engine.keepScript(client.db, readScript(request));
  reply.ok();
}

function isAt(request: Request, at: number, ...keywords: readonly string[]): boolean {
  return at < request.count && keywords.some((keyword) => request.is(at, keyword));
}

/** What may follow the device, or the tag of a script: anything else is the tag itself. */
const MODEL_KEYWORDS = [
  ...['BATCHSIZE', 'MINBATCHSIZE', 'MINBATCHTIMEOUT'],
  ...['INPUTS', 'OUTPUTS', 'BLOB'],
];
const SCRIPT_KEYWORDS = ['ENTRY_POINTS', 'SOURCE'];

/** `TAG t`, or `t` alone, at word `at`. */
function readTag(request: Request, at: number, keywords: readonly string[]) {
  if (isAt(request, at, 'TAG')) return { tag: at + 1, next: at + 2 };
  if (at >= request.count || isAt(request, at, ...keywords)) return { tag: -1, next: at };
  return { tag: at, next: at + 1 };
}

/** @throws {ReplyError} */
function readModel(request: Request, isCounted: boolean): ModelWords {
  const { count } = request;
  if (count < 6) throw replyErrors.blobMissing();
  const backend = backendAt(request, 2);
  const { tag, next } = readTag(request, 4, MODEL_KEYWORDS);
  let at = next;
  const readOption = (name: string) => {
    if (!isAt(request, at, name)) return 0;
    const value = at + 1 < count ? looseCountOf(request, at + 1) : undefined;
    if (value === undefined) throw replyErrors.invalidOption(name);
    at += 2;
    return value;
  };
  const batchSize = readOption('BATCHSIZE');
  const minBatchSize = readOption('MINBATCHSIZE');
  const minBatchTimeoutMs = readOption('MINBATCHTIMEOUT');
  const inputs = readNames(request, at, 'INPUTS', 'OUTPUTS', isCounted);
  const outputs = readNames(request, inputs.next, 'OUTPUTS', 'BLOB', isCounted);
  const firstChunk = outputs.next + 1;
  if (!isAt(request, outputs.next, 'BLOB') || firstChunk >= count) throw replyErrors.blobExpected();
  // Of others the names come from the model itself.
  const hasNames = backendNames[backend] === 'TF';
  return {
    key: 1,
    backend,
    device: 3,
    tag,
    batchSize,
    minBatchSize,
    minBatchTimeoutMs,
    firstInput: inputs.first,
    inputCount: hasNames ? inputs.count : 0,
    firstOutput: outputs.first,
    outputCount: hasNames ? outputs.count : 0,
    firstChunk,
    chunkCount: count - firstChunk,
  };
}

/** The names behind `keyword` at word `at`, up to `end`; none if it is not there. */
function readNames(
  request: Request,
  at: number,
  keyword: string,
  end: string,
  isCounted: boolean,
): { first: number; count: number; next: number } {
  if (!isAt(request, at, keyword)) return { first: 0, count: 0, next: at };
  const nameCount = isCounted && at + 1 < request.count ? looseCountOf(request, at + 1) : undefined;
  if (nameCount !== undefined && isAt(request, at + 2 + nameCount, end))
    return { first: at + 2, count: nameCount, next: at + 2 + nameCount };
  let next = at + 1;
  while (next < request.count && !isAt(request, next, end)) next++;
  return { first: at + 1, count: next - at - 1, next };
}

/** @throws {ReplyError} */
function readScript(request: Request): ScriptWords {
  const { count } = request;
  const { tag, next } = readTag(request, 3, SCRIPT_KEYWORDS);
  let at = next;
  let entryPointCount = 0;
  let firstEntryPoint = 0;
  if (isAt(request, at, 'ENTRY_POINTS')) {
    const given = at + 1 < count ? looseCountOf(request, at + 1) : undefined;
    if (given === undefined) throw replyErrors.entryPointCount();
    entryPointCount = given;
    firstEntryPoint = at + 2;
    at = firstEntryPoint + entryPointCount;
  }
  if (isAt(request, at, 'SOURCE')) at++;
  if (at !== count - 1) throw replyErrors.sourceMissing();
  return { key: 1, device: 2, tag, firstEntryPoint, entryPointCount, source: at };
}
