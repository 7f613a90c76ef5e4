// AI.SCRIPT* (compat.md 1.4), checked in RedisAI's order and words
// (RedisAI:src/execution/parsing/script_commands_parser.c, deprecated.c).

import { replyErrors } from '../core/errors.ts';
import { valueKinds } from '../engine/addon.ts';
import type { ScriptRunWords, ScriptWords } from '../engine/engine.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey, type Prepared, type Words } from './command.ts';
import { countedKeys, range, replyTexts } from './model.ts';
import { movableWrite, readonly, write, writeDenyoom } from './rows.ts';
import { looseCountOf, nothingOrFailure, okOrFailure, shown, timeoutOf } from './words.ts';

const shape = { group: 'ai', since: '1.0.0', arity: -1, keys: firstArgIsKey };

export const scriptCommands: readonly Command[] = [
  {
    ...shape,
    name: 'ai.scriptstore',
    summary: 'Stores a TorchScript source with its entry points.',
    since: '1.2.5',
    flags: writeDenyoom,
    run: (call) => queueScript(call, readStore(call)),
    prepare: (call) => prepareScript(call, readStore(call)),
  },
  {
    ...shape,
    name: 'ai.scriptset',
    summary: 'Stores a TorchScript source without entry points; deprecated.',
    flags: writeDenyoom,
    run: (call) => queueScript(call, readSet(call)),
    prepare: (call) => prepareScript(call, readSet(call)),
  },
  {
    ...shape,
    name: 'ai.scriptget',
    summary: "Returns a script's options, its source, or both.",
    flags: readonly,
    run: getScript,
  },
  {
    ...shape,
    name: 'ai.scriptdel',
    summary: 'Deletes a script.',
    flags: write,
    run({ client, command, keyspace, reply, request }) {
      if (request.count !== 2) throw replyErrors.wrongArity(command.name);
      const kind = keyspace.kind(client.db, 1);
      if (kind === valueKinds.none) throw replyErrors.scriptMissing();
      if (kind !== valueKinds.script) throw replyErrors.wrongType();
      keyspace.delete(client.db, 1, 1);
      reply.ok();
    },
  },
  {
    ...shape,
    name: 'ai.scriptexecute',
    summary: 'Runs a function of a script on stored tensors and stores its outputs.',
    since: '1.2.5',
    flags: movableWrite,
    keys: { first: 5, last: 5, step: 1, find: findExecuteKeys },
    refusedInTransaction: replyErrors.notInAiTransaction,
    run: executeScript,
  },
  {
    ...shape,
    name: 'ai.scriptrun',
    summary: 'Runs a function of a script; deprecated, lists come without counts.',
    flags: movableWrite,
    keys: { first: 4, last: 4, step: 1, find: findRunKeys },
    refusedInTransaction: replyErrors.notInAiTransaction,
    run: runScript,
  },
];

// --- AI.SCRIPTSTORE, AI.SCRIPTSET, AI.SCRIPTGET ---

function readTag(request: Request): { tag: number; next: number } {
  return request.is(3, 'TAG') ? { tag: 4, next: 5 } : { tag: -1, next: 3 };
}

function readStore({ command, request }: Call): ScriptWords {
  const { count } = request;
  if (count < 8) throw replyErrors.wrongArity(command.name);
  const { tag, next } = readTag(request);
  if (!request.is(next, 'ENTRY_POINTS')) throw replyErrors.noEntryPoints();
  const entryPointCount = looseCountOf(request, next + 1);
  if (entryPointCount === undefined) throw replyErrors.entryPointCount();
  const firstEntryPoint = next + 2;
  const source = firstEntryPoint + entryPointCount;
  if (source > count) throw replyErrors.noEntryPoints();
  if (source + 1 >= count || !request.is(source, 'SOURCE')) throw replyErrors.sourceMissing();
  return { ...fixedWords, tag, firstEntryPoint, entryPointCount, source: source + 1 };
}

function readSet({ command, request }: Call): ScriptWords {
  const { count } = request;
  if (count !== 5 && count !== 7) throw replyErrors.wrongArity(command.name);
  const { tag, next } = readTag(request);
  if (next + 1 >= count || !request.is(next, 'SOURCE')) throw replyErrors.sourceMissing();
  return { ...fixedWords, tag, firstEntryPoint: 0, entryPointCount: 0, source: next + 1 };
}

const fixedWords = { key: 1, device: 2 };

function queueScript(call: Call, words: ScriptWords): void {
  call.engine.storeScript(call.client.db, words, call.wait(okOrFailure));
}

function prepareScript(call: Call, words: ScriptWords): Prepared {
  return call.engine.prepareScript(words, call.wait(nothingOrFailure));
}

function getScript({ client, command, engine, reply, request }: Call): void {
  const { count } = request;
  if (count < 2 || count > 4) throw replyErrors.wrongArity(command.name);
  const script = engine.findScript(client.db, 1);
  if (script === undefined) throw replyErrors.scriptMissing();
  let wantsMeta = false;
  let wantsSource = false;
  for (let i = 2; i < count; i++) {
    wantsMeta ||= request.is(i, 'META');
    wantsSource ||= request.is(i, 'SOURCE');
  }
  if (!wantsMeta && !wantsSource) wantsMeta = wantsSource = true;
  if (wantsMeta) {
    reply.array(wantsSource ? 8 : 6);
    reply.bulk('device');
    reply.bulk(script.device);
    reply.bulk('tag');
    reply.bulk(script.tag);
    reply.bulk('Entry Points');
    replyTexts(reply, script.entryPoints);
    if (wantsSource) reply.bulk('source');
  }
  if (wantsSource) reply.bulk(script.source);
}

// --- AI.SCRIPTEXECUTE ---

/** Of both run commands: the script at word `key` must be there. */
function checkScript({ client, keyspace }: Call, key: number): void {
  const kind = keyspace.kind(client.db, key);
  if (kind === valueKinds.none) throw replyErrors.scriptMissing();
  if (kind !== valueKinds.script) throw replyErrors.wrongType();
}

const scopes = [
  { keyword: 'KEYS', field: 'keys', what: 'keys', countWords: 'keys' },
  { keyword: 'INPUTS', field: 'inputs', what: 'inputs', countWords: 'inputs' },
  { keyword: 'OUTPUTS', field: 'outputs', what: 'outputs', countWords: 'outputs' },
  // Sic: RedisAI speaks of keys here.
  { keyword: 'ARGS', field: 'args', what: 'args', countWords: 'keys' },
] as const;

function executeScript(call: Call): void {
  queueScriptRun(call, readScriptExecute(call, 0, call.request.count, false));
}

/**
 * AI.SCRIPTEXECUTE, the words from `start` up to `end`, as a command or a DAG's operation, whose inputs
 * and outputs are names. @throws {ReplyError}
 */
export function readScriptExecute(
  call: Call,
  start: number,
  end: number,
  isInDag: boolean,
): ScriptRunWords {
  const { request } = call;
  if (end - start < (isInDag ? 3 : 4)) throw replyErrors.wrongArity('AI.SCRIPTEXECUTE');
  checkScript(call, start + 1);
  let at = start + 3;
  if (!isInDag && !request.is(at, 'KEYS') && !request.is(at, 'INPUTS'))
    throw replyErrors.scopeNotFirst();
  const lists: { [field in (typeof scopes)[number]['field']]?: number[] } = {};
  let timeoutMs = 0;
  while (at < end) {
    if (request.is(at, 'TIMEOUT')) {
      if (isInDag) throw replyErrors.timeoutInDag();
      if (at + 1 >= end) throw replyErrors.noScriptTimeoutValue();
      timeoutMs = timeoutOf(request, at + 1);
      if (at + 2 < end) throw replyErrors.afterScriptTimeout();
      break;
    }
    const scope = scopes.find(({ keyword }) => request.is(at, keyword));
    if (scope === undefined) throw replyErrors.unexpectedInScript(shown(request, at));
    if (lists[scope.field] !== undefined) throw replyErrors.scopeRepeated(scope.keyword);
    const words =
      scope.field === 'keys' ? readKeys(request, at, end) : readScope(request, at, end, scope);
    lists[scope.field] = words;
    at += 2 + words.length;
  }
  return {
    key: start + 1,
    functionName: start + 2,
    keys: lists.keys ?? [],
    inputs: lists.inputs ?? [],
    args: lists.args ?? [],
    outputs: lists.outputs ?? [],
    variadicFrom: -1,
    timeoutMs,
  };
}

function readKeys(request: Request, at: number, end: number): number[] {
  // As in RedisAI a number without any key is as good as none.
  if (at + 2 >= end) throw replyErrors.keysMissing();
  const keyCount = request.integer(at + 1);
  if (keyCount === undefined || keyCount <= 0) throw replyErrors.keyCount();
  if (at + 2 + keyCount > end) throw replyErrors.tooFewKeys();
  return range(at + 2, keyCount);
}

function readScope(
  request: Request,
  at: number,
  end: number,
  scope: (typeof scopes)[number],
): number[] {
  if (at + 1 >= end) throw replyErrors.scopeAtEnd();
  const wordCount = request.integer(at + 1);
  if (wordCount === undefined || wordCount < 0) throw replyErrors.scopeCount(scope.countWords);
  if (at + 2 + wordCount > end) throw replyErrors.tooFewInScope(scope.what);
  return range(at + 2, wordCount);
}

// --- AI.SCRIPTRUN ---

function runScript(call: Call): void {
  queueScriptRun(call, readScriptRun(call, 0, call.request.count, false));
}

/** AI.SCRIPTRUN, as `readScriptExecute`. @throws {ReplyError} */
export function readScriptRun(
  call: Call,
  start: number,
  end: number,
  isInDag: boolean,
): ScriptRunWords {
  const { request } = call;
  if (end - start < 3) throw replyErrors.wrongArity('AI.SCRIPTRUN');
  checkScript(call, start + 1);
  const inputs: number[] = [];
  const outputs: number[] = [];
  let current: number[] | undefined;
  let variadicFrom = -1;
  let timeoutMs = 0;
  let hasTimeout = false;
  let areInputsDone = false;
  for (let i = start + 3; i < end; i++) {
    if (request.is(i, 'TIMEOUT')) {
      if (isInDag) throw replyErrors.timeoutInDag();
      if (hasTimeout) throw replyErrors.repeatedInScriptRun('TIMEOUT section');
      if (++i >= end) throw replyErrors.noTimeoutValue();
      timeoutMs = timeoutOf(request, i);
      hasTimeout = true;
    } else if (request.is(i, 'INPUTS')) {
      if (areInputsDone) throw replyErrors.repeatedInScriptRun('INPUTS section');
      if (current === inputs) throw replyErrors.repeatedInScriptRun('INPUTS keyword');
      current = inputs;
    } else if (request.is(i, 'OUTPUTS')) {
      if (current === outputs) throw replyErrors.repeatedInScriptRun('OUTPUTS keyword');
      current = outputs;
      areInputsDone = true;
    } else if (request.is(i, '$')) {
      if (current !== inputs) throw replyErrors.variadicOutsideInputs();
      if (variadicFrom !== -1) throw replyErrors.secondVariadic();
      variadicFrom = inputs.length;
    } else if (current !== undefined) current.push(i);
    else throw replyErrors.unexpectedInScriptRun();
  }
  return {
    key: start + 1,
    functionName: start + 2,
    keys: [],
    inputs,
    args: [],
    outputs,
    variadicFrom,
    timeoutMs,
  };
}

function queueScriptRun(call: Call, words: ScriptRunWords): void {
  const { db, user } = call.client;
  call.engine.runScript(db, user, words, call.wait(okOrFailure));
}

// --- which words are keys ---

function findExecuteKeys(words: Words): number[] | undefined {
  if (words.count < 2) return undefined;
  const keys = [1];
  let at = 3;
  while (at < words.count && !words.is(at, 'TIMEOUT')) {
    const scope = scopes.find(({ keyword }) => words.is(at, keyword));
    const found = scope && countedKeys(words, at, scope.keyword);
    if (found === undefined) return undefined;
    // Not by a call with as many arguments: the stack ends it at some 100,000.
    if (scope?.field !== 'args') for (const key of found) keys.push(key);
    at += 2 + found.length;
  }
  return keys;
}

function findRunKeys(words: Words): number[] | undefined {
  const keys = [1];
  let isInList = false;
  for (let i = 3; i < words.count; i++) {
    if (words.is(i, 'TIMEOUT')) i++;
    else if (words.is(i, 'INPUTS') || words.is(i, 'OUTPUTS')) isInList = true;
    else if (isInList && !words.is(i, '$')) keys.push(i);
  }
  return isInList ? keys : undefined;
}
