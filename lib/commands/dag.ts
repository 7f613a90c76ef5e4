// AI.DAGEXECUTE, AI.DAGRUN and their read-only forms (compat.md 1.5), checked in RedisAI's order and
// words (RedisAI:src/execution/DAG, src/execution/parsing/dag_parser.c).

import { replyErrors } from '../core/errors.ts';
import { codes } from '../engine/addon.ts';
import type { DagWords } from '../engine/dag-words.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command, Ticket, Words } from './command.ts';
import { range, readModelExecute, readModelRun } from './model.ts';
import { movableWrite } from './rows.ts';
import { readScriptExecute, readScriptRun } from './script.ts';
import { readTensorFormat, readTensorWords, replyTensor } from './tensor.ts';
import { shown, timeoutOf } from './words.ts';

/** How the four commands differ. */
interface DagKind {
  readonly name: string;
  readonly wordsMin: number;
  readonly isReadOnly: boolean;
  /** The AI.DAGRUN pair: clauses are optional, and operations are those of their time. */
  readonly isDeprecated: boolean;
}

const movableRead = ['readonly', 'movablekeys'] as const;

function row(kind: DagKind, since: string, summary: string): Command {
  return {
    name: kind.name.toLowerCase(),
    summary,
    group: 'ai',
    since,
    arity: -1,
    flags: kind.isReadOnly ? movableRead : movableWrite,
    keys: { first: 3, last: 3, step: 1, find: findKeys },
    refusedInTransaction: replyErrors.notInAiTransaction,
    run: (call) => executeDag(call, kind),
  };
}

export const dagCommands: readonly Command[] = [
  row(
    { name: 'AI.DAGEXECUTE', wordsMin: 6, isReadOnly: false, isDeprecated: false },
    '1.2.5',
    'Sets and gets tensors and runs models and scripts on them, all within one command.',
  ),
  row(
    { name: 'AI.DAGEXECUTE_RO', wordsMin: 6, isReadOnly: true, isDeprecated: false },
    '1.2.5',
    'As AI.DAGEXECUTE, without PERSIST and without scripts.',
  ),
  row(
    { name: 'AI.DAGRUN', wordsMin: 4, isReadOnly: false, isDeprecated: true },
    '1.0.0',
    'As AI.DAGEXECUTE with AI.MODELRUN and AI.SCRIPTRUN; deprecated.',
  ),
  row(
    { name: 'AI.DAGRUN_RO', wordsMin: 4, isReadOnly: true, isDeprecated: true },
    '1.0.0',
    'As AI.DAGRUN, without PERSIST; deprecated.',
  ),
];

/** Before each operation. */
const PIPE = '|>';

/** What an operation answers: these, or the format of the tensor it gets (`readTensorFormat`, more than 0). */
const SETS = 0;
const RUNS = -1;

function executeDag(call: Call, kind: DagKind): void {
  const { client, engine, request } = call;
  const operations = readDag(call, kind);
  const ticket = call.wait((reply, code) => {
    if (code === codes.timedOut) reply.simple('TIMEDOUT');
    else replyOperations(call, operations, ticket);
  });
  if (!engine.executeDag(client.db, client.user, request.count, ticket)) return;
  ticket.finish(codes.ok, '');
  engine.closeDag();
}

/** Reads all words into `engine.dagWords`. @returns What each operation answers. @throws {ReplyError} */
function readDag(call: Call, kind: DagKind): number[] {
  const { client, engine, request } = call;
  if (request.count < kind.wordsMin) {
    throw kind.isDeprecated
      ? replyErrors.wrongArity(kind.name)
      : replyErrors.dagArgumentsMissing(kind.name);
  }
  const words = engine.dagWords;
  words.clear();
  try {
    return readOperations(call, kind, readClauses(request, kind, words));
  } catch (error) {
    // What is wrong with tensors and keys before the word that is wrong comes first.
    engine.checkDag(client.db);
    throw error;
  }
}

/** @returns Where the first operation's `|>` stands. */
function readClauses(request: Request, kind: DagKind, words: DagWords): number {
  const { count } = request;
  const seen = new Set<string>();
  let at = 1;
  while (at < count && !(request.is(at, PIPE) && at + 1 < count)) {
    const clause = clauses.find((name) => request.is(at, name) && !seen.has(name));
    if (clause === undefined) throw replyErrors.unexpectedInDag(shown(request, at));
    seen.add(clause);
    at += clauseReaders[clause](request, at, kind, words);
  }
  if (at < count && request.is(count - 1, PIPE)) throw replyErrors.unexpectedInDag(PIPE);
  if (!kind.isDeprecated && !['LOAD', 'PERSIST', 'ROUTING'].some((name) => seen.has(name)))
    throw replyErrors.dagClauseMissing();
  if (at === count) throw replyErrors.dagEmpty();
  return at;
}

const clauses = ['LOAD', 'PERSIST', 'ROUTING', 'TIMEOUT'] as const;

/** Each reads the clause at word `at`. @returns How many words it has. @throws {ReplyError} */
const clauseReaders: Readonly<
  Record<
    (typeof clauses)[number],
    (request: Request, at: number, kind: DagKind, words: DagWords) => number
  >
> = {
  LOAD(request, at, _, words) {
    const keyCount = readKeyCount(request, at, 'LOAD');
    words.load(at + 2, keyCount);
    return 2 + keyCount;
  },
  PERSIST(request, at, kind, words) {
    if (kind.isReadOnly) throw replyErrors.persistInReadOnlyDag();
    const keyCount = readKeyCount(request, at, 'PERSIST');
    const keys = range(at + 2, keyCount).map((i) => request.bytes(i).toString('latin1'));
    if (new Set(keys).size < keyCount) throw replyErrors.persistRepeated();
    words.persist(at + 2, keyCount);
    return 2 + keyCount;
  },
  ROUTING(request, at) {
    if (at + 1 >= request.count) throw replyErrors.routingMissing();
    return 2;
  },
  TIMEOUT(request, at, _, words) {
    if (at + 1 >= request.count) throw replyErrors.noTimeoutValue();
    words.timeoutMs = timeoutOf(request, at + 1);
    return 2;
  },
};

/** `n key ...` after the word `at`. @returns n. @throws {ReplyError} */
function readKeyCount(request: Request, at: number, clause: 'LOAD' | 'PERSIST'): number {
  if (at + 2 >= request.count) throw replyErrors.dagKeysMissing(clause);
  const exact = request.integer(at + 1) ?? request.bigint(at + 1);
  if (exact === undefined || exact <= 0) throw replyErrors.dagKeyCount(clause);
  const keyCount = Number(exact);
  if (at + 2 + keyCount > request.count) throw replyErrors.tooFewDagKeys(clause);
  return keyCount;
}

/** Operations from the `|>` at word `first` on. */
function readOperations(call: Call, kind: DagKind, first: number): number[] {
  const { request } = call;
  const { count } = request;
  const operations: number[] = [];
  for (let start = first + 1; start < count; ) {
    let end = start;
    while (end < count && !request.is(end, PIPE)) end++;
    operations.push(readOperation(call, kind, start, end));
    start = end + 1;
  }
  return operations;
}

/** The operation of the words from `start` up to `end`. @returns What it answers. @throws {ReplyError} */
function readOperation(call: Call, kind: DagKind, start: number, end: number): number {
  const { engine, request } = call;
  const words = engine.dagWords;
  const name = operationNames.find((operation) => start < end && request.is(start, operation));
  switch (name) {
    case 'AI.TENSORSET':
      if (end - start < 4) throw replyErrors.wrongArityInDag(name);
      words.setTensor(start + 1, readTensorWords(request, start + 2, end));
      return SETS;
    case 'AI.TENSORGET': {
      if (end - start < 2 || end - start > 4) throw replyErrors.wrongArityInDag(name);
      const format = readTensorFormat(request, start + 2, end);
      words.getTensor(start + 1);
      return format;
    }
    case 'AI.MODELEXECUTE':
      if (kind.isDeprecated) throw replyErrors.notInDeprecatedDag(name);
      words.runModel(readModelExecute(call, start, end, true));
      return RUNS;
    case 'AI.SCRIPTEXECUTE':
      if (kind.isDeprecated) throw replyErrors.notInDeprecatedDag(name);
      if (kind.isReadOnly) throw replyErrors.scriptInReadOnlyDag();
      words.runScript(readScriptExecute(call, start, end, true));
      return RUNS;
    case 'AI.MODELRUN':
      if (!kind.isDeprecated) throw replyErrors.deprecatedInDag(name);
      words.runModel(readModelRun(call, start, end, true));
      return RUNS;
    case 'AI.SCRIPTRUN':
      if (!kind.isDeprecated) throw replyErrors.deprecatedInDag(name);
      words.runScript(readScriptRun(call, start, end, true));
      return RUNS;
    default:
      throw replyErrors.unsupportedInDag();
  }
}

const operationNames = [
  'AI.TENSORSET',
  'AI.TENSORGET',
  'AI.MODELEXECUTE',
  'AI.SCRIPTEXECUTE',
  'AI.MODELRUN',
  'AI.SCRIPTRUN',
] as const;

function replyOperations(
  { engine, keyspace, reply }: Call,
  operations: readonly number[],
  ticket: Ticket,
): void {
  const elementCount = engine.openDag(ticket);
  try {
    reply.array(elementCount);
    for (let i = 0; i < elementCount; i++) {
      // What follows the operations is an error.
      const format = operations[i] ?? RUNS;
      const element = engine.dagElement(i);
      if (element === undefined) reply.simple('NA');
      else if (typeof element !== 'number') reply.error(element);
      else if (format > SETS) replyTensor(keyspace, reply, element, format);
      else reply.ok();
    }
  } finally {
    engine.closeDag();
  }
}

// --- which words are keys ---

/** Keys of LOAD and PERSIST, the value of ROUTING, and the model or script of each AI.MODELEXECUTE and AI.SCRIPTEXECUTE. */
function findKeys(words: Words): number[] | undefined {
  const keys: number[] = [];
  let at = 1;
  while (at < words.count && !words.is(at, PIPE)) {
    if (words.is(at, 'LOAD') || words.is(at, 'PERSIST')) {
      const keyCount = at + 1 < words.count ? words.integer(at + 1) : undefined;
      if (keyCount === undefined || keyCount < 0 || at + 2 + keyCount > words.count)
        return undefined;
      for (const key of range(at + 2, keyCount)) keys.push(key);
      at += 2 + keyCount;
    } else if (words.is(at, 'ROUTING')) {
      if (at + 1 >= words.count) return undefined;
      keys.push(at + 1);
      at += 2;
    } else at++;
  }
  for (; at + 2 < words.count; at++) {
    if (!words.is(at, PIPE)) continue;
    if (words.is(at + 1, 'AI.MODELEXECUTE') || words.is(at + 1, 'AI.SCRIPTEXECUTE'))
      keys.push(at + 2);
  }
  return keys;
}
